"""Twins for membership.lira: models that give single rows away to somebody who retrains, and models that do not."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Small forests grown out on noisy labels; a line and a Gaussian."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(seed)
    train, test = people(1000, rng, name="train"), people(1000, rng, name="test")
    many, more = people(1000, rng, name="train", classes=5), people(1000, rng, name="test", classes=5)
    data, wide = {"train": train, "test": test}, {"train": many, "test": more}
    noisy, fresh = people(1000, rng, name="train", noise=2.0), people(1000, rng, name="test", noise=2.0)
    hard = {"train": noisy, "test": fresh}
    few = {"shadows": 8}
    forest = RandomForestClassifier(20, random_state=seed)
    extra = ExtraTreesClassifier(20, bootstrap=True, random_state=seed)
    return (
        Case("forest that remembers", True, fitted(forest, noisy, "forest"), hard, few),
        Case("logistic regression", False, fitted(LogisticRegression(), train, "line"), data, few),
        Case("extra trees, five classes", True, fitted(extra, many, "extra"), wide, few, held_out=True),
        Case("naive Bayes", False, fitted(GaussianNB(), train, "bayes"), data, few, held_out=True),
    )
