"""What a stolen answer is worth: more than chance and a linear model of the attacker's own, on the same pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray


@dataclass(frozen=True)
class Worth:
    """``gain``: the share of what the attacker's own model gets wrong that the stolen model sets right, net.

    1 closes the whole gap, 0 closes none; a stolen model that does worse has gain 0. ``points`` is the plain
    difference of the two accuracies. ``own`` (n,) says which pictures the attacker's own best model gets right.
    """

    gain: float
    gain_ci: Interval
    points: float
    points_ci: Interval
    own: NumpyArray


def linear_answers(
    x: NumpyArray, y: NumpyArray, asked: NumpyArray, rng: np.random.Generator, labels: int
) -> NumpyArray:
    """Answers (n,) to ``asked`` by a logistic regression on the raw values of ``x``, at the best of four strengths.

    The strength is chosen on a fifth of the examples, then all are fitted. Rows may have any shape.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    seen = np.unique(y)
    if len(seen) < 2:
        return np.full(len(asked), seen[0] if len(seen) else 0, dtype=np.int64)
    if not len(asked):
        return np.zeros(0, dtype=np.int64)
    flat, wanted = x.reshape(len(x), -1).astype(np.float64), asked.reshape(len(asked), -1).astype(np.float64)
    mean, spread = flat.mean(axis=0), flat.std(axis=0)
    kept = spread > 1e-9
    flat, wanted = (flat - mean)[:, kept] / spread[kept], (wanted - mean)[:, kept] / spread[kept]
    if not flat.shape[1]:
        return np.full(len(asked), np.bincount(y, minlength=labels).argmax(), dtype=np.int64)
    order = rng.permutation(len(y))
    cut = max(1, len(y) // 5)
    held, fit = order[:cut], order[cut:]
    with threadpool_limits(1):
        best, strength = -1.0, 0.01
        for c in (1e-4, 1e-3, 0.01, 1.0):
            if len(np.unique(y[fit])) < 2:
                break
            got = LogisticRegression(C=c, max_iter=200).fit(flat[fit], y[fit]).score(flat[held], y[held])
            if got > best:
                best, strength = got, c
        model = LogisticRegression(C=strength, max_iter=400).fit(flat, y)
    return np.asarray(model.predict(wanted), dtype=np.int64)


def worth(
    stolen: NumpyArray, linear: NumpyArray, guess: NumpyArray, rng: np.random.Generator, level: float = 0.95
) -> Worth:
    """Each argument (n,) booleans: right by the stolen model, by the linear one, by always naming the commonest label.

    The attacker's own model is the better of the last two. Both are judged on the same pictures, so the interval is
    that of pairs: the four joint outcomes have Jeffreys' prior, and the limits are quantiles of 20,000 draws.
    """
    own = linear if linear.sum() >= guess.sum() else guess
    n = len(stolen)
    if n == 0:
        nothing = Interval(low=0.0, high=1.0, level=level, method="nothing asked")
        wide = Interval(low=-1.0, high=1.0, level=level, method="nothing asked")
        return Worth(0.0, nothing, 0.0, wide, own)
    only_stolen, only_own = int((stolen & ~own).sum()), int((own & ~stolen).sum())
    both, neither = int((stolen & own).sum()), int((~stolen & ~own).sum())
    p = rng.dirichlet(np.array([only_stolen, only_own, both, neither]) + 0.5, size=20_000)
    points = (only_stolen - only_own) / n
    wrong = only_stolen + neither
    gain = max(0.0, (only_stolen - only_own) / wrong) if wrong else 0.0
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(p[:, 0] - p[:, 1], tails)
    shares = np.clip((p[:, 0] - p[:, 1]) / (p[:, 0] + p[:, 3]), 0.0, 1.0)
    floor, ceiling = np.quantile(shares, tails)
    return Worth(
        gain,
        Interval(low=min(float(floor), gain), high=max(float(ceiling), gain), level=level, method="jeffreys, paired"),
        points,
        Interval(low=min(float(low), points), high=max(float(high), points), level=level, method="jeffreys, paired"),
        own,
    )
