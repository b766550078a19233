"""Cases for perturbation.table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import Column, ColumnKind, Samples
from momus.targets import Target
from momus.zoo import Case
from momus.zoo.perturbation import _systems as systems

CREDIT = (
    Column(name="used", low=0, high=100),
    Column(name="limit", immutable=True, low=0, high=100),
    Column(name="months", kind=ColumnKind.INTEGER, low=0, high=60),
    Column(name="employed", kind=ColumnKind.BINARY, immutable=True, categories=("no", "yes")),
    Column(name="salary", low=0, high=20),
)
RULES = ("used <= limit", "employed == 0 implies salary == 0")


def credit(seed: int, decides: str, n: int = 450) -> Samples:
    """Accounts that keep two rules. ``months``: bad where the account is young, which can be waited out. ``limit``: bad
    where the limit is low, which nobody but the bank can change."""
    rng = np.random.default_rng(seed)
    limit, employed = rng.uniform(10, 90, n), rng.integers(0, 2, n)
    used = limit * rng.uniform(0.1, 0.99, n)
    months = rng.integers(0, 40, n)
    salary = np.where(employed == 1, rng.uniform(1, 12, n), 0.0)
    y = (months < 18 if decides == "months" else limit < 22).astype(np.int64)
    x = np.column_stack([used, limit, months, employed, salary]).astype(float)
    return Samples(x, y, f"accounts by {decides}", columns=CREDIT, classes=("sound", "bad"), rules=RULES)


class Overdrawn:
    """A model as a bank might write it: bad where more is used than the limit, or the limit is low. Labels alone."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return ((x[:, 0] > x[:, 1]) | (x[:, 1] < 22)).astype(np.int64)


def overdrawn(seed: int, *, rules: bool) -> tuple[Any, dict[str, Samples]]:
    """The model with accounts that only overdrawing can turn, which the first rule forbids where it is declared."""
    samples = credit(seed, "limit")
    target = Target.from_callable(
        Overdrawn(), name="overdrawn", classes=samples.classes, output="labels", samples=samples
    )
    return target, {"test": samples if rules else replace(samples, rules=())}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Models that a mutable column decides, and their twins by an immutable column, a rule or a wide margin."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    def table(decides: str, estimator: Any, name: str) -> tuple[Any, dict[str, Samples]]:
        return systems.fitted(estimator, systems.applicants(seed, decides), name)

    def values(estimator: Any, decides: str, name: str) -> tuple[Any, dict[str, Samples]]:
        samples = systems.applicants(seed, decides)
        y = systems.column(samples, decides).astype(float)
        return systems.fitted(estimator, replace(samples, y=y, classes=()), name)

    income, by_income = table("income", make_pipeline(StandardScaler(), LogisticRegression()), "scorecard")
    boosted, by_boosted = table("income", GradientBoostingClassifier(n_estimators=30, random_state=seed), "boosted")
    age, by_age = table("age", RandomForestClassifier(10, max_depth=4, random_state=seed), "age-forest")
    forbidden, ruled = overdrawn(seed, rules=True)
    allowed, unruled = overdrawn(seed, rules=False)
    months, by_months = systems.fitted(DecisionTreeClassifier(max_depth=3), credit(seed, "months"), "young-account")
    channel, by_channel = table("channel", LinearSVC(dual="auto", max_iter=20_000), "channel-svm")
    network, by_network = table(
        "income", make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=300, random_state=seed)), "network"
    )
    rent, by_rent = values(RandomForestRegressor(10, max_depth=5, random_state=seed), "income", "rent")
    fare, by_fare = values(make_pipeline(StandardScaler(), Ridge()), "age", "fare")
    old, by_old = table("age", make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=300)), "age-network")
    few = {"queries": 250, "refine": 60, "n": 150}
    return (
        Case("scorecard-by-income", True, income, by_income, {"epsilon": 0.5, **few}),
        Case("boosted-by-income", True, boosted, by_boosted, {"epsilon": 0.5, **few}),
        Case("forest-by-age", False, age, by_age, {"epsilon": 0.5, "switches": 0, **few}),
        Case("overdrawing-is-forbidden", False, forbidden, ruled, {"epsilon": 1.0, **few}),
        Case("overdrawing-is-allowed", True, allowed, unruled, {"epsilon": 1.0, **few}, held_out=True),
        Case("young-account", True, months, by_months, {"epsilon": 0.6, **few}, held_out=True),
        Case("channel-decides", True, channel, by_channel, {"epsilon": 0.1, **few}, held_out=True),
        Case("labels-alone", True, network, by_network, {"epsilon": 0.5, "labels_only": True, **few}, held_out=True),
        Case("rent-by-income", True, rent, by_rent, {"epsilon": 0.6, **few}, held_out=True),
        Case("fare-by-age", False, fare, by_fare, {"epsilon": 0.5, "switches": 0, **few}, held_out=True),
        Case("network-by-age", False, old, by_old, {"epsilon": 0.1, "switches": 0, **few}, held_out=True),
    )
