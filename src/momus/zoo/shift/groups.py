"""Twins for shift.groups: a group for which the learned relation is wrong, and groups that are served alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people


def _noisy(samples: Samples, mask: np.ndarray, share: float, rng: np.random.Generator) -> Samples:
    """Labels of the rows in ``mask`` turned into another class with probability ``share``."""
    y = np.asarray(samples.y).copy()
    turn = mask & (rng.random(len(y)) < share)
    y[turn] = (y[turn] + 1) % len(samples.classes)
    return replace(samples, y=y)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: the market, and men on the hill, follow another rule. Clean: everybody follows the same one."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = people(3000, rng, name="train", noise=0.3), people(4000, rng, name="test", noise=0.3)
    line = fitted(LogisticRegression(), train, "line")
    trees = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=seed), train, "trees")
    tree = fitted(DecisionTreeClassifier(max_depth=6, random_state=seed), train, "tree")
    market = _noisy(test, test.groups["site"] == "market", 0.45, rng)
    corner = (test.groups["site"] == "hill") & (test.groups["sex"] == "male")
    crossed = _noisy(test, corner, 0.6, rng)
    men = _noisy(test, test.groups["sex"] == "male", 0.5, rng)
    return (
        Case("market served badly", True, line, {"test": market}),
        Case("all served alike", False, line, {"test": test}),
        Case("men served badly, boosted trees", True, trees, {"test": men}, held_out=True),
        Case("men on the hill", True, line, {"test": crossed}, {"intersections": True}, held_out=True),
        Case("all served alike, boosted trees", False, trees, {"test": test}, held_out=True),
        Case("all served alike, one tree", False, tree, {"test": test}, held_out=True),
    )
