"""Models that small changes turn, and models that hold at the chosen epsilon."""
