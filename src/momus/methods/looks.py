"""Looking at a stream again and again without crying wolf: the chance of any false alarm, ever, stays at most alpha.

Two schemes, half of alpha each. *Spending*: each batch is compared with the reference column by column; the levels of
all looks sum to alpha / 2, so the union bound holds though every look uses the same reference. *Betting*: each new row
is ranked among all rows before it; under exchangeable rows those ranks are independent and uniform, however small the
reference, so money staked against uniformity is a martingale and exceeds 2 / alpha with a chance of at most alpha / 2
(Ville). Spending sees a large change at once; betting adds up small ones over many batches.
Source: Vovk, Nouretdinov & Gammerman 2003 (conformal martingales); Shin, Ramdas & Rinaldo 2022 (arXiv:2203.03532,
mixing over the time of the change); Ramdas et al. 2023 (arXiv:2210.01948).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.stats import multiple, two_sample

_STEP = 256  # rows ranked among each other at once
# Stakes on the rank u in (0, 1): on large or small values, and on wide or narrow spread; each has mean 1 over u.
_TILTS = (0.3, 0.9, -0.3, -0.9)
_BENDS = (0.3, 0.9, -0.3, -0.9)


@dataclass(frozen=True)
class Look:
    """One batch: ``p`` of the column that moved most (Holm over columns), the ``level`` it is held against, ``wealth``
    of the bets (1 at the start), the ``column`` behind either, and whether there was an ``alarm`` now.
    """

    number: int
    p: float
    level: float
    wealth: float
    column: int
    alarm: bool


def spend(look: int, alpha: float, horizon: int | None = None) -> float:
    """The level of look k = 1, 2, ...: equal shares over a known ``horizon``, else alpha / (k (k + 1)).

    The levels sum to alpha. Past the horizon nothing is left: 0. ValueError for a look before the first.
    """
    if look < 1:
        raise ValueError("looks are counted from 1")
    if horizon is None:
        return alpha / (look * (look + 1))
    return alpha / horizon if look <= horizon else 0.0


class Monitor:
    """Watches a stream of batches (b, d) against a reference (n, d) of the same columns; NaN counts as a value.

    ``alpha`` is the chance that a stream in which nothing changes ever raises an alarm; ``horizon`` the number of looks
    planned, None for no end. Rows must be exchangeable while nothing changes: rows of one person, or a daily rhythm,
    are a change. Cost of a look: O(d (n + b) log n). Memory: all rows seen so far.
    """

    def __init__(
        self, reference: NumpyArray, rng: np.random.Generator, *, alpha: float = 0.05, horizon: int | None = None
    ) -> None:
        if reference.ndim != 2 or len(reference) < 2:
            raise ValueError("a monitor needs a reference of at least two rows in columns")
        self.alpha, self.horizon, self.looks = alpha, horizon, 0
        self._rng = rng
        self._reference = _counted(reference)
        self._seen = np.sort(self._reference, axis=0)
        # Per column and stake: log of what the mixture over all past starting times has grown to.
        self._log = np.full((reference.shape[1], len(_TILTS) + len(_BENDS)), -math.inf)

    def look(self, batch: NumpyArray) -> Look:
        """Take in the next batch. An empty one is a look that sees nothing. ValueError for other columns."""
        if batch.ndim != 2 or batch.shape[1] != self._reference.shape[1]:
            raise ValueError(f"a batch must have the {self._reference.shape[1]} columns of the reference")
        self.looks += 1
        batch = _counted(batch)
        start = -math.log(self.looks * (self.looks + 1))
        self._log = np.logaddexp(self._log, start) + self._stakes(batch)
        grown = np.logaddexp(self._log, -math.log(self.looks + 1))  # what has not been staked yet
        wealth = float(np.exp(min(_log_mean(grown), 600.0)))
        level = spend(self.looks, self.alpha / 2, self.horizon)
        p = multiple.holm(two_sample.ks_columns(self._reference, batch)[1]) if len(batch) else np.ones(len(self._log))
        betted = wealth >= 2 / self.alpha
        column = int(grown.max(1).argmax()) if betted and p.min() > level else int(p.argmin())
        return Look(self.looks, float(p.min()), level, wealth, column, bool(p.min() <= level or betted))

    def _stakes(self, batch: NumpyArray) -> NumpyArray:
        """Log growth (d, stakes) over the rows of one batch."""
        out = np.zeros_like(self._log)
        for i in range(0, len(batch), _STEP):
            part = batch[i : i + _STEP]
            u = _ranks(self._seen, part, self._rng)
            self._seen = np.sort(np.concatenate([self._seen, part]), axis=0, kind="stable")
            tilt, bend = 2 * u - 1, (12 * (u - 0.5) ** 2 - 1) / 2
            growth = [np.log1p(s * tilt).sum(0) for s in _TILTS] + [np.log1p(s * bend).sum(0) for s in _BENDS]
            out += np.stack(growth, axis=1)
        return out


def first_alarm(looks: list[Look]) -> int:
    """Number of the first look with an alarm, 0 where there was none."""
    return next((look.number for look in looks if look.alarm), 0)


def _counted(x: NumpyArray) -> NumpyArray:
    """Missing values as a value below all others, so that they have a rank."""
    return np.where(np.isnan(x), -np.inf, x)


def _ranks(seen: NumpyArray, part: NumpyArray, rng: np.random.Generator) -> NumpyArray:
    """(b, d) in (0, 1): the place of each new row among all before it and itself, ties broken at random."""
    b, d = part.shape
    earlier = np.tri(b, k=-1, dtype=bool)
    less, same = np.empty((b, d)), np.empty((b, d))
    for j in range(d):
        v = part[:, j]
        low = np.searchsorted(seen[:, j], v, side="left")
        less[:, j] = low + ((v < v[:, None]) & earlier).sum(1)
        same[:, j] = np.searchsorted(seen[:, j], v, side="right") - low + ((v == v[:, None]) & earlier).sum(1)
    before = len(seen) + np.arange(b)[:, None]
    out: NumpyArray = (less + rng.random((b, d)) * (same + 1)) / (before + 1)
    return out


def _log_mean(a: NumpyArray) -> float:
    top = float(a.max())
    return top + math.log(float(np.exp(a - top).mean()))
