from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from momus.core.errors import ProbeError
from momus.core.evidence import Bars, Table
from momus.core.meter import Budget
from momus.core.probe import Trial
from momus.core.service import Service
from momus.probes.inversion.attribute import _graded, attribute
from momus.targets import Target
from momus.zoo.inversion.attribute import survey
from momus.zoo.tables import fitted

LIMIT = 0.05


def remembering(n: int = 700, **how):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    train, test = survey(n, rng, name="train", **how), survey(n + 400, rng, name="test", **how)
    return fitted(KNeighborsClassifier(10, weights="distance"), train, "near"), train, test


@cache
def leaking():  # type: ignore[no-untyped-def]
    """The model that remembers, and what the probe finds of it: measured once for all tests that start there."""
    target, train, test = remembering()
    return target, train, test, attribute(target, train=train, test=test)


def test_what_can_be_guessed_anyway_is_no_leak() -> None:
    rng = np.random.default_rng(1)
    train, test = survey(1200, rng, tied=6.0), survey(1600, rng, tied=6.0)
    m = attribute(fitted(LogisticRegression(), train, "line"), train=train, test=test)
    assert m.figure("attack_accuracy").value > 0.9 and abs(m.value) < 0.03 and m.ci.high <= LIMIT


def test_the_leak_is_of_training_rows() -> None:
    target, train, test, m = leaking()
    assert m.value > 0.15 and m.figure("member_gap").ci.low > 0.1  # type: ignore[union-attr]
    assert m.figure("advantage_others").value < 0.1
    swapped = attribute(target, train=test.take(slice(0, 700)), test=train)
    assert swapped.ci.high < 0.1, "rows it never saw are no better known"


def test_a_rare_answer_is_not_hidden_by_the_common_one() -> None:
    rng = np.random.default_rng(2)
    train, test = survey(2500, rng, k=2), survey(2500, rng, k=2)
    rare = [
        replace(s, x=s.x[k], y=s.y[k]) for s in (train, test) for k in [(s.x[:, -1] == 0) | (rng.random(2500) < 0.05)]
    ]
    assert 0.02 < rare[0].x[:, -1].mean() < 0.1
    target = fitted(KNeighborsClassifier(10, weights="distance"), rare[0], "near")
    m = attribute(target, train=rare[0], test=rare[1])
    assert m.ci.low > 0.1 and m.figure("accuracy_gain").value < 0.08
    assert m.figure("attack_surest[once]").value > m.figure("imputation_surest[once]").value


def test_coarser_answers_leave_less_and_the_service_says_how_coarse() -> None:
    target, train, test, m = leaking()
    bars = next(e for e in m.evidence if isinstance(e, Bars) and "say less" in e.title)
    left = dict(zip(bars.names, bars.values, strict=True))
    assert left["as they are"] == m.value and left["labels alone"] < m.value - 0.1
    assert attribute(target, train=train, test=test, decimals=0).value < m.value - 0.1
    assert attribute(target, train=train, test=test, service=Service(decimals=0)).value < m.value - 0.1
    table = next(e for e in m.evidence if isinstance(e, Table))
    assert sum(int(r[1]) for r in table.rows) == m.n  # type: ignore[arg-type]


def test_an_answer_shows_what_the_service_shows() -> None:
    target, _, test = remembering(classes=5)
    shown = _graded(target, Trial(service=Service(decimals=1, top=2)), None)(test.x[:100])
    full = target.probabilities(test.x[:100])
    assert np.allclose(shown * 10, np.round(shown * 10)) and not np.allclose(full * 10, np.round(full * 10))
    few = (np.sort(shown, axis=1)[:, -2] > np.sort(shown, axis=1)[:, -3]) & (np.sort(full, axis=1)[:, -3] > 0.05)
    assert few.any() and ((shown[few] > 0).sum(axis=1) == 2).all()


def test_labels_alone_and_values_can_be_asked() -> None:
    target, train, test = remembering(noise=2.0)
    plain = Target.from_callable(
        lambda x: target.predict(x), name="labels", classes=train.classes, samples=train, output="labels"
    )
    m = attribute(plain, train=train, test=test)
    assert m.n > 400 and "confusion" in next(e for e in m.evidence if isinstance(e, Bars)).names
    rng = np.random.default_rng(3)
    values = [replace(s, y=s.x[:, 0] + s.x[:, -1] + rng.normal(size=len(s)), classes=()) for s in (train, test)]
    near = KNeighborsRegressor(10, weights="distance").fit(values[0].x, values[0].y)
    m = attribute(Target.from_sklearn(near, name="values", samples=values[0]), train=values[0], test=values[1])
    assert m.ci.low > 0.1


def test_several_columns_and_the_worst_of_them() -> None:
    target, train, test = remembering()
    both = [replace(s, columns=tuple(replace(c, sensitive=c.name in ("answer", "rent")) for c in s.columns))
            for s in (train, test)]  # fmt: skip
    m = attribute(target, train=both[0], test=both[1])
    assert m.ci.level > 0.97 and {"advantage[answer]", "advantage[rent]"} <= {f.name for f in m.figures}
    assert m.value == max(m.figure(f"advantage[{c}]").value for c in ("answer", "rent"))


def test_nothing_marked_or_misnamed() -> None:
    target, train, test = remembering()
    open_ = [replace(s, columns=tuple(replace(c, sensitive=False) for c in s.columns)) for s in (train, test)]
    m = attribute(target, train=open_[0], test=open_[1])
    assert [c.code for c in m.caveats] == ["no-sensitive-column"] and m.caveats[0].blocks == "both" and m.n == 0
    assert attribute(target, train=open_[0], test=open_[1], column="answer").n > 0
    with pytest.raises(ProbeError, match="no column"):
        attribute(target, train=train, test=test, column="nonsense")
    with pytest.raises(ProbeError, match="labels"):
        attribute(target, train=replace(train, y=None), test=test)


def test_a_spent_budget_never_passes_and_a_pool_is_used() -> None:
    target, train, test = remembering()
    m = attribute(target, train=train, test=test, budget=Budget(queries=900))
    assert m.cost.queries <= 900 and "budget-spent" in {c.code for c in m.caveats} and 0 < m.n < 450
    pooled = attribute(target, train=train, test=test.take(slice(0, 300)), pool=test.take(slice(300, None)))
    assert pooled.ci.low > LIMIT


def test_people_are_counted_once_and_nobody_stands_on_both_sides() -> None:
    target, train, test = remembering()
    m = attribute(target, train=replace(train, ids=np.arange(700) // 2), test=replace(test, ids=np.arange(1100) + 200))
    assert m.n == pytest.approx(350 * 2 / 3, abs=2)
