"""Models that a frame puts to another job, and models that it does not."""
