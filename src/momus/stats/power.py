"""How many samples a verdict needs. `plan` warns before running when a pass is impossible."""

from __future__ import annotations

from momus.stats.intervals import wilson


def least_n_to_pass(limit: float, level: float = 0.95) -> int:
    """Least n at which a share of 0 events lies wholly below ``limit`` by Wilson's interval: 5 % -> 73, 1 % -> 381."""
    if not 0 < limit < 1:
        raise ValueError("limit must lie strictly between 0 and 1")
    low, high = 1, 1
    while wilson(0, high, level).high > limit:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if wilson(0, middle, level).high <= limit:
            high = middle
        else:
            low = middle + 1
    return low
