"""Retrained models and rows that one of them never saw: what does it cost not to have seen them?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Predicts, Trains, to_numpy
from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals, paired, roc

BATCH = 4096


@dataclass(frozen=True)
class Cost:
    """How much better the first mean score is than the second, that of ``n`` rows, with an interval.

    Scores are accuracies, or relative errors times -1.
    """

    first: float
    second: float
    n: int
    drop: float
    ci: Interval


def scores(model: Predicts, x: NumpyArray, y: NumpyArray, scale: float | None) -> NumpyArray:
    """(n,) scores of which more is better: 1 for a right class and 0 for a wrong one.

    With ``scale``, the unit of a regressor's error, minus the absolute error in that unit. The rows are asked in
    batches of 4,096; the model is a retrained copy, so nothing is counted.
    """
    said = np.concatenate(
        [to_numpy(model.predict(model.encode(x[i : i + BATCH]))) for i in range(0, len(x), BATCH)] or [np.zeros(0)]
    )
    if scale is None:
        return np.asarray(said == y, dtype=float)
    return np.asarray(-np.abs(said - y) / scale, dtype=float)


def unit_of_error(y: NumpyArray, task: str) -> float | None:
    """What a regressor's errors are measured in: the mean absolute deviation from the median; None for classes."""
    if task != "regressor":
        return None
    values = np.asarray(y, dtype=float)
    return max(float(np.abs(values - np.median(values)).mean()), 1e-12)


def cost(first: NumpyArray, second: NumpyArray, level: float = 0.95) -> Cost:
    """The mean difference of two score vectors on the same rows. Bonett and Price's interval for right and wrong,
    Student's for errors of regressors."""
    n = len(first)
    if not n:
        return Cost(0.0, 0.0, 0, 0.0, Interval(low=-1.0, high=1.0, level=level, method="no rows"))
    a, b = float(first.mean()), float(second.mean())
    if np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all():
        drop, ci = paired.gain(int((first > second).sum()), int((first < second).sum()), n, level)
    else:
        drop = a - b
        ci = intervals.mean(first - second, level)
    return Cost(a, b, n, drop, ci)


def apart(first: NumpyArray, second: NumpyArray, level: float = 0.95) -> Cost:
    """The difference of the mean scores of two sets of rows. Newcombe's interval for right and wrong, for errors of
    regressors the two Student intervals joined (MOVER)."""
    a, b = float(first.mean()), float(second.mean())
    if np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all():
        drop, ci = roc.difference(int(first.sum()), len(first), int(second.sum()), len(second), level)
    else:
        drop, one, two = a - b, intervals.mean(first, level), intervals.mean(second, level)
        half = math.hypot(one.high - one.low, two.high - two.low) / 2
        ci = Interval(low=drop - half, high=drop + half, level=level, method="mover")
    return Cost(a, b, len(second), drop, ci)


def train(target: Trains, x: NumpyArray, y: NumpyArray, rows: NumpyArray, seed: int) -> Predicts:
    """A fresh model fitted on some rows."""
    return target.retrain(x[rows], y[rows], seed=seed)
