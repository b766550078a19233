"""Twins for stealing.jacobian: models that a few rows and their gradients give away, and models they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.stealing import unlearnable
from momus.zoo.tables import fitted, people


def numbers(samples: Samples) -> Samples:
    """The same people without their categories, which have no gradient."""
    return replace(samples, x=samples.x[:, :6], columns=samples.columns[:6])


def cases(seed: int) -> tuple[Case, ...]:
    """Lines, a network and a smooth margin on numbers; classes by lot, waves and a liar."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(seed)
    train, test = numbers(people(1000, rng, name="train")), numbers(people(700, rng, name="test"))
    many, more = (numbers(people(n, rng, name="rows", classes=3)) for n in (1000, 600))
    pool = numbers(people(300, rng, name="pool"))
    data, wide = {"test": test}, {"test": more}
    some: dict[str, Any] = {"queries": 600, "seeds": 150, "step": 0.3, "after": 0}
    line = fitted(LogisticRegression(), train, "line")
    network = MLPClassifier((8,), alpha=0.1, max_iter=150, early_stopping=True, random_state=seed)
    lot = replace(many, y=unlearnable.by_lot(many, seed))
    near = fitted(KNeighborsClassifier(1), lot, "neighbour of noise")
    return (
        Case("logistic regression", True, line, {**data, "train": train}, {**some, "after": 40}),
        Case(
            "linear margin, seeds from a pool", True, fitted(LinearSVC(), train, "margin"), {**data, "pool": pool}, some
        ),
        Case("classes by lot in small cells", False, unlearnable.cells(more, seed), wide, some),
        Case("neighbour of noise", False, near, wide, some),
        Case("small network", True, fitted(network, train, "network"), data, some, held_out=True),
        Case(
            "linear discriminants",
            True,
            fitted(LinearDiscriminantAnalysis(), train, "normal"),
            data,
            some,
            held_out=True,
        ),
        Case("waves", False, unlearnable.waves(test, seed), data, some, held_out=True),
        Case("logistic regression that lies", False, unlearnable.liar(line, test, seed), data, some, held_out=True),
    )
