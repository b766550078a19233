"""Twins for membership.rmia: models that give rows away to somebody with few models, and models that do not."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.membership._private import twin
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Small forests and a network grown out on noisy labels; a line, a Gaussian, and training with noise."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(seed)
    train, test = people(1800, rng, name="train"), people(1800, rng, name="test")
    many, more = people(1000, rng, name="train", classes=5), people(1000, rng, name="test", classes=5)
    data, wide = {"train": train, "test": test}, {"train": many, "test": more}
    noisy, fresh = people(1000, rng, name="train", noise=2.0), people(1000, rng, name="test", noise=2.0)
    hard = {"train": noisy, "test": fresh}
    eight, more_rows = {"shadows": 8}, {"shadows": 8, "records": 1800}
    forest = RandomForestClassifier(20, random_state=seed)
    extra = ExtraTreesClassifier(20, bootstrap=True, random_state=seed)
    near = KNeighborsClassifier(7, weights="distance")
    private = twin(seed, mu=0.2, rows=1000)
    return (
        Case("forest that remembers", True, fitted(forest, noisy, "forest"), hard, eight),
        Case("logistic regression", False, fitted(LogisticRegression(), train, "line"), data, more_rows),
        Case("extra trees, five classes", True, fitted(extra, many, "extra"), wide, eight, held_out=True),
        Case("neighbours, offline", True, fitted(near, noisy, "near"), hard, {**eight, "offline": True}, held_out=True),
        Case("naive Bayes", False, fitted(GaussianNB(), train, "bayes"), data, more_rows, held_out=True),
        Case("descent with noise", False, private.target, private.data, eight, held_out=True),
    )
