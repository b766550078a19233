"""Twins for membership.shadow: models that speak of their training rows in another tone, and models that do not."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Forests grown out and neighbours that remember; a line, a Gaussian, and trees of two levels."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(seed)
    train, test = people(1000, rng, name="train"), people(1000, rng, name="test")
    many, more = people(1000, rng, name="train", classes=5), people(1000, rng, name="test", classes=5)
    data, wide = {"train": train, "test": test}, {"train": many, "test": more}
    noisy, fresh = people(1200, rng, name="train", noise=2.5), people(1200, rng, name="test", noise=2.5)
    hard = {"train": noisy, "test": fresh}
    few = {"shadows": 8}
    forest = RandomForestClassifier(60, random_state=seed)
    extra = ExtraTreesClassifier(20, bootstrap=True, random_state=seed)
    near = KNeighborsClassifier(15, weights="distance")
    small = RandomForestClassifier(20, max_depth=2, random_state=seed)
    return (
        Case("forest that remembers", True, fitted(forest, noisy, "forest"), hard, few),
        Case("logistic regression", False, fitted(LogisticRegression(), train, "line"), data, few),
        Case("extra trees, five classes", True, fitted(extra, many, "extra"), wide, few),
        Case("naive Bayes, five classes", False, fitted(GaussianNB(), many, "bayes"), wide, few),
        Case("nearest neighbours", True, fitted(near, noisy, "near"), hard, few, held_out=True),
        Case("forest of two levels", False, fitted(small, train, "shallow"), data, few, held_out=True),
    )
