"""Confidence intervals. Every number Momus prints carries one of these.

SciPy loads its parts when they are first used, as ``scipy.stats`` here: explaining a probe need not wait for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Score interval for a proportion (Wilson 1927). ``n`` = 0 gives [0, 1]: nothing is known."""
    if n == 0:
        return Interval(low=0.0, high=1.0, level=level, method="wilson")
    z = _z(level)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Interval(low=low, high=high, level=level, method="wilson")


def clustered(hits: NumpyArray, of: NumpyArray, level: float = 0.95) -> Interval:
    """Interval for the pooled share ``hits.sum() / of.sum()`` where the tries of one cluster resemble each other.

    ``hits`` and ``of`` (m,) count one cluster each: the views of one photo, the photos of one person. Wilson's interval
    on the effective number of tries, from the spread between the clusters (a ratio estimate): never more than the tries
    made, and never fewer than the clusters, which is also what a share of 0 or 1 counts for.
    """
    hits, of = np.asarray(hits, dtype=float), np.asarray(of, dtype=float)
    hits, of = hits[of > 0], of[of > 0]
    m, tries = len(of), float(of.sum())
    if not m:
        return wilson(0, 0, level)
    p = float(hits.sum() / tries)
    effective = float(m)
    if m > 1 and 0 < p < 1:
        spread = float(((hits - p * of) ** 2).sum()) / (m * (m - 1) * float(of.mean()) ** 2)
        effective = float(np.clip(p * (1 - p) / max(spread, 1e-12), m, tries))
    z = _z(level)
    centre = (p + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z / (1 + z * z / effective) * math.sqrt(p * (1 - p) / effective + z * z / (4 * effective**2))
    low = 0.0 if p == 0 else max(0.0, centre - half)
    high = 1.0 if p == 1 else min(1.0, centre + half)
    return Interval(low=min(low, p), high=max(high, p), level=level, method="wilson, clustered")


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Exact interval for a proportion; never covers less than ``level``."""
    a = 1 - level
    low = 0.0 if hits == 0 or n == 0 else float(scipy.stats.beta.ppf(a / 2, hits, n - hits + 1))
    high = 1.0 if hits == n or n == 0 else float(scipy.stats.beta.ppf(1 - a / 2, hits + 1, n - hits))
    return Interval(low=low, high=high, level=level, method="clopper-pearson")


def student(values: NumpyArray, level: float = 0.95) -> Interval:
    """t interval for a mean. One value gives an infinite interval, so it needs at least two."""
    v = np.asarray(values, dtype=float)
    if len(v) < 2:
        raise ValueError("a t interval needs at least two values")
    mean, half = (
        float(v.mean()),
        float(scipy.stats.t.ppf(0.5 + level / 2, len(v) - 1) * v.std(ddof=1) / math.sqrt(len(v))),
    )
    return Interval(low=mean - half, high=mean + half, level=level, method="student")


def bootstrap(
    statistic: Callable[..., float],
    *arrays: NumpyArray,
    rng: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval from resampling rows; the arrays are resampled together (paired)."""
    n = len(arrays[0])
    values = np.empty(draws)
    for i in range(draws):
        index = rng.integers(0, n, n)
        values[i] = statistic(*(a[index] for a in arrays))
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), level=level, method="bootstrap")


def auc(positive: NumpyArray, negative: NumpyArray, level: float = 0.95) -> tuple[float, Interval]:
    """Area under the ROC curve with DeLong's interval on the logit scale (DeLong 1988, fast form Sun & Xu 2014)."""
    m, n = len(positive), len(negative)
    ranks_all = scipy.stats.rankdata(np.concatenate([positive, negative]))
    ranks_p, ranks_n = scipy.stats.rankdata(positive), scipy.stats.rankdata(negative)
    area = float((ranks_all[:m].sum() - m * (m + 1) / 2) / (m * n))
    v10 = (ranks_all[:m] - ranks_p) / n
    v01 = 1 - (ranks_all[m:] - ranks_n) / m
    variance = (np.var(v10, ddof=1) / m if m > 1 else 0.25) + (np.var(v01, ddof=1) / n if n > 1 else 0.25)
    se = math.sqrt(max(float(variance), 1e-12))
    z = _z(level)
    if 0 < area < 1:
        logit, half = math.log(area / (1 - area)), z * se / (area * (1 - area))
        low, high = float(scipy.special.expit(logit - half)), float(scipy.special.expit(logit + half))
    else:  # perfect separation: DeLong's variance is zero; the rule of three on the smaller side stays honest
        bound = min(1.0, 3.0 / min(m, n))
        low, high = (1 - bound, 1.0) if area == 1 else (0.0, bound)
    return area, Interval(low=min(low, area), high=max(high, area), level=level, method="delong-logit")


def mean(values: Any, level: float = 0.95) -> Interval:
    """t interval for a mean, widened to the data range when only one value is known."""
    v = np.asarray(values, dtype=float)
    if len(v) >= 2:
        return student(v, level)
    only = float(v[0]) if len(v) else 0.0
    return Interval(low=only - abs(only) - 1.0, high=only + abs(only) + 1.0, level=level, method="single value")


def _z(level: float) -> float:
    """Two-sided quantile of the normal distribution: 0.95 -> 1.96."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + level / 2)
