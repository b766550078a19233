"""Twins for shift.mix: models with a bad corner inside the declared range, and models that serve all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people


def _spoiled(samples: Samples, mask: NumpyArray, share: float, rng: np.random.Generator) -> Samples:
    """The model is as it is; in ``mask`` the world answers otherwise with probability ``share``."""
    y = np.asarray(samples.y).copy()
    turn = mask & (rng.random(len(y)) < share)
    y[turn] = 1 - y[turn]
    return replace(samples, y=y)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: one end of a declared column, or a corner of two, is served badly. Clean: errors everywhere alike, or
    only outside the declared range."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train, test = people(3000, rng, name="train", noise=0.2), people(4000, rng, name="test", noise=0.2)
    line = fitted(LogisticRegression(), train, "line")
    trees = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=seed), train, "trees")
    declared = {"columns": {"visits": [[-3, -1], [-1, 0], [0, 1], [1, 3]], "site": ["harbour", "hill", "market"]}}
    context = {"domain": declared}
    visits, site = test.x[:, 3], test.groups["site"]
    sign = 1 if seed % 2 else -1
    end = _spoiled(test, sign * visits > 0.7, 0.5, rng)
    corner = _spoiled(test, (sign * visits > 0) & (site == "hill"), 0.6, rng)
    outside = _spoiled(test, np.abs(visits) > 3, 0.9, rng)
    noise = _spoiled(test, np.ones(len(test), dtype=bool), 0.15, rng)
    return (
        Case("one end served badly", True, line, {"test": end}, context=context),
        Case("all served alike", False, line, {"test": test}, context=context),
        Case("a corner of two columns", True, trees, {"test": corner}, context=context, held_out=True),
        Case("bad outside the range", False, trees, {"test": outside}, context=context, held_out=True),
        Case("errors everywhere", False, trees, {"test": noise}, context=context, held_out=True),
    )
