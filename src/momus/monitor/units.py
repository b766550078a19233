"""Has a column come in another unit? Its values fit the reference again when they are divided by a factor that people
get wrong: powers of ten, inches, pounds, miles, degrees Fahrenheit aside.

Fewer kinds of events can look like that: clients with small credits have credits as if divided by two and a half. So
divided they must fit as closely as chance allows, and values that the reference holds are in the reference's unit."""

from __future__ import annotations

import math

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor import calibrate

FACTORS = np.array([f for u in (10, 60, 100, 1000, 3600, 1e6, 2.54, 2.20462, 1.609344, 3.28084) for f in (u, 1 / u)])
_CUTS = 32
_HELD = 0.95  # share of the values, zeros aside, from which on they are those of the reference
_FAR = 0.5  # distance of a column that is looked at; divided it must come below half of it


class Units:
    """Cuts of each numeric column of the reference ``x`` (n, d). :meth:`look` takes events (m, d)."""

    def __init__(self, x: NumpyArray, coded: NumpyArray) -> None:
        self.cuts = [_cuts(x[:, j]) if not coded[j] else np.zeros(0) for j in range(x.shape[1])]
        self.below = [np.array([np.mean(_finite(x[:, j]) <= c) for c in cut]) for j, cut in enumerate(self.cuts)]
        self.held = [_held(x[:, j]) if len(cut) else np.zeros(0) for j, cut in enumerate(self.cuts)]
        self.n = len(x)

    def look(self, x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """p-values (d,) and factors (d,), 1 where none explains what is seen. NaN where there is nothing to see.

        A column without a factor that helps has p 1, which only makes the p-values larger than they need be.
        """
        d = x.shape[1]
        p, factor = np.full(d, np.nan), np.ones(d)
        slack = math.sqrt(math.log(2 * max(d, 1) / calibrate.REFERENCE_ERROR) / (2 * self.n))
        for j in range(d):
            v = _finite(x[:, j])
            if len(v) < 20 or len(self.cuts[j]) < 4:  # few values fit any scale
                continue
            p[j] = 1.0
            gap = self._gap(j, v[None])[0]
            if gap < _FAR or self._holds(j, v):
                continue
            tried = self._gap(j, np.clip(v, -1e100, 1e100) / FACTORS[:, None])
            best = int(tried.argmin())
            if tried[best] < min(gap / 2, 0.25, _chance(len(v), self.n)):
                factor[j] = FACTORS[best]
                p[j] = min(1.0, 2 * math.exp(-2 * len(v) * max(0.0, gap - slack) ** 2))
        return p, factor

    def _holds(self, j: int, v: NumpyArray) -> bool:
        """Whether nearly all of the values are among those that the reference holds. Zero is the same in each unit."""
        v = v[v != 0]
        return bool(len(self.held[j]) and len(v) and np.isin(v, self.held[j]).mean() >= _HELD)

    def _gap(self, j: int, v: NumpyArray) -> NumpyArray:
        """(k,) largest difference on the cuts between the reference and each of (k, m)."""
        now = np.array([np.searchsorted(np.sort(row), self.cuts[j], side="right") for row in v]) / v.shape[1]
        out: NumpyArray = np.abs(now - self.below[j]).max(axis=1)
        return out


def _chance(m: int, n: int) -> float:
    """The distance of m values from n others of the same distribution that one in a thousand exceeds."""
    return math.sqrt(math.log(2 / 0.001) / 2 * (1 / m + 1 / n))


def _held(v: NumpyArray) -> NumpyArray:
    """The values of a column that repeats them, else none."""
    v = _finite(v)
    distinct = np.unique(v)
    return distinct if 2 * len(distinct) <= len(v) else np.zeros(0)


def _finite(v: NumpyArray) -> NumpyArray:
    out: NumpyArray = v[np.isfinite(v)]
    return out


def _cuts(v: NumpyArray) -> NumpyArray:
    v = _finite(v)
    return np.unique(np.quantile(v, np.linspace(0, 1, _CUTS + 1)[1:-1])) if len(v) else np.zeros(0)
