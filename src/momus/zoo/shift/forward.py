"""Twins for shift.forward: a world whose rule turns with time, and worlds that stay or move in their inputs alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people


def _dated(samples: Samples, rng: np.random.Generator) -> Samples:
    return replace(samples, time=rng.permutation(len(samples)).astype(float))


def _turning(n: int, rng: np.random.Generator, speed: float) -> Samples:
    """The direction that decides turns by ``speed`` radians over the time line."""
    drawn = _dated(people(n, rng, name="train"), rng)
    assert drawn.time is not None
    angle = speed * drawn.time / n
    signal = np.cos(angle) * drawn.x[:, 0] + np.sin(angle) * drawn.x[:, 1] + 0.2 * rng.normal(size=n)
    return replace(drawn, y=(signal > 0).astype(np.int64))


def _drifting(n: int, rng: np.random.Generator, size: float) -> Samples:
    """Inputs wander off; the rule stays."""
    drawn = _dated(people(n, rng, name="train", noise=0.0), rng)
    assert drawn.time is not None
    x = drawn.x.copy()
    x[:, 3] += size * drawn.time / n
    return replace(drawn, x=x)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: the rule turns over time, slowly or by a jump. Clean: nothing changes, or inputs that do not matter."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    n = 3600
    turning = _turning(n, rng, 3.0)
    still = _dated(people(n, rng, name="train", noise=0.3), rng)
    jump = _dated(people(n, rng, name="train", noise=0.2), rng)
    assert jump.time is not None
    y = np.asarray(jump.y).copy()
    late = jump.time > n * rng.uniform(0.45, 0.7)
    y[late & (jump.x[:, 0] > 0)] = 0
    jump = replace(jump, y=y)
    drifting = _drifting(n, rng, float(rng.uniform(0.5, 2)))
    line = LogisticRegression(max_iter=500)
    boosted = HistGradientBoostingClassifier(max_iter=40, random_state=seed)
    return (
        Case("the rule turns", True, fitted(boosted, turning, "turning"), {"train": turning}),
        Case("nothing changes", False, fitted(line, still, "still"), {"train": still}),
        Case("the rule jumps", True, fitted(boosted, jump, "jump"), {"train": jump}, held_out=True),
        Case("inputs wander", False, fitted(line, drifting, "wander"), {"train": drifting}, held_out=True),
        Case("nothing changes, trees", False, fitted(boosted, still, "trees"), {"train": still}, held_out=True),
    )
