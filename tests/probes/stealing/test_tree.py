"""A tree is stolen whole; what is no tree is said to be none and passes nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from momus.core.meter import Budget
from momus.core.records import Measurement, Status
from momus.core.samples import Samples
from momus.core.service import Service
from momus.judge import decide, default_limits
from momus.probes.stealing.tree import tree
from momus.targets import Target
from momus.zoo.stealing.services import mumbling, served
from momus.zoo.stealing.tree import node_answers
from momus.zoo.tables import fitted, people


@pytest.fixture(scope="module")
def people_() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(1)
    return people(700, rng, name="train"), people(300, rng, name="test")


def figures(m: Measurement) -> dict[str, float]:
    return {f.name: f.value for f in m.figures}


def status(m: Measurement) -> Status:
    return decide(m, default_limits()["stealing.tree"]).status


def test_every_leaf_is_found_and_shown(people_: tuple[Samples, Samples]) -> None:
    model = DecisionTreeClassifier(max_depth=4, min_samples_leaf=7, random_state=0)
    m = tree(fitted(model, people_[0], "tree"), test=people_[1], defences=False)
    found = figures(m)
    assert m.value == 1.0 and found["uniform_agreement"] == 1.0 and status(m) is Status.FAIL
    assert found["leaves_found"] == model.get_n_leaves()
    rules = next(e for e in m.evidence if "leaf by leaf" in e.title)
    assert len(rules.rows) == model.get_n_leaves()  # type: ignore[union-attr]


def test_every_query_of_the_thief_is_counted(people_: tuple[Samples, Samples]) -> None:
    model = DecisionTreeClassifier(max_depth=3, min_samples_leaf=7, random_state=0)
    m = tree(fitted(model, people_[0], "tree"), test=people_[1], defences=False, after=0)
    assert figures(m)["queries_asked"] == m.cost.queries - 2 * m.n


def test_scaling_in_front_of_the_tree_changes_nothing(people_: tuple[Samples, Samples]) -> None:
    pipe = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, min_samples_leaf=9, random_state=0))
    m = tree(fitted(pipe, people_[0], "scaled"), test=people_[1], defences=False)
    assert m.value == 1.0 and figures(m)["uniform_agreement"] == 1.0


def test_incomplete_rows_are_asked_only_where_the_card_allows_them(people_: tuple[Samples, Samples]) -> None:
    model = DecisionTreeClassifier(max_depth=5, min_samples_leaf=7, random_state=0).fit(people_[0].x, people_[0].y)
    met: list[bool] = []

    def ask(x: Any) -> Any:
        met.append(bool(np.isnan(x).any()))
        return node_answers(model)(x)

    for allowed in (False, True):
        met.clear()
        m = tree(served(ask, people_[1], "stuck", missing=allowed), test=people_[1], defences=False)
        assert m.value == 1.0 and any(met) is allowed
        assert ("incomplete" in str(m.scope["method"])) is allowed
    met.clear()
    tree(served(ask, people_[1], "stuck", missing=True), test=people_[1], incomplete=False, defences=False)
    assert not any(met)


def test_missing_values_that_go_a_way_of_their_own_do_not_mislead(people_: tuple[Samples, Samples]) -> None:
    """A tree that sends a missing value left or right answers incomplete rows, but not with the node's own answer."""
    train, test = people_
    holed = train.x.copy()
    holed[np.random.default_rng(0).random(holed.shape) < 0.05] = np.nan
    model = DecisionTreeClassifier(max_depth=4, min_samples_leaf=9, random_state=0).fit(holed, train.y)
    m = tree(served(model.predict_proba, test, "holed", missing=True), test=test, defences=False)
    assert m.value == 1.0 and "incomplete" not in str(m.scope["method"])


def test_regression_trees_are_read_too() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 4))
    y = x[:, 0] * 2 + np.abs(x[:, 1]) + rng.normal(size=600)
    samples = Samples(x[:300], y[:300])
    target = Target.from_sklearn(DecisionTreeRegressor(max_depth=4).fit(x, y), name="values", samples=samples)
    m = tree(target, test=samples)
    assert m.value == 1.0 and figures(m)["leaves_found"] == 16


@pytest.mark.parametrize(
    ("model", "code"),
    [(LogisticRegression(), "no-leaves"), (RandomForestClassifier(30, random_state=0), "budget-spent")],
)
def test_what_is_no_tree_is_never_passed(people_: tuple[Samples, Samples], model: Any, code: str) -> None:
    m = tree(fitted(model, people_[0], "other"), test=people_[1], queries=1500, defences=False)
    assert code in [c.code for c in m.caveats if c.blocks in ("pass", "both")]
    assert status(m) is not Status.PASS


def test_boosted_values_are_no_tree() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 4))
    samples = Samples(x, x[:, 0] * x[:, 1])
    target = Target.from_sklearn(GradientBoostingRegressor().fit(x, samples.y), name="boosted", samples=samples)
    m = tree(target, test=samples, queries=1500)
    assert status(m) is Status.INCONCLUSIVE and m.value < 0.9


def test_a_service_that_mumbles_may_pass(people_: tuple[Samples, Samples]) -> None:
    small = fitted(DecisionTreeClassifier(max_depth=4, min_samples_leaf=7), people_[0], "small")
    m = tree(served(mumbling(small.probabilities, 0.15, 3), people_[1], "mumbled"), test=people_[1])
    assert status(m) is Status.PASS and figures(m)["blur"] > 0


def test_prices_defences_and_alarms_are_in_the_report(people_: tuple[Samples, Samples]) -> None:
    target = fitted(DecisionTreeClassifier(max_depth=3, min_samples_leaf=7, random_state=0), people_[0], "small")
    m = tree(target, test=people_[1], service=Service(price=1.5, currency="USD", per_minute=60.0))
    titles = [e.title for e in m.evidence]
    assert any("same attack" in t for t in titles) and any("watches callers" in t for t in titles)
    found = figures(m)
    assert found["cost_to_99pct"] == pytest.approx(found["queries_to_99pct"] * 1.5 / 1000, rel=0.02)


def test_the_budget_is_kept(people_: tuple[Samples, Samples]) -> None:
    target = fitted(DecisionTreeClassifier(max_depth=6, min_samples_leaf=7, random_state=0), people_[0], "deep")
    m = tree(target, test=people_[1], budget=Budget(queries=900))
    assert m.cost.queries <= 900 and m.n >= 50 and status(m) is not Status.PASS
