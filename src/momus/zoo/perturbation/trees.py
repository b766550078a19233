"""Cases for perturbation.trees."""

from __future__ import annotations

from typing import Any

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.perturbation import _systems as systems
from momus.zoo.perturbation.table import credit


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Trees of every kind that a mutable column decides, and twins by an immutable one or at a narrow radius."""
    from sklearn.ensemble import (
        AdaBoostClassifier,
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    def table(decides: str, estimator: Any, name: str) -> tuple[Any, dict[str, Samples]]:
        return systems.fitted(estimator, systems.applicants(seed, decides), name)

    s = {"random_state": seed}
    income, by_income = table("income", DecisionTreeClassifier(max_depth=4, **s), "income-tree")
    forest, by_forest = table("income", RandomForestClassifier(5, max_depth=4, **s), "income-forest")
    age, by_age = table("age", GradientBoostingClassifier(n_estimators=15, max_depth=2, **s), "age-boosted")
    old, by_old = table("age", DecisionTreeClassifier(max_depth=3, **s), "age-tree")
    channel, by_channel = table("channel", ExtraTreesClassifier(6, max_depth=5, **s), "channel-extra")
    scaled, by_scaled = table(
        "income", make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=8, **s)), "scaled-boosting"
    )
    votes, by_votes = table("age", AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=8), "age-votes")
    months, by_months = systems.fitted(
        RandomForestClassifier(4, max_depth=3, **s), credit(seed, "months"), "young-account"
    )
    few = {"queries": 120, "n": 80}
    fixed = {"switches": 0, **few}
    return (
        Case("tree-by-income", True, income, by_income, {"epsilon": 0.5, **few}),
        Case("forest-by-income", True, forest, by_forest, {"epsilon": 0.5, **few}),
        Case("boosted-by-age", False, age, by_age, {"epsilon": 0.3, **fixed}),
        Case("tree-by-age", False, old, by_old, {"epsilon": 0.5, **fixed}),
        Case("category-decides", True, channel, by_channel, {"epsilon": 0.1, **few}, held_out=True),
        Case("boosting-behind-a-scaler", True, scaled, by_scaled, {"epsilon": 0.6, **few}, held_out=True),
        Case("young-account", True, months, by_months, {"epsilon": 0.6, **few}, held_out=True),
        Case("votes-by-age", False, votes, by_votes, {"epsilon": 0.3, **fixed}, held_out=True),
    )
