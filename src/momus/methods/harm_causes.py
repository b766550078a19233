"""Why did the errors change: other inputs, another mix of classes, or another relation between them? Tests of each.

Covariate shift says that a row's label depends on it as before, label shift that rows of one class look as before. With
labels in the current data both can be refuted; what neither explains is a changed relation (concept shift).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods.harm import Expected
from momus.methods.importance import Ratio
from momus.stats import multiple, two_sample

LEAST = 20  # rows a class or a half needs on each side to be compared
PARTS = 12  # columns whose upper and lower half are looked at apart


def inputs_moved(a: NumpyArray, b: NumpyArray, rng: np.random.Generator) -> float:
    """p-value that rows (n, d) and (m, d) have one distribution: single columns (KS, Holm) and all together (MMD)."""
    single = multiple.holm(two_sample.ks_columns(a, b)[1]).min()
    return float(min(1.0, 2 * min(single, two_sample.mmd(a, b, rng).p)))


def relation_changed(
    outcomes: Sequence[tuple[NumpyArray, NumpyArray, Expected]], rows: tuple[NumpyArray, NumpyArray], ratio: Ratio
) -> float:
    """p-value that outcomes depend on rows as before: small means that no change of inputs alone explains them.

    An outcome is (before (n,), now (m,), what a model fitted on before expects). Its surprise, less the surprise of
    likewise weighted rows of before, has mean 0 under covariate shift: everywhere, and in the lower and upper half of
    each of the first columns of ``rows``. Normal tests, Holm over all of them. Rows ``outside`` are left out, since of
    them no labelled row tells anything; 1 where fewer than 40 are left.
    """
    w, inside = ratio.weights / ratio.weights.sum(), ~ratio.outside
    if inside.sum() < 2 * LEAST:
        return 1.0
    one, two = rows[0], rows[1][inside]
    halves = [np.ones(len(one), dtype=bool)], [np.ones(len(two), dtype=bool)]
    for j in range(min(PARTS, one.shape[1])):
        cut = np.median(np.concatenate([one[:, j], two[:, j]]))
        for above in (True, False):
            picked = [(x[:, j] > cut) == above for x in (one, two)]
            if min(p.sum() for p in picked) >= LEAST:
                halves[0].append(picked[0])
                halves[1].append(picked[1])
    p = []
    for before, now, expected in outcomes:
        past, present = before - expected.before, (now - expected.after)[inside]
        for here, there in zip(*halves, strict=True):
            old, new = past * here, present * there
            gap = new.mean() - w @ old
            noise = new.var() / len(new) + (w**2) @ (old - w @ old) ** 2 + 1 / len(new) ** 2 + 1 / ratio.effective**2
            p.append(2 * float(scipy.special.ndtr(-abs(gap) / np.sqrt(noise))))
    return float(multiple.holm(np.array(p)).min())


def classes_look_different(a: NumpyArray, y_a: NumpyArray, b: NumpyArray, y_b: NumpyArray) -> tuple[float, int]:
    """p-value that rows of each class look as before (KS of each column within each class, Holm over both), and how
    many classes had 20 rows on each side. (1, 0) where none had: nothing is known.
    """
    found = []
    for c in np.intersect1d(y_a, y_b):
        one, two = a[y_a == c], b[y_b == c]
        if min(len(one), len(two)) >= LEAST:
            found.append(two_sample.ks_columns(one, two)[1])
    return (float(multiple.holm(np.concatenate(found)).min()), len(found)) if found else (1.0, 0)


def error_if_classes_moved(wrong: NumpyArray, y: NumpyArray, now: NumpyArray, k: int) -> tuple[float, Interval] | None:
    """Mean error if each of ``k`` classes were answered as before, in the shares of the labels ``now`` (m,).

    None where a class now has no labelled row before. The interval counts both samples (delta method).
    """
    shares = np.bincount(now.astype(int), minlength=k) / max(1, len(now))
    rows = np.bincount(y.astype(int), minlength=k)
    if np.any((shares > 0) & (rows == 0)):
        return None
    sums = np.bincount(y.astype(int), weights=wrong, minlength=k)
    rate = np.divide(sums, rows, out=np.zeros(k), where=rows > 0)
    value = float(shares @ rate)
    fixed = np.divide(rate * (1 - rate) + 1 / np.maximum(rows, 1), rows, out=np.zeros(k), where=rows > 0)
    noise = float((shares**2) @ np.maximum(fixed, 0)) + float(shares @ (rate - value) ** 2) / max(1, len(now))
    half = 1.96 * float(np.sqrt(noise))
    return value, Interval(low=max(0.0, value - half), high=min(1.0, value + half), method="delta")


def unexplained(now: tuple[float, Interval], explained: Sequence[tuple[float, Interval]]) -> tuple[float, Interval]:
    """Mean error now less what the best explanation expects, with an interval over all explanations (MOVER)."""
    left = []
    for value, ci in explained:
        gap = now[0] - value
        low = gap - float(np.hypot(now[0] - now[1].low, ci.high - value))
        high = gap + float(np.hypot(now[1].high - now[0], value - ci.low))
        left.append((gap, low, high))
    gap, low, high = (min(x[i] for x in left) for i in range(3))
    return gap, Interval(low=min(low, gap), high=max(high, gap), method="mover over explanations")
