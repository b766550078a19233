"""Two ways of guessing on the same rows: how much better is one, and how sure is that?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from momus.core.records import Interval


def gain(won: int, lost: int, n: int, level: float = 0.95) -> tuple[float, Interval]:
    """Share right of the first way minus that of the second on ``n`` rows.

    ``won`` rows only the first got right, ``lost`` only the second. Interval of Bonett and Price (2012): Wald's
    with one row added to either side, which covers well also where hardly a row differs.
    """
    return mean_gain([won], [lost], [n], level)


def mean_gain(won: Sequence[int], lost: Sequence[int], n: Sequence[int], level: float = 0.95) -> tuple[float, Interval]:
    """The mean of the gains in several kinds of rows, each kind weighing the same; kinds without rows are left out."""
    kinds = [(b, c, m) for b, c, m in zip(won, lost, n, strict=True) if m > 0]
    if not kinds:
        return 0.0, Interval(low=-1.0, high=1.0, level=level, method="no rows")
    value, centre, variance = 0.0, 0.0, 0.0
    for b, c, m in kinds:
        p, q = (b + 1) / (m + 2), (c + 1) / (m + 2)
        value += (b - c) / m / len(kinds)
        centre += (p - q) / len(kinds)
        variance += (p + q - (p - q) ** 2) / (m + 2) / len(kinds) ** 2
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance)
    low, high = max(-1.0, min(centre - half, value)), min(1.0, max(centre + half, value))
    return value, Interval(low=low, high=high, level=level, method="bonett-price")
