"""Copies from made-up questions: a line is taken, noise is not; queries, digits, money and the uses of a copy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from momus.core.errors import ProbeError, TargetError
from momus.core.meter import Budget, Meter
from momus.core.records import Measurement, Status
from momus.core.samples import Samples
from momus.core.service import Service
from momus.judge import decide, default_limits
from momus.methods.copying import Learner
from momus.methods.theft_defences import View
from momus.probes.stealing._copies import Caller, believed
from momus.probes.stealing.active import active
from momus.zoo.stealing.services import served
from momus.zoo.stealing.unlearnable import cells
from momus.zoo.tables import fitted, people

QUICK = {"queries": 200, "rows": 200, "after": 0}


@pytest.fixture(scope="module")
def rows() -> tuple[Samples, Samples]:
    rng = np.random.default_rng(1)
    return people(400, rng, name="train"), people(300, rng, name="test")


@pytest.fixture(scope="module")
def stolen(rows: tuple[Samples, Samples]) -> Measurement:
    train, test = rows
    target = fitted(LogisticRegression(), train, "line")
    service = Service(price=2.0, currency="USD", per_minute=100, decimals=3)
    return active(target, test=test, train=train, service=service, **{**QUICK, "after": 60})


def test_a_line_is_stolen_and_priced(stolen: Measurement) -> None:
    assert stolen.value > 0.97 and decide(stolen, default_limits()["stealing.active"]).status is Status.FAIL
    assert stolen.figure("cost_to_90pct").value == pytest.approx(stolen.figure("queries_to_90pct").value * 2 / 1000)
    assert stolen.figure("minutes_to_90pct").value == pytest.approx(stolen.figure("queries_to_90pct").value / 100)
    assert stolen.scope["answers"] == "3 decimals" and stolen.figure("queries_asked").value == 200
    assert {"What the copy is worth against the queries it took", "What a copy costs"} <= {
        e.title for e in stolen.evidence
    }


def test_the_copy_turns_the_original_and_knows_of_members_no_more_than_it(stolen: Measurement) -> None:
    turned, chance = stolen.figure("transfer_rate"), stolen.figure("noise_rate")
    assert turned.n and turned.n <= 60 and turned.value > chance.value and turned.ci is not None
    copy, own = stolen.figure("membership_auc_copy"), stolen.figure("membership_auc_original")
    assert copy.ci is not None and own.ci is not None and copy.value == pytest.approx(own.value, abs=0.06)


def test_examples_are_tried_on_the_original_and_not_on_the_copy(rows: tuple[Samples, Samples]) -> None:
    """An original that answers with the nearest known row cannot be turned by small changes; a copy of it can."""
    train, test = rows
    model = LogisticRegression(C=1e-3).fit(train.x, train.y)
    known, spread = np.concatenate([test.x, train.x]), train.x.std(0)

    def answers(x: np.ndarray) -> np.ndarray:
        apart = (((x[:, None] - known[None]) / spread) ** 2).sum(2)
        return np.asarray(model.predict_proba(known[apart.argmin(1)]))

    m = active(served(answers, test, "nearest"), test=test, **{**QUICK, "queries": 400, "after": 100, "epsilon": 0.15})
    assert m.value > 0.8 and m.figure("transfer_rate").n >= 50 and m.figure("transfer_rate").value < 0.08


def test_members_are_looked_for_in_the_copy_which_never_saw_them(rows: tuple[Samples, Samples]) -> None:
    """A model that knows every row again; a copy of made-up questions does not."""
    near = fitted(KNeighborsClassifier(8, weights="distance"), rows[0], "near")
    m = active(near, test=rows[1], train=rows[0], **{**QUICK, "after": 40})
    assert m.figure("membership_auc_original").value > 0.9 and m.figure("membership_auc_copy").value < 0.7


def test_every_distinct_row_is_asked_and_counted_once(rows: tuple[Samples, Samples]) -> None:
    train, test = rows
    asked: list[np.ndarray] = []
    model = LogisticRegression().fit(train.x, train.y)

    def answers(x: np.ndarray) -> np.ndarray:
        asked.append(np.array(x))
        return np.asarray(model.predict_proba(x))

    target = served(answers, test, "counted")
    asked.clear()
    m = active(target, test=test, **QUICK)
    seen = np.concatenate(asked)
    assert m.cost.queries == len(seen) == len(np.unique(seen, axis=0))
    assert m.cost.queries <= 200 + 200 + 200
    exam = {row.tobytes() for row in test.x}
    assert sum(row.tobytes() in exam for row in seen) == 200  # the thief never sends a row of the exam


def test_a_row_asked_twice_costs_one_query(rows: tuple[Samples, Samples]) -> None:
    train, test = rows
    meter = Meter(fitted(LogisticRegression(), train, "line"))
    caller = Caller(meter, 2, View(), True)
    first = caller.full(test.x[[0, 1, 0]])
    again = caller.full(test.x[[1, 0]])
    assert meter.queries == 2 and (first[0] == first[2]).all() and (again == first[[1, 0]]).all()


def test_noise_is_not_stolen(rows: tuple[Samples, Samples]) -> None:
    m = active(cells(rows[1], 3), test=rows[1], **QUICK)
    assert m.value < 0.7 and decide(m, default_limits()["stealing.active"]).status is Status.PASS


def test_labels_alone_are_what_the_thief_hears() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert believed(p, View(labels=True)).tolist() == [[1, 0, 0], [0, 0, 1]]
    top = believed(p, View(decimals=1, top=1))
    assert top[1] == pytest.approx([0.15, 0.15, 0.7], abs=1e-4) and top.sum(1) == pytest.approx([1, 1])
    tied = believed(np.array([[0.349, 0.351, 0.3]]), View(decimals=1))
    assert tied.argmax() == 0 or tied[0, 1] > tied[0, 2]
    named = believed(np.array([[0.3, 0.34, 0.36]]), View(decimals=0))
    assert named.argmax() == 2  # rounded to nothing, the class is still named


def test_what_a_defence_takes_away_is_kept_from_the_copy(
    rows: tuple[Samples, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last three copies are those of one decimal, the top class with two, and labels alone."""
    heard: list[np.ndarray] = []
    real = Learner.fit

    def fit(self: Learner, kind: str, x: np.ndarray, answers: np.ndarray, seed: int) -> object:
        heard.append(np.array(answers))
        return real(self, kind, x, answers, seed)

    monkeypatch.setattr(Learner, "fit", fit)
    m = active(fitted(LogisticRegression(), rows[0], "line"), test=rows[1], **QUICK)
    one, top, labels = heard[-3:]
    assert len(one) == len(top) == len(labels) == 200
    assert np.abs(one - one.round(1)).max() < 1e-5 < np.abs(top - top.round(1)).max()
    assert np.abs(top - top.round(2)).max() < 1e-5 and set(np.unique(labels)) == {0.0, 1.0}
    assert {"agreement_one_decimal", "agreement_top_1", "agreement_labels"} <= {f.name for f in m.figures}


def test_a_common_class_is_no_theft(rows: tuple[Samples, Samples]) -> None:
    one = served(lambda x: np.tile([0.9, 0.1], (len(x), 1)), rows[1], "one answer")
    m = active(one, test=rows[1], **QUICK)
    assert m.value == 1.0 and m.figure("constant_agreement").value == 1.0
    assert decide(m, default_limits()["stealing.active"]).status is Status.INCONCLUSIVE


def test_a_budget_too_small_for_the_questions_passes_nobody(rows: tuple[Samples, Samples]) -> None:
    m = active(cells(rows[1], 3), test=rows[1], budget=Budget(queries=300), **QUICK)
    assert m.cost.queries <= 300 and "budget-spent" in {c.code for c in m.caveats}
    assert decide(m, default_limits()["stealing.active"]).status is Status.INCONCLUSIVE


def test_bad_requests_are_named(rows: tuple[Samples, Samples]) -> None:
    target = fitted(LogisticRegression(), rows[0], "line")
    for given, said in (
        ({"strategy": "bold"}, "strategy"), ({"answers": "logits"}, "answers"), ({"queries": 0}, "queries"),
        ({"after": -1}, "after"), ({"after": 50, "epsilon": -1.0}, "epsilon"),
    ):  # fmt: skip
        with pytest.raises(ProbeError, match=said):
            active(target, test=rows[1], **{**QUICK, **given})
    broken = served(lambda x: np.full((len(x), 2), 0.5), rows[1], "broken")
    broken.function = lambda x: np.full((len(x), 2), np.nan)
    with pytest.raises(TargetError):
        active(broken, test=rows[1], **QUICK)


def test_pictures_of_nothing_steal_a_small_picture_model() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (300, 8, 8, 1)).astype(np.uint8)
    test = Samples(x=x, y=(x[:, :, :4].mean((1, 2, 3)) > x[:, :, 4:].mean((1, 2, 3))).astype(int), classes=("r", "l"))

    def answers(a: np.ndarray) -> np.ndarray:
        z = 12 * (a.reshape(len(a), 8, 8)[:, :, :4].mean((1, 2)) - a.reshape(len(a), 8, 8)[:, :, 4:].mean((1, 2))) / 255
        p = 1 / (1 + np.exp(-z))
        return np.column_stack([1 - p, p])

    from momus.targets import Target

    target = Target.from_callable(answers, name="halves", classes=("r", "l"), output="probabilities", samples=test)
    m = active(target, test=test, **{**QUICK, "queries": 500})
    assert m.value > 0.7 and m.figure("constant_agreement").value < 0.6
