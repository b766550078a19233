"""P-values of a window that stay honest though every window is compared with the same finite reference.

A two-sample test is honest once. Looked at again and again with the same reference it is not: where windows are larger
than the reference, the reference's own error decides the p-value of every window, and a p of 0.01 that comes again and
again is an alarm for certain. Here the reference says only where the truth lies, with a chance of being wrong of at
most ``REFERENCE_ERROR`` for each detector, and the p-value is the largest over what it leaves open. Given that, windows
are independent of each other and p is super-uniform in each of them, for good. The price: a shift smaller than the
reference's own error is never seen; :func:`least_visible` says how small that is.

The bounds hold for every sample size: Massart's constant in the Dvoretzky-Kiefer-Wolfowitz inequality, McDiarmid's for
total variations, Clopper-Pearson for shares; that for mean ranks leans on the central limit theorem. They assume that
events are independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import scipy

from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.monitor.columns import Cells

REFERENCE_ERROR = 0.001


def drift(cells: Cells, now: NumpyArray, *, tolerance: float = 0.0) -> tuple[NumpyArray, NumpyArray]:
    """Distances (d,) of a window's counts (d, cells) from the reference, and their p-values (d,), each by itself.

    Two tests a column: the distance, and for numbers the mean rank, which sees a small shift of a whole column in
    smaller windows. A distance, or a shift of the mean rank, up to ``tolerance`` is no drift. The bounds for all d
    columns hold at once.
    """
    n, m, d = cells.counts.sum(axis=1), now.sum(axis=1), max(1, len(cells))
    gap = cells.distance(now)
    slack = np.sqrt(math.log(4 * d / REFERENCE_ERROR) / (2 * np.maximum(n, 1)))
    # A total variation is not 0 on the average without a shift: what chance adds, on either side.
    k = cells.used[:, None]
    p = (cells.counts + 1) / (n[:, None] + k)
    spread = np.sqrt(p * (1 - p)) * (np.arange(cells.size) < k - 1) / 2
    bias = spread.sum(axis=1) * (1 / np.sqrt(np.maximum(n, 1)) + 1 / np.sqrt(np.maximum(m, 1)))
    rest = np.maximum(gap - slack - np.where(cells.wide, bias, 0.0) - tolerance, 0.0)
    chance = np.where(cells.wide, 1.0, 2.0) * np.exp(-2 * m * rest**2)
    rank = _rank(cells, now, tolerance)
    both = np.where(np.isnan(rank), chance, 2 * np.fmin(chance, rank))
    return gap, np.where((n > 0) & (m > 0), np.minimum(both, 1.0), 1.0)


def _rank(cells: Cells, now: NumpyArray, tolerance: float) -> NumpyArray:
    """p-values (d,) of the mean rank, NaN for columns that have none. The reference draws its own ranks, so that its
    error is that of their mean. Sums of evenly spread ranks have lighter tails than a normal of their variance, to
    which a tenth is added."""
    known, used = now.copy(), cells.counts.copy()
    known[:, cells.missing] = used[:, cells.missing] = 0
    m, n = known.sum(axis=1), used.sum(axis=1)
    wide = cells.spread * 1.1
    shift = np.abs((known * cells.score).sum(axis=1) / np.maximum(m, 1) - 0.5)
    sure = float(scipy.special.ndtri(1 - REFERENCE_ERROR / (4 * max(1, len(cells)))))
    slack = sure * np.sqrt(wide / np.maximum(n, 1))
    rest = np.maximum(shift - slack - tolerance, 0.0)
    out: NumpyArray = np.where(m > 0, 2 * scipy.special.ndtr(-rest * np.sqrt(m / np.fmax(wide, 1e-12))), np.nan)
    return np.where(np.isnan(cells.spread), np.nan, out)


def upper(hits: NumpyArray | int, n: NumpyArray | int, looks: int = 1) -> NumpyArray:
    """Largest shares that the reference leaves open (Clopper-Pearson), all ``looks`` of them at once."""
    h, size = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    bound = scipy.special.betaincinv(h + 1, np.maximum(size - h, 1e-9), 1 - REFERENCE_ERROR / max(1, looks))
    return np.where((size > 0) & (h < size), bound, 1.0)


def more(hits: NumpyArray | int, n: NumpyArray | int, share: NumpyArray | float) -> NumpyArray:
    """p-values (...) of so many hits or more among n where each has a chance of ``share`` at most."""
    h, size = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    tail = scipy.special.betainc(np.maximum(h, 1e-9), np.maximum(size - h + 1, 1e-9), np.asarray(share, dtype=float))
    return np.where(h > 0, tail, 1.0)


def together(p: NumpyArray) -> float:
    """One p-value for all (Bonferroni): honest however they depend on each other. NaN are left out; 1 for none."""
    p = np.asarray(p, dtype=float).ravel()
    p = p[~np.isnan(p)]
    return float(min(1.0, p.min() * len(p))) if len(p) else 1.0


def least_visible(n: int, m: int, columns: int) -> float:
    """The smallest distance of one column that brings p down to 0.001 in at least half of the windows of ``m``."""
    if not n or not m:
        return 1.0
    d = max(1, columns)
    own = math.sqrt(math.log(4 * d / REFERENCE_ERROR) / (2 * n))
    return min(1.0, own + math.sqrt(math.log(4 * d / 0.001) / (2 * m)))


def small_reference(n: int, m: int, columns: int) -> tuple[Caveat, ...]:
    """A caveat where the reference is what hides shifts, rather than the window."""
    if not m or n >= m:
        return ()
    seen = least_visible(n, m, columns)
    return (
        Caveat(
            code="small-reference",
            message=f"the reference has {n} rows and the window {m}: shifts below a distance of {seen:.2f} stay hidden "
            "however long the watch lasts; a reference larger than the window shows smaller ones",
            blocks="pass",
        ),
    )


class Usual:
    """What a number of each window usually is, learned from the windows themselves where the reference cannot say.

    ``one`` is an array [windows, mean, sum of squares]. The p-value of the next window is Student's for one more value
    of a normal sample, with five degrees of freedom at most, so that tails heavier than normal are no surprise; such
    p-values of successive windows are independent. The first ``learn`` windows have none. A surprise (p below 0.01) is
    taken in as ``firm`` standard deviations: a fault must not become what is usual within the windows that an alarm
    takes, and what has changed for good becomes usual after many.
    """

    learn = 12
    most = 500  # windows that are remembered: later ones weigh 1/500 each
    firm = 1.5

    @staticmethod
    def new() -> NumpyArray:
        return np.zeros(3)

    @classmethod
    def look(cls, one: NumpyArray, value: float, least: float) -> float | None:
        """p-value of ``value`` being so large, or None while there is nothing to compare it with; takes it in.

        ``least`` is the standard deviation that counting alone gives: windows that agree are no proof that nothing
        ever varies.
        """
        seen, mean, squares = (float(v) for v in one)
        p = None
        if seen >= cls.learn:
            spread = max(math.sqrt(squares / (seen - 1)), least)
            t = (value - mean) / (spread * math.sqrt(1 + 1 / seen))
            p = float(scipy.special.stdtr(min(seen - 1, 5), -t))
            reach = (cls.firm if p < 0.01 else 4.0) * spread
            value = min(max(value, mean - 4 * spread), mean + reach)
        seen += 1
        step = value - mean
        mean += step / min(seen, cls.most)
        squares += step * (value - mean)
        if seen > cls.most:
            squares *= 1 - 1 / seen
            seen = cls.most
        one[:] = seen, mean, squares
        return p


def angle(hits: int, n: int) -> tuple[float, float]:
    """A share on the scale on which its error does not depend on it (Anscombe), and that error."""
    return math.asin(math.sqrt(min(1.0, (hits + 0.375) / (n + 0.75)))), 0.5 / math.sqrt(max(n, 1))


def option(options: Mapping[str, object], name: str, default: float) -> float:
    """A number among a detector's options. ValueError in one line where it is none."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"the option '{name}' must be a number, and is {value!r}")
    return float(value)
