from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.samples import Column, Samples
from momus.judge import decide, default_limits
from momus.probes.shift.cause import cause
from momus.zoo.shift._data_worlds import fitted, machines
from momus.zoo.tables import fitted as table

LIMIT = default_limits()["shift.cause"]


@pytest.fixture(scope="module")
def line():  # type: ignore[no-untyped-def]
    return fitted(LogisticRegression(), machines(2000, np.random.default_rng(0)), "line")


def test_a_changed_relation_is_told_from_moved_inputs(line) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    test = machines(2500, rng)
    turned = cause(line, test=test, current=machines(2500, rng, moved=(0, 0, 0.5, 0, 0), turned=True))
    assert decide(turned, LIMIT).status.value == "fail" and turned.scope["supported"] == "a changed relation"
    assert turned.figure("relation_p").value < 1e-6 and turned.figure("classes_p").value < 1e-6
    moved = cause(line, test=test, current=machines(2500, rng, near=0.5))
    assert decide(moved, LIMIT).status.value == "pass" and "moved inputs" in str(moved.scope["supported"])
    assert moved.figure("explained_by_inputs").value == pytest.approx(-moved.figure("accuracy_change").value, abs=0.03)
    assert moved.figure("relation_p").value > 0.001 > moved.figure("inputs_p").value


def test_another_mix_of_classes_is_no_changed_relation(line) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(2)
    lazy = fitted(LogisticRegression(class_weight={0: 8, 1: 1}), machines(2000, rng), "lazy")
    m = cause(lazy, test=machines(2500, rng), current=machines(2500, rng, failures=0.8))
    assert m.figure("accuracy_change").value < -0.05 and m.figure("classes_p").value > 0.001
    assert "another mix of classes" in str(m.scope["supported"]) and decide(m, LIMIT).status.value == "pass"
    assert m.figure("explained_by_classes").value == pytest.approx(-m.figure("accuracy_change").value, abs=0.03)
    assert m.figure("class_shift").value == pytest.approx(0.3, abs=0.06)


def test_without_labels_the_relation_cannot_be_told(line) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    test = machines(2500, rng)
    m = cause(line, test=test, current=machines(2500, rng, near=0.5, labelled=False))
    assert decide(m, LIMIT).status.value == "inconclusive" and [c.code for c in m.caveats] == ["no-labels"]
    assert m.scope["supported"] == "moved inputs" and m.figure("classes_p").value < 0.001
    still = cause(line, test=test, current=machines(2500, rng, labelled=False))
    assert still.scope["supported"] == "no moved inputs"
    mixed = cause(line, test=test, current=machines(2500, rng, failures=0.8, labelled=False))
    assert mixed.scope["supported"] == "moved inputs or another mix of classes"


def test_explanations_are_seldom_ruled_out_wrongly(line) -> None:  # type: ignore[no-untyped-def]
    wrong = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        m = cause(line, test=machines(800, rng), current=machines(800, rng, moved=(0.4, 0, 0.4, 0, 0)))
        wrong += m.figure("relation_p").value < 0.01
    assert wrong <= 2


def test_a_relation_that_costs_nothing_forbids_a_pass() -> None:
    rng = np.random.default_rng(4)
    train = machines(2000, rng)
    blind = fitted(LogisticRegression(), replace(train, y=(train.x[:, 4] > 0).astype(np.int64)), "blind")
    m = cause(blind, test=machines(2500, rng), current=machines(2500, rng, turned=True))
    assert m.value < 0.1 and "relation-changed" in {c.code for c in m.caveats}
    assert decide(m, LIMIT).status.value != "pass"


def test_a_regressor() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(4000, 2))
    whole = Samples(x, x[:, 0] + 0.3 * rng.normal(size=4000), columns=(Column("a"), Column("b")))
    target = table(LinearRegression(), whole.take(slice(0, 1000)), "line")
    test, now = whole.take(slice(1000, 2500)), whole.take(slice(2500, None))
    assert decide(cause(target, test=test, current=now), LIMIT).status.value != "fail"
    m = cause(target, test=test, current=replace(now, y=now.y + 0.5 * now.x[:, 1]))
    assert m.value > 0.3 and m.figure("relation_p").value < 0.001


@pytest.mark.parametrize("n", [0, 1, 9])
def test_few_rows_decide_nothing(line, n: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(6)
    test, current = machines(300, rng), machines(300, rng)
    assert [c.code for c in cause(line, test=test, current=current.take(slice(0, n))).caveats] == ["too-few-samples"]
    bare = cause(line, test=replace(test, y=None), current=current)
    assert [(c.code, c.blocks) for c in bare.caveats] == [("no-labels", "both")]
    poor = cause(line, test=test, current=current, budget=Budget(queries=10))
    assert [c.code for c in poor.caveats] == ["budget-spent"] and poor.cost.queries <= 10


def test_odd_sets(line) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(7)
    test, current = machines(400, rng), machines(300, rng)
    assert "same-rows" in {c.code for c in cause(line, test=test, current=test).caveats}
    one = cause(line, test=test, current=current.take(np.asarray(current.y) == 1))
    assert one.ci.low <= one.value <= one.ci.high
    unseen = cause(line, test=test.take(np.asarray(test.y) == 1), current=current)
    assert unseen.ci.low <= unseen.value <= unseen.ci.high and "explained_by_classes" not in {
        f.name for f in unseen.figures
    }
    with pytest.raises(ProbeError, match="different columns"):
        cause(line, test=test, current=replace(current, x=current.x[:, :3], columns=current.columns[:3]))
