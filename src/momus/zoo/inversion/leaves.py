"""Twins for inversion.leaves: trees grown out to single people, and trees whose leaves are crowds."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.inversion.attribute import survey
from momus.zoo.tables import fitted


def cases(seed: int) -> tuple[Case, ...]:
    """Deep single trees, forests and boosted trees; coarse ones, and one that never saw the answer."""
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = (survey(n, rng, name=name, classes=5, noise=1.5) for n, name in ((1500, "train"), (2000, "test")))
    tied, fresh = survey(1500, rng, tied=3.0, name="train"), survey(2000, rng, tied=3.0, name="test")
    three, more = survey(1500, rng, k=3, name="train"), survey(2000, rng, k=3, name="test")
    plain, trio = {"train": train, "test": test}, {"train": three, "test": more}
    deep = DecisionTreeClassifier(random_state=seed)
    extra = ExtraTreesClassifier(30, random_state=seed, max_features=None)
    coarse = DecisionTreeClassifier(min_samples_leaf=150, random_state=seed)
    forest = RandomForestClassifier(20, min_samples_leaf=100, random_state=seed)
    stumps = GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=seed)
    return (
        Case("tree grown out", True, fitted(deep, train, "deep"), plain),
        Case("forest grown out", True, fitted(extra, three, "extra"), trio),
        Case("coarse tree", False, fitted(coarse, train, "coarse"), plain),
        Case("tied answers, coarse forest", False, fitted(forest, tied, "forest"), {"train": tied, "test": fresh}),
        Case("random splits grown out", True, fitted(ExtraTreeClassifier(random_state=seed), train, "random"), plain,
             held_out=True),
        Case("boosted stumps", False, fitted(stumps, train, "stumps"), plain, held_out=True),
        Case("coarse tree, three values", False, fitted(coarse, three, "three"), trio, held_out=True),
    )  # fmt: skip
