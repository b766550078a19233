"""Momus beside its peers on the same work, in one run; ratios, losses included."""
