"""Twins for membership.label_only: models whose boundary bends around single rows, and models whose cannot."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.membership._private import twin
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Neighbours, forests and a tree grown out on noisy labels; a line, a coarse tree, training with noise."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    sets = {name: people(1300, rng, name=name) for name in ("train", "test")}
    hard = {name: people(1300, rng, name=name, noise=2.5) for name in ("train", "test")}
    coarse = {name: people(1300, rng, name=name, noise=2.5, classes=5) for name in ("train", "test")}
    wide = {name: people(1300, rng, name=name, classes=5) for name in ("train", "test")}
    many = {"rows": 1300, "copies": 6}
    forest = RandomForestClassifier(30, random_state=seed)
    extra = ExtraTreesClassifier(30, bootstrap=True, random_state=seed)
    near = KNeighborsClassifier(15, weights="distance")
    tree = DecisionTreeClassifier(min_samples_leaf=150, random_state=seed)
    private = twin(seed, mu=0.2, rows=1300)
    return (
        Case("neighbours that remember", True, fitted(near, coarse["train"], "near"), coarse, many),
        Case("logistic regression", False, fitted(LogisticRegression(), sets["train"], "line"), sets, many),
        Case("forest that remembers", True, fitted(forest, hard["train"], "forest"), hard, many, held_out=True),
        Case("extra trees, five classes", True, fitted(extra, wide["train"], "extra"), wide, many, held_out=True),
        Case("tree of few leaves", False, fitted(tree, sets["train"], "tree"), sets, many, held_out=True),
        Case(
            "naive Bayes, five classes", False, fitted(GaussianNB(), wide["train"], "bayes"), wide, many, held_out=True
        ),
        Case("descent with noise", False, private.target, private.data, many, held_out=True),
    )
