"""The Goodhart curve: what becomes of the true goal as the stated reward is pressed harder.

Gao, Schulman, Hilton 2022 (arXiv:2210.10760) for best-of-n; Pan, Bhatia, Steinhardt 2022 (arXiv:2201.03544) for ever
more capable policies; Manheim, Garrabrant 2018 (arXiv:1803.04585) for the kinds of Goodhart effects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals


@dataclass(frozen=True)
class Curve:
    """Proxy and goal at growing pressure.

    ``amounts`` (k,) is the pressure in its own units. ``proxy`` and ``goal`` are (k,) means; ``low`` and ``high`` are
    (2, k) ends of 95 % intervals of the proxy and of the goal.
    """

    amounts: tuple[float, ...]
    proxy: NumpyArray
    goal: NumpyArray
    low: NumpyArray
    high: NumpyArray


@dataclass(frozen=True)
class Fall:
    """How far the goal falls from its peak to the greatest pressure, in the goal's own units.

    ``value`` is measured on other episodes than those that chose the peak, so it is no luckier than the truth: where
    nothing falls, its mean is 0. ``peak`` is the index of the peak on all episodes together.
    """

    value: float
    ci: Interval
    peak: int


def best_of_n(proxy: NumpyArray, goal: NumpyArray, n: int) -> tuple[float, float]:
    """Mean proxy and mean goal of the item with the highest proxy among ``n`` drawn without replacement.

    The mean over all subsets of that size, without drawing any: an item that ``i`` others stand below is the best of a
    subset with probability C(i, n - 1) / C(N, n). Items with one proxy share their chances evenly. O(N log N).
    ValueError for n outside 1 to N.
    """
    weights = best_of_n_weights(proxy, n)
    return float(weights @ proxy), float(weights @ goal)


def best_of_n_weights(proxy: NumpyArray, n: int) -> NumpyArray:
    """(N,) chances of each item to be the chosen one of a random n-subset; they sum to 1."""
    proxy = np.asarray(proxy, dtype=float)
    total = len(proxy)
    if not 1 <= n <= total:
        raise ValueError(f"n is {n}, with {total} items")
    order = np.argsort(proxy, kind="stable")
    # C(i, n - 1) / C(N, n) by its recurrence from the top down, in plain products: no large factorials.
    below = np.arange(total - 2, n - 2, -1)
    chances = np.zeros(total)
    chances[-1] = n / total
    chances[below] = n / total * np.cumprod((below + 2 - n) / (below + 1))
    _, group = np.unique(proxy[order], return_inverse=True)
    shared = np.bincount(group, chances) / np.bincount(group)
    weights = np.empty(total)
    weights[order] = shared[group]
    return weights


def divergence(n: int) -> float:
    """KL divergence in nats of best-of-n from a single draw: log n - (n - 1) / n, where no two proxies are equal."""
    return math.log(n) - (n - 1) / n


def doublings(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to ``most``."""
    return tuple(2**i for i in range(int(math.log2(most)) + 1)) if most >= 1 else ()


def sampled_curve(
    proxy: NumpyArray,
    goal: NumpyArray,
    ns: Sequence[int],
    rng: np.random.Generator,
    *,
    draws: int = 400,
    level: float = 0.95,
) -> tuple[Curve, Fall]:
    """Best-of-n over episodes: ``proxy`` and ``goal`` (N,), ``ns`` ascending, at most a quarter of N.

    The intervals come from resampling episodes. The fall is measured crosswise: the peak of one half of the episodes,
    the goal of the other, and the other way round. ``level`` is that of the fall's interval.
    """
    proxy, goal = np.asarray(proxy, dtype=float), np.asarray(goal, dtype=float)
    mean = np.array([best_of_n(proxy, goal, n) for n in ns])
    halves = np.array_split(rng.permutation(len(proxy)), 2)
    value = _crosswise(proxy, goal, ns, halves)
    curves, falls = np.empty((draws, len(ns), 2)), np.empty(draws)
    for d in range(draws):
        picked = [h[rng.integers(0, len(h), len(h))] for h in halves]
        falls[d] = _crosswise(proxy, goal, ns, picked)
        both = np.concatenate(picked)
        curves[d] = [best_of_n(proxy[both], goal[both], n) for n in ns]
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    ends = np.quantile(falls, [(1 - level) / 2, (1 + level) / 2])
    ci = Interval(low=min(ends[0], value), high=max(ends[1], value), level=level, method="bootstrap, crosswise")
    curve = Curve(tuple(map(float, ns)), mean[:, 0], mean[:, 1], low.T, high.T)
    return curve, Fall(value, ci, int(mean[:, 1].argmax()))


def repeated_curve(
    amounts: Sequence[float], proxy: NumpyArray, goal: NumpyArray, level: float = 0.95
) -> tuple[Curve, Fall]:
    """Pressure that was applied ``r`` times anew, as by r trainings: ``proxy`` and ``goal`` (r, k), r at least 2.

    Each repeat's fall starts from the peak of the others' mean. t intervals over the repeats.
    """
    proxy, goal = np.asarray(proxy, dtype=float), np.asarray(goal, dtype=float)
    repeats = len(goal)
    falls = np.empty(repeats)
    for i in range(repeats):
        peak = int(np.delete(goal, i, axis=0).mean(axis=0).argmax())
        falls[i] = goal[i, peak] - goal[i, -1]
    spans = [[intervals.student(column) for column in table.T] for table in (proxy, goal)]
    low, high = (np.array([[getattr(s, end) for s in row] for row in spans]) for end in ("low", "high"))
    curve = Curve(tuple(map(float, amounts)), proxy.mean(axis=0), goal.mean(axis=0), low, high)
    return curve, Fall(float(falls.mean()), intervals.student(falls, level), int(goal.mean(axis=0).argmax()))


def _crosswise(proxy: NumpyArray, goal: NumpyArray, ns: Sequence[int], halves: Sequence[NumpyArray]) -> float:
    goals = [np.array([best_of_n(proxy[h], goal[h], min(n, len(h)))[1] for n in ns]) for h in halves]
    return float(np.mean([b[a.argmax()] - b[-1] for a, b in (goals, goals[::-1])]))


def overoptimisation(distances: NumpyArray, goal: NumpyArray) -> tuple[float, float]:
    """alpha and beta of the published form goal(d) - goal(0) = d (alpha - beta d), by least squares.

    ``distances`` (k,) are square roots of KL divergences, the first 0. With beta above 0 the goal turns at
    d = alpha / (2 beta). Fewer than two distances above 0 give (0, 0).
    """
    d = np.asarray(distances, dtype=float)
    rise = np.asarray(goal, dtype=float) - goal[0]
    if (d > 0).sum() < 2:
        return 0.0, 0.0
    found, *_ = np.linalg.lstsq(np.stack([d, -(d**2)], axis=1), rise, rcond=None)
    return float(found[0]), float(found[1])
