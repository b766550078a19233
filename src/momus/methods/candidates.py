"""Choosing by a stand-in metric: what the choice by the proxy loses of the goal, over a table of candidates.

Manheim, Garrabrant 2018 (arXiv:1803.04585): regressional, extremal and causal Goodhart effects; Gao, Schulman, Hilton
2022 (arXiv:2210.10760) for best-of-n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods.goodhart import best_of_n


@dataclass(frozen=True)
class Loss:
    """The share of the attainable goal that is lost: (best - chosen) / (best - random) among ``n`` candidates."""

    value: float
    ci: Interval
    n: int
    chosen: float
    best: float
    random: float


def loss(proxy: NumpyArray, goal: NumpyArray, n: int, rng: np.random.Generator, draws: int = 1000) -> Loss:
    """What choosing the highest ``proxy`` (N,) of ``n`` candidates loses of ``goal`` (N,), higher being better.

    The mean over all n-subsets of the table, so that the luck of a single winner does not decide; the interval comes
    from resampling candidates. 0: the proxy finds the best; 1: no better than drawing blindly; above 1: worse.
    ``best`` is the mean goal of the best of n by the goal itself.
    """
    proxy, goal = np.asarray(proxy, dtype=float), np.asarray(goal, dtype=float)
    chosen, best, random = _levels(proxy, goal, n)
    values = np.empty(draws)
    for i in range(draws):
        pick = rng.integers(0, len(proxy), len(proxy))
        values[i] = _share(*_levels(proxy[pick], goal[pick], n))
    value = _share(chosen, best, random)
    low, high = np.quantile(values, [0.025, 0.975])
    ci = Interval(low=min(float(low), value), high=max(float(high), value), method="bootstrap")
    return Loss(value, ci, n, chosen, best, random)


def _levels(proxy: NumpyArray, goal: NumpyArray, n: int) -> tuple[float, float, float]:
    return best_of_n(proxy, goal, n)[1], best_of_n(goal, goal, n)[1], float(goal.mean())


def _share(chosen: float, best: float, random: float) -> float:
    width = best - random
    return 0.0 if width < 1e-12 else max(0.0, (best - chosen) / width)


def rank_correlation(a: NumpyArray, b: NumpyArray) -> float:
    """Spearman's, 0 where one of them is constant or there are fewer than three."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(a, b).statistic)


def at_the_top(proxy: NumpyArray, goal: NumpyArray, share: float = 0.2, least: int = 8) -> tuple[float, int]:
    """Rank correlation among the top ``share`` by the proxy (at least ``least``), and how many those are."""
    count = min(len(proxy), max(least, round(share * len(proxy))))
    top = np.argsort(-np.asarray(proxy), kind="stable")[:count]
    return rank_correlation(proxy[top], goal[top]), count


def overstatement(proxy: NumpyArray, goal: NumpyArray) -> float:
    """How many standard deviations the proxy's winner stands higher by the proxy than by the goal.

    Regression to the mean gives a positive number wherever the two are not perfectly correlated: the winner's curse.
    """
    if np.ptp(proxy) == 0 or np.ptp(goal) == 0:
        return 0.0
    winners = proxy == proxy.max()
    z = [(v[winners].mean() - v.mean()) / v.std() for v in (np.asarray(proxy, float), np.asarray(goal, float))]
    return float(z[0] - z[1])


@dataclass(frozen=True)
class Curse:
    """Noise in a proxy that was measured several times a candidate.

    ``noise`` is the standard deviation of one measurement, ``expected`` how much the winner's mean overstates its own
    true proxy on average, and ``reliability`` the share of the variance between candidates that is no noise.
    """

    noise: float
    expected: float
    reliability: float


def curse(values: NumpyArray, owner: NumpyArray, rng: np.random.Generator, draws: int = 2000) -> Curse | None:
    """The winner's curse by noise alone, from repeated measurements ``values`` (n,) of the candidates ``owner`` (n,).

    None where no candidate was measured twice. Simulates normal true values and normal noise with the variances found.
    """
    _, index, counts = np.unique(np.asarray(owner).astype(str), return_inverse=True, return_counts=True)
    spare = len(values) - len(counts)
    if spare < 1:
        return None
    means = np.bincount(index, values) / counts
    within = float(((values - means[index]) ** 2).sum() / spare)
    spread = float(means.var(ddof=1)) if len(means) > 1 else 0.0
    between = max(0.0, spread - within * float(np.mean(1 / counts)))
    true = rng.normal(0.0, np.sqrt(between), (draws, len(counts)))
    seen = true + rng.normal(0.0, 1.0, true.shape) * np.sqrt(within / counts)
    rows, winner = np.arange(draws), seen.argmax(axis=1)
    expected = float((seen[rows, winner] - true[rows, winner]).mean())
    return Curse(float(np.sqrt(within)), expected, between / spread if spread > 0 else 0.0)
