"""Twins for membership.loss: models that hold on to noisy rows, and models too small to remember anything."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Forests and neighbours that hold on to their rows; a line, a coarse tree and a Gaussian that cannot."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = people(1500, rng, name="train"), people(1500, rng, name="test")
    many, more = people(1200, rng, name="train", classes=5), people(1200, rng, name="test", classes=5)
    data, wide = {"train": train, "test": test}, {"train": many, "test": more}
    noisy, fresh = people(1500, rng, name="train", noise=2.5), people(1500, rng, name="test", noise=2.5)
    hard = {"train": noisy, "test": fresh}
    near = KNeighborsClassifier(15, weights="distance")
    forest = RandomForestClassifier(60, random_state=seed)
    extra = ExtraTreesClassifier(60, bootstrap=True, random_state=seed)
    tree = DecisionTreeClassifier(min_samples_leaf=150, random_state=seed)
    return (
        Case("forest that remembers", True, fitted(forest, noisy, "forest"), hard),
        Case("logistic regression", False, fitted(LogisticRegression(), train, "line"), data),
        Case("extra trees, five classes", True, fitted(extra, many, "extra"), wide, held_out=True),
        Case("nearest neighbours", True, fitted(near, noisy, "near"), hard, held_out=True),
        Case("tree of few leaves", False, fitted(tree, train, "tree"), data, held_out=True),
        Case("naive Bayes, five classes", False, fitted(GaussianNB(), many, "bayes"), wide, held_out=True),
    )
