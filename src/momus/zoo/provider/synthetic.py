"""Twins for provider.synthetic: models that learn any row by heart, and models that can draw but one line."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.provider import _systems as systems
from momus.zoo.tables import fitted


def cases(seed: int) -> tuple[Case, ...]:
    """Forests, neighbours, boosting and a network; a line, coarse trees and a Gaussian."""
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    digits, table, many = systems.pictures(400, 300), systems.people_pair(rng), systems.people_pair(rng, classes=4)
    extra = ExtraTreesClassifier(30, random_state=seed)
    boosted = HistGradientBoostingClassifier(max_iter=80, random_state=seed)
    net = systems.recipe(lambda: systems.dense(64, (128,), 10), epochs=10)
    coarse = DecisionTreeClassifier(max_depth=2, random_state=seed)
    stubby = DecisionTreeClassifier(max_leaf_nodes=6, random_state=seed)
    near = KNeighborsClassifier(3)
    return (
        Case("extra trees", True, fitted(extra, table["train"], "extra"), table, {"tolerated": 0.03}),
        Case("dense network on digits", True, systems.target(net, digits, seed, "net"), digits),
        Case("logistic regression", False, fitted(LogisticRegression(), table["train"], "line"), table),
        Case("tree of depth two", False, fitted(coarse, table["train"], "coarse"), table),
        Case("boosting, four classes", True, fitted(boosted, many["train"], "boosted"), many, held_out=True),
        Case("nearest neighbours", True, fitted(near, table["train"], "near"), table, held_out=True),
        Case("tree of six leaves", False, fitted(stubby, many["train"], "stubby"), many, held_out=True),
        Case("naive Bayes", False, fitted(GaussianNB(), table["train"], "bayes"), table, held_out=True),
    )
