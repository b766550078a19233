"""A linear model is stolen whole, through every precision; what is not linear is said not to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from momus.core.meter import Budget
from momus.core.records import Measurement, Status
from momus.core.samples import Samples
from momus.core.service import Service
from momus.judge import decide, default_limits
from momus.probes.stealing.linear import linear
from momus.targets import Target
from momus.zoo.stealing.services import mumbling, served
from momus.zoo.tables import fitted, people


@pytest.fixture(scope="module")
def people_() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(1)
    return people(500, rng, name="train"), people(300, rng, name="test")


def figures(m: Measurement) -> dict[str, float]:
    return {f.name: f.value for f in m.figures}


def status(m: Measurement) -> Status:
    return decide(m, default_limits()["stealing.linear"]).status


def test_logistic_regression_in_d_plus_1_queries_to_1e_9(people_: tuple[Samples, Samples]) -> None:
    """Eight columns, one of three categories: nine features and an intercept, ten queries."""
    m = linear(fitted(LogisticRegression(), people_[0], "line"), test=people_[1], defences=False)
    found = figures(m)
    assert m.scope["solved_with"] == found["unknowns"] == 10
    assert found["probability_error"] < 1e-9 and found["held_out_error"] < 1e-9
    assert m.value == 1.0 and status(m) is Status.FAIL
    assert found["queries_to_99pct"] <= 10


def test_a_scaled_one_hot_pipeline_is_solved_in_the_space_of_its_rows(people_: tuple[Samples, Samples]) -> None:
    from sklearn.compose import make_column_transformer

    pipe = make_pipeline(
        make_column_transformer((OneHotEncoder(), [6]), remainder=StandardScaler()), LogisticRegression(C=0.3)
    )
    m = linear(fitted(pipe, people_[0], "pipe"), test=people_[1], defences=False)
    assert m.scope["solved_with"] == 10 and figures(m)["probability_error"] < 1e-9


def test_softmax_takes_no_more_queries_than_two_classes() -> None:
    rng = np.random.default_rng(2)
    train, test = people(600, rng, classes=4), people(300, rng, classes=4)
    m = linear(fitted(LogisticRegression(), train, "softmax"), test=test, defences=False)
    assert m.scope["solved_with"] == 10 and figures(m)["unknowns"] == 30
    assert figures(m)["probability_error"] < 1e-9


@pytest.mark.parametrize("model", [Ridge(), PoissonRegressor(alpha=1e-3)])
def test_regressors_are_solved_from_their_values(model: Any) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 5))
    y = np.exp(x @ [0.3, -0.2, 0.1, 0.0, 0.2])
    samples, test = Samples(x[:250], y[:250]), Samples(x[250:], y[250:])
    m = linear(Target.from_sklearn(model.fit(x, y), name="values", samples=samples), test=test)
    assert m.value == 1.0 and figures(m)["value_error"] < 1e-6
    assert "probability_error" not in figures(m)


def test_rounded_answers_cost_queries_and_the_card_says_how_they_are_rounded(people_: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), people_[0], "line")
    full = linear(target, test=people_[1], defences=False)
    service = Service(price=2.0, currency="USD", decimals=2, per_minute=60.0)
    m = linear(target, test=people_[1], service=service, defences=False)
    assert m.scope["answers"] == "2 decimals" and m.value == 1.0
    assert figures(m)["queries_to_99pct"] > 10 * figures(full)["queries_to_99pct"]
    assert figures(m)["cost_to_99pct"] == pytest.approx(figures(m)["queries_to_99pct"] * 2 / 1000, rel=0.01)
    assert figures(m)["minutes_to_99pct"] == pytest.approx(figures(m)["queries_to_99pct"] / 60, rel=0.01)


def test_defences_are_measured_with_the_same_attack(people_: tuple[Samples, Samples]) -> None:
    m = linear(fitted(LogisticRegression(), people_[0], "line"), test=people_[1])
    table = next(e for e in m.evidence if "same attack" in e.title)
    shown = {r[0]: r for r in table.rows}  # type: ignore[union-attr]
    rounded = ["3 decimals", "2 decimals", "1 decimal", "the class alone"]
    assert set(shown) == {"every digit", "every digit, top 1", *rounded}
    assert shown["every digit"][3] == 10 and all(int(str(shown[k][3])) > 300 for k in rounded)
    top = shown["every digit, top 1"]  # of two classes the other one has the rest
    assert top[3] == 10 and top[1] == 1.0


def test_the_top_class_alone_hides_nothing_of_two(people_: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), people_[0], "line")
    m = linear(target, test=people_[1], service=Service(top=1), defences=False)
    assert m.scope["answers"] == "every digit, top 1" and m.scope["solved_with"] == 10 and m.value == 1.0
    rounded = linear(target, test=people_[1], service=Service(decimals=2, top=1), defences=False)
    assert rounded.value > 0.99 and "steps of the rounding" in str(rounded.scope["method"])
    rng = np.random.default_rng(2)
    train, test = people(600, rng, classes=4), people(300, rng, classes=4)
    many = linear(fitted(LogisticRegression(), train, "softmax"), test=test, service=Service(top=1), defences=False)
    assert "boundary" in str(many.scope["method"]) and figures(many)["queries_asked"] > 300


def test_a_model_that_is_not_linear_is_never_passed(people_: tuple[Samples, Samples]) -> None:
    strange = people_[0].x.copy()
    strange[:, 0] *= np.where(people_[0].y == 1, 3.0, 0.3)  # variances differ by class: the boundary is curved
    samples = Samples(strange, people_[0].y, columns=people_[0].columns, classes=people_[0].classes)
    for labels in (False, True):
        m = linear(fitted(GaussianNB(), samples, "bayes"), test=people_[1], labels=labels, defences=False)
        assert "not-linear" in [c.code for c in m.caveats], m.scope
        assert status(m) is Status.INCONCLUSIVE


def test_a_service_that_mumbles_may_pass_and_a_quota_may_not(people_: tuple[Samples, Samples]) -> None:
    line = fitted(LogisticRegression(), people_[0], "line")
    mumbled = served(mumbling(line.probabilities, 0.15, 3), people_[1], "mumbled")
    m = linear(mumbled, test=people_[1], defences=False)
    assert status(m) is Status.PASS and 0.7 < m.value < 0.9 and figures(m)["blur"] > 0
    short = linear(line, test=people_[1], queries=4, defences=False)
    assert [c.code for c in short.caveats if c.blocks == "pass"] == ["budget-spent"]
    assert status(short) is not Status.PASS


def test_the_budget_is_kept_and_the_examination_has_its_share(people_: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), people_[0], "line")
    m = linear(target, test=people_[1], budget=Budget(queries=600), defences=False)
    assert m.cost.queries <= 600 and m.n >= 50 and m.value > 0.95
    assert linear(target, test=people_[1], budget=Budget(queries=0)).n == 0
    for most in (60, 200):  # what is left still examines the copy; a defence that the budget cut short shows nothing
        small = linear(target, test=people_[1], budget=Budget(queries=most))
        assert small.cost.queries <= most and small.n >= most / 4 and small.value == 1.0
        assert status(small) is not Status.PASS
        assert not any("same attack" in e.title and len(e.rows) > 2 for e in small.evidence)  # type: ignore[union-attr]
    assert any("same attack" in e.title for e in linear(target, test=people_[1], queries=300).evidence)


def test_float32_models_have_a_floor() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 6)).astype(np.float32).astype(float)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 3))
    samples = Samples(x, rng.integers(0, 3, 300), classes=("a", "b", "c"))
    target = Target.from_torch(module, shape=(6,), modality="table", classes=samples.classes, samples=samples)
    m = linear(target, test=samples, defences=False)
    assert m.value == 1.0 and m.scope["solved_with"] == 7
    assert 0 < figures(m)["probability_error"] < 1e-5
