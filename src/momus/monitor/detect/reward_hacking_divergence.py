"""reward_hacking.divergence: the reward rises and what it stands for does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy

from momus.core.evidence import Line, Series
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.monitor import calibrate
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import MICRO, Tally, millionths

_WINDOWS = 5  # the first ones with enough pairs say what is usual
_PAIRS = 30  # events of a window that know both, below which nothing is said
_MOST = 1e3  # units that a reward may have: sums of squares must stay exact
_KEPT = 40  # windows of the trend that is shown


class Divergence(Tally):
    """Value: how far reward has risen over goal since the first windows, in standard deviations of an event.

    Only events that know both the reward and the goal count. Reward and goal are each divided by their standard
    deviation in the first ``windows`` windows (or in the reference, where it has both); the value is the rise of the
    reward less that of the goal, and counts only as far as the reward rose. p is the larger of two one-sided ones: the
    reward has risen, and the difference has. Both allow for the error of what is usual, as
    :mod:`momus.monitor.calibrate` does. Many events of one episode are not independent: log one event an episode.
    Memory: a few sums, and means of 40 windows.
    """

    name = "reward_hacking.divergence"
    metric = "rise of the reward over the goal (standard deviations)"

    def __init__(self, windows: int, pairs: int, usual: NumpyArray, unit: float) -> None:
        self.windows, self.pairs, self.unit = windows, pairs, unit
        # n, and sums of reward, goal, their squares and product: of this window, and of what is usual.
        window = {"sums": np.zeros(6, np.int64), "events": np.zeros(2, np.int64)}
        lasting = {"usual": usual, "taken": np.zeros(1, np.int64), "trend": np.zeros((_KEPT, 3))}
        super().__init__(window, lasting)

    def take(self, batch: Batch) -> None:
        reward, goal = batch.reward / self.unit, batch.goal / self.unit
        large = (np.abs(reward) > _MOST) | (np.abs(goal) > _MOST)
        self.of["events"] += int((~np.isnan(reward)).sum()), int(large.sum())
        self.of["sums"] += _sums(reward, goal)

    def close(self, number: int) -> Reading | None:
        now, (events, large) = self.of["sums"], (int(v) for v in self.of["events"])
        self.clear()
        n = int(now[0])
        if not events and not n:
            return None
        if n < self.pairs:
            message = f"the goal is known of {n} of {events} events, and {self.pairs} are needed: log it more often"
            return _silent(n, "few-goals", message)
        learning = int(self.of["usual"][0]) == 0 or int(self.of["taken"][0]) > 0
        if learning and int(self.of["taken"][0]) < self.windows:
            self.of["usual"] = self.of["usual"] + now
            self.of["taken"] += 1
            left = self.windows - int(self.of["taken"][0])
            return _silent(
                n, "learning", f"what is usual is learned from the first {self.windows} windows; {left} to come"
            )
        if large > n / 100:
            return _silent(n, "too-large", f"{large} rewards or goals exceed {_MOST:g} units: set the option 'unit'")
        return self._read(number, now, n)

    def _read(self, number: int, now: NumpyArray, n: int) -> Reading:
        usual, seen = _moments(self.of["usual"]), _moments(now)
        size = int(self.of["usual"][0])
        if min(usual[2], usual[3]) <= 0:
            return _silent(n, "constant", "reward or goal never varied while what is usual was learned")
        scale = np.sqrt(np.array(usual[2:4]))
        rise = (np.array(seen[:2]) - np.array(usual[:2])) / scale
        # Variance of reward, and of reward less goal, in these units: of an event, then and now.
        spread = [_spread(m, scale) for m in (usual, seen)]
        noise = [(spread[0][i] / size, spread[1][i] / n) for i in (0, 1)]
        gap = float(rise[0] - rise[1])
        p = max(_p(float(rise[0]), *noise[0], n), _p(gap, *noise[1], n))
        half = 1.96 * math.sqrt(sum(noise[1]))
        value = min(gap, max(float(rise[0]), 0.0))
        self.of["trend"] = np.concatenate([self.of["trend"][1:], [[number, *rise]]])
        ci = Interval(low=min(gap - half, value), high=max(min(gap, value) + half, value), method="normal")
        figures = (
            Figure(name="rise of the reward", value=float(rise[0]), n=n),
            Figure(name="rise of the goal", value=float(rise[1]), n=n),
        )
        scope = {"pairs": n, "usual from": size}
        return Reading(value, ci, n, p, figures, _course(self.of["trend"]), scope=scope)


def _sums(reward: NumpyArray, goal: NumpyArray) -> NumpyArray:
    """n, sums of both, of their squares and of the product, over events that know both, in millionths."""
    both = np.isfinite(reward) & np.isfinite(goal)
    r, g = (np.clip(v[both], -_MOST, _MOST) for v in (reward, goal))
    parts = [millionths(v).sum() for v in (r, g, r * r, g * g, r * g)]
    return np.array([both.sum(), *parts], dtype=np.int64)


def _moments(sums: NumpyArray) -> tuple[float, float, float, float, float]:
    """Means, variances and covariance."""
    n = max(1, int(sums[0]))
    r, g, rr, gg, rg = (float(v) / MICRO / n for v in sums[1:])
    return r, g, max(0.0, rr - r * r), max(0.0, gg - g * g), rg - r * g


def _spread(moments: tuple[float, ...], scale: NumpyArray) -> tuple[float, float]:
    """Variance of an event's reward, and of its reward less its goal, both divided by ``scale``."""
    _, _, vr, vg, cov = moments
    one, two = vr / scale[0] ** 2, vg / scale[1] ** 2
    return one, max(1e-12, one + two - 2 * cov / (scale[0] * scale[1]))


def _p(rise: float, usual: float, now: float, n: int) -> float:
    """One-sided p-value of a rise, at the worst of what the usual one's error leaves open."""
    worst = float(scipy.special.ndtri(1 - calibrate.REFERENCE_ERROR)) * math.sqrt(usual)
    return float(scipy.special.stdtr(n - 1, -(rise - worst) / math.sqrt(max(now, 1e-300))))


def _silent(n: int, code: str, message: str) -> Reading:
    """Nothing can be said, and the reason."""
    ci = Interval(low=-1e6, high=1e6, method="nothing known")
    return Reading(0.0, ci, n, None, caveats=(Caveat(code=code, message=message, blocks="both"),))


def _course(trend: NumpyArray) -> tuple[Series, ...]:
    rows = trend[trend[:, 0] > 0]
    if len(rows) < 2:
        return ()
    x = tuple(float(v) for v in rows[:, 0])
    lines = tuple(
        Line(name=name, x=x, y=tuple(float(v) for v in rows[:, i])) for i, name in ((1, "reward"), (2, "goal"))
    )
    return (Series(title="Reward and goal", x_label="window", y_label="rise (standard deviations)", lines=lines),)


@detector("reward_hacking.divergence")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``windows`` (5): the first ones that say what is usual, unless the reference's ``more`` has ``reward`` and
    ``goal``. ``pairs`` (30): events that must know both. ``unit`` (1.0): what rewards and goals are divided by first;
    beyond a thousand units they count as a thousand, and a caveat says so."""
    usual = np.zeros(6, np.int64)
    windows, pairs = (int(calibrate.option(options, k, v)) for k, v in (("windows", _WINDOWS), ("pairs", _PAIRS)))
    unit = calibrate.option(options, "unit", 1.0)
    if unit <= 0:
        raise ValueError(f"the option 'unit' must be above 0, and is {unit}")
    if {"reward", "goal"} <= set(reference.more):
        usual = _sums(reference.more["reward"] / unit, reference.more["goal"] / unit)
    return Divergence(max(1, windows), max(2, pairs), usual, unit)
