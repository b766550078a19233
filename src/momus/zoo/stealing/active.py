"""Twins for stealing.active: small smooth models, and models that a thousand answers do not give away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.zoo import Case
from momus.zoo.stealing import unlearnable
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Lines, a shallow tree, a small network; classes by lot in small cells, waves, neighbours of noise, a liar."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = people(1000, rng, name="train"), people(500, rng, name="test")
    many, more = people(1000, rng, name="train", classes=3), people(500, rng, name="test", classes=3)
    data, wide, tight = {"test": test}, {"test": more}, {"queries": 500, "after": 0}
    some: dict[str, Any] = {"queries": 500, "after": 40}
    line = fitted(LogisticRegression(), train, "line")
    tree = fitted(DecisionTreeClassifier(max_depth=3, random_state=seed), train, "tree")
    network = MLPClassifier((8,), alpha=0.1, max_iter=150, early_stopping=True, random_state=seed)
    lot = replace(many, y=unlearnable.by_lot(many, seed))
    near = fitted(KNeighborsClassifier(1), lot, "neighbour of noise")
    bayes = fitted(GaussianNB(), train, "bayes")
    return (
        Case("logistic regression", True, line, {**data, "train": train}, some),
        Case("tree of eight leaves", True, tree, data, tight),
        Case("classes by lot in small cells", False, unlearnable.cells(more, seed), wide, tight),
        Case("neighbour of noise", False, near, wide, tight),
        Case("small network, classes alone", True, fitted(network, train, "network"), data,
             {**tight, "answers": "labels"}, held_out=True),
        Case("linear margin, no probabilities", True, fitted(LinearSVC(), train, "margin"), data, tight, held_out=True),
        Case("naive Bayes", True, bayes, data, tight, held_out=True),
        Case("waves", False, unlearnable.waves(test, seed), data, tight, held_out=True),
        Case("logistic regression that lies", False, unlearnable.liar(line, test, seed), data, tight, held_out=True),
    )  # fmt: skip
