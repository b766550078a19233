"""What a policy earns in one world beside another: the loss, its doubts, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from momus.core.records import Caveat, Interval
from momus.core.samples import NumpyArray
from momus.methods.env_check import repeats
from momus.methods.rollout import Episode
from momus.stats import intervals

DRAWS = 2000


def drop(before: NumpyArray, after: NumpyArray) -> float:
    """The share of the mean score before that is lost after: 1 is everything, more than 1 is harm."""
    mean = float(before.mean())
    return (mean - float(after.mean())) / max(abs(mean), 1e-9)


def drop_interval(
    before: NumpyArray, after: NumpyArray, episodes: Sequence[Episode], rng: np.random.Generator,
    *, level: float = 0.95, paired: bool = False,
) -> Interval:  # fmt: skip
    """Bootstrap over episodes, widened by what no resampling sees; ``paired`` where both have the same seeds.

    Few episodes resampled spread too little: distances are stretched by Student's factor over the normal one, which is
    9 for two episodes, 1.3 for ten, 1.02 for a hundred.
    """
    picks = rng.integers(0, len(before), (DRAWS, len(before)))
    others = picks if paired and len(after) == len(before) else rng.integers(0, len(after), (DRAWS, len(after)))
    means = before[picks].mean(axis=1)
    draws = (means - after[others].mean(axis=1)) / np.maximum(np.abs(means), 1e-9)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    value, slack = drop(before, after), unseen(before, after, episodes, level)
    stretch = _stretch(min(len(before), len(after)), level)
    return Interval(
        low=value - stretch * max(value - float(low), 0.0) - slack,
        high=value + stretch * max(float(high) - value, 0.0) + slack,
        level=level, method="bootstrap",
    )  # fmt: skip


def _stretch(n: int, level: float) -> float:
    """Student's half-width over the bootstrap's for a mean of ``n``."""
    tail = (1 + level) / 2
    return float(special.stdtrit(n - 1, tail) / special.ndtri(tail) * np.sqrt(n / (n - 1)))


def untrained(train: NumpyArray) -> list[Caveat]:
    """A share of nothing is no number; and a return that is the same loss each time may be that of any policy."""
    span = intervals.mean(train)
    if span.low <= 0 <= span.high:
        message = "the policy earns nothing for sure in its own training environment, so no share of it can be lost"
        return [Caveat(code="untrained", message=message, blocks="both")]
    if train.mean() < 0 and np.ptp(train) == 0:
        message = "every training episode ends in the same loss, so the policy may have nothing to lose"
        return [Caveat(code="untrained", message=message, blocks="pass")]
    return []


def unseen(before: NumpyArray, after: NumpyArray, episodes: Sequence[Episode], level: float = 0.95) -> float:
    """What resampling cannot see where all later ``episodes`` paid the same: the share that may pay otherwise (Wilson),
    times the span of the scores seen. 0 where they differ, and where the world repeats itself move by move."""
    if np.ptp(after) > 0 or repeats(episodes):
        return 0.0
    missed = 1 - intervals.wilson(len(after), len(after), level).low
    span = max(float(np.ptp(np.concatenate([before, after]))), abs(float(before.mean())))
    return missed * span / max(abs(float(before.mean())), 1e-9)
