"""Whether accuracy falls smoothly with the strength of a disturbance, or off a cliff.

A cliff is a fall of which one step between neighbouring strengths takes more than half, and at least twice what a
straight line would take over the same step. Where the numbers of rows leave both open, the answer is "unclear".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray

Kind = Literal["smooth", "cliff", "flat", "unclear"]

LEAST_STRENGTHS = 4  # with three, a straight line already loses half its fall in one step
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class CurveShape:
    """How a curve falls.

    ``at``: the neighbouring strengths between which the largest single drop lies. ``drop``: that drop, in units of
    accuracy. ``share``: drop over the whole fall, in [0, 1] (0 where nothing falls). ``ci``: of ``share``. ``fall``:
    the whole fall from the first strength to the last.
    """

    kind: Kind
    at: tuple[float, float]
    drop: float
    share: float
    ci: Interval
    fall: float

    @property
    def words(self) -> str:
        """For a note or a caption: ``cliff between 2 and 3 (drop 0.61, 0.90 of the fall)``."""
        if self.kind == "flat":
            return f"flat (falls by {max(self.fall, 0.0):.2f})"
        middle = f"between {self.at[0]:g} and {self.at[1]:g}"
        how = f"drop {self.drop:.2f}, {self.share:.2f} of the fall"
        return f"cliff {middle} ({how})" if self.kind == "cliff" else f"{self.kind} (largest {how}, {middle})"


def shape(
    strengths: Sequence[float] | NumpyArray,
    accuracies: Sequence[float] | NumpyArray,
    counts: int | Sequence[int] | NumpyArray,
    *,
    least: float = 0.1,
    level: float = 0.95,
) -> CurveShape:
    """Name the shape of a curve of accuracy against strength.

    Parameters
    ----------
    strengths : (k,) strictly rising, in any unit; the first is usually 0, no disturbance.
    accuracies : (k,) shares in [0, 1]; retention or another share that a row has or has not will do.
    counts : rows behind each accuracy, (k,) or one number for all. The strengths are taken as independent samples:
        where the same rows were asked at each, the interval is a little too wide.
    least : a fall that is surely smaller than this is "flat".
    level : of the interval, which holds for all steps at once (Bonferroni), since the largest was picked.

    Returns
    -------
    CurveShape. A curve that rises in places is first pooled to the nearest falling one (isotonic regression).

    Raises
    ------
    ValueError for arrays of different lengths, strengths that do not rise, accuracies outside [0, 1], no rows.

    Cost
    ----
    2,000 redraws of each accuracy (Jeffreys' beta), all at once; milliseconds. No chance: the redraws are seeded.
    """
    s, a = np.asarray(strengths, dtype=float), np.asarray(accuracies, dtype=float)
    n = np.broadcast_to(np.asarray(counts, dtype=float), a.shape)
    _check(s, a, n)
    fitted = falling(a[None], n)[0]
    drops = np.maximum(-np.diff(fitted), 0.0)
    largest, fall = int(np.argmax(drops)), float(fitted[0] - fitted[-1])
    share = float(drops[largest] / fall) if fall > 0 else 0.0
    hits = a * n
    redrawn = np.random.default_rng(0).beta(hits + 0.5, n - hits + 0.5, (_DRAWS, len(a)))
    again = falling(redrawn, n)
    falls = again[:, 0] - again[:, -1]
    shares = (again[:, largest] - again[:, largest + 1]) / np.maximum(falls, 1e-12)
    tail = (1 - level) / 2
    low, high = np.quantile(shares, [tail / len(drops), 1 - tail / len(drops)])
    # Pooled redraws never rise, so whether anything fell at all is asked of the two ends as they are.
    ends = np.quantile(redrawn[:, 0] - redrawn.min(axis=1), 1 - tail), np.quantile(redrawn[:, 0] - redrawn[:, -1], tail)
    width = float((s[largest + 1] - s[largest]) / (s[-1] - s[0]))
    ci = Interval(low=min(float(low), share), high=max(float(high), share), level=level, method="beta redraws")
    kind = _kind(ci, max(0.5, 2 * width), (float(ends[1]), float(ends[0])), least, len(s))
    at = float(s[largest]), float(s[largest + 1])
    return CurveShape(kind, at, float(drops[largest]), share, ci, fall)


def falling(accuracies: NumpyArray, counts: NumpyArray) -> NumpyArray:
    """The nearest curves that never rise (isotonic regression weighted by ``counts``): (m, k), (k,) -> (m, k).

    By the min-max formula: the fit at i is the least over starts j <= i of the greatest over ends l >= i of the mean
    from j to l. Cost m k^3 operations in NumPy.
    """
    m, k = accuracies.shape
    total = np.concatenate([np.zeros((m, 1)), np.cumsum(accuracies * counts, axis=1)], axis=1)
    weight = np.concatenate([[0.0], np.cumsum(counts)])
    fitted = np.empty((m, k))
    for i in range(k):
        # means[:, j, l] of rows j..l for j <= i <= l
        sums = total[:, None, i + 1 :] - total[:, : i + 1, None]
        means = sums / (weight[None, i + 1 :] - weight[: i + 1, None])
        fitted[:, i] = means.max(axis=2).min(axis=1)
    return fitted


def _kind(share: Interval, bar: float, fall: tuple[float, float], least: float, strengths: int) -> Kind:
    if fall[1] < least:
        return "flat"
    if strengths < LEAST_STRENGTHS or fall[0] <= 0:
        return "unclear"
    if share.low > bar:
        return "cliff"
    return "smooth" if share.high < bar else "unclear"


def _check(s: NumpyArray, a: NumpyArray, n: NumpyArray) -> None:
    if s.ndim != 1 or s.shape != a.shape or len(s) < 2:
        raise ValueError(f"strengths and accuracies must be (k,) with k > 1, not {s.shape} and {a.shape}")
    if not (np.diff(s) > 0).all():
        raise ValueError("strengths must rise")
    if not ((a >= 0) & (a <= 1)).all():
        raise ValueError("accuracies must lie in [0, 1]")
    if not (n > 0).all():
        raise ValueError("every strength needs at least one row")
