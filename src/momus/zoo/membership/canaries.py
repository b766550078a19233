"""Twins for membership.canaries: trainings that learn their rows by heart, and trainings that keep a promise."""

from __future__ import annotations

import math

import numpy as np

from momus.zoo import Case
from momus.zoo.membership._private import twin
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Forests and neighbours that remember a wrong class; a line, a coarse tree, and training with noise."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    data = {name: people(1500, rng, name=name) for name in ("train", "test")}
    wide = {name: people(1200, rng, name=name, classes=5) for name in ("train", "test")}
    train, many = data["train"], wide["train"]
    forest = RandomForestClassifier(30, random_state=seed)
    extra = ExtraTreesClassifier(30, bootstrap=True, random_state=seed)
    tree = DecisionTreeClassifier(min_samples_leaf=150, random_state=seed)
    private, bare = twin(seed, mu=0.2, rows=1000), twin(seed, mu=math.inf, rows=1000)
    return (
        Case("forest that remembers", True, fitted(forest, train, "forest"), data),
        Case("logistic regression", False, fitted(LogisticRegression(), train, "line"), data),
        Case(
            "extra trees, five classes, real rows",
            True,
            fitted(extra, many, "extra"),
            wide,
            {"kind": "real"},
            held_out=True,
        ),
        Case("descent without noise", True, bare.target, bare.data, held_out=True),
        Case("descent with noise", False, private.target, private.data, held_out=True),
        Case("tree of few leaves", False, fitted(tree, train, "tree"), data, {"kind": "crafted"}, held_out=True),
    )
