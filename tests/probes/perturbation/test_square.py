"""perturbation.square: pictures and tables, with nothing but scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.registry import get_probe
from momus.core.samples import Column, ColumnKind, Samples

square = get_probe("perturbation.square")

COLUMNS = (
    Column("age", immutable=True),
    Column("income"),
    Column("channel", ColumnKind.CATEGORICAL, categories=("branch", "web")),
)


def codes(measurement):
    return {c.code for c in measurement.caveats}


def table(linear_target, weight, n=120, middle=None):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(20, 70, n), rng.normal(0, 1, n), rng.integers(0, 2, n)])
    w = np.asarray(weight, float)
    middle = float(np.median(x @ w)) + 1e-3 if middle is None else middle
    target = linear_target(np.stack([-w, w]), [middle, -middle], (3,))
    return target, Samples(x=x, y=target.predict(x), columns=COLUMNS, classes=("no", "yes")), np.abs(x @ w - middle)


def test_pictures_fall_where_epsilon_exceeds_the_distance(bright):
    levels = np.concatenate([np.linspace(0.05, 0.45, 20), np.linspace(0.55, 0.95, 20)])
    target, samples = bright(levels)
    m = square(target, test=samples, epsilon=0.2, queries=400)
    distance = np.abs(samples.x[:, 0, 0, 0] / 255 - 0.5)
    assert m.value == pytest.approx((distance < 0.2).mean(), abs=0.03)
    assert m.figure("rejected_examples").value == 0
    assert m.figure("median_queries").value >= 2
    titles = [e.title for e in m.evidence]
    assert "Accuracy left against queries" in titles
    assert codes(m) == set()


def test_gradients_are_not_needed(bright):
    target, samples = bright([0.4, 0.6], slope=0.0)
    del type(target).pullback
    assert square(target, test=samples, epsilon=0.2, queries=50).value == 1.0


@pytest.fixture(autouse=True)
def _whole_class(linear_target):
    """Some tests take an ability away from the shared class: put it back."""
    kept = dict(vars(linear_target))
    yield
    for name in ("pullback",):
        setattr(linear_target, name, kept[name])


def test_a_mutable_column_decides(linear_target):
    target, samples, gap = table(linear_target, [0, 1, 0])
    m = square(target, test=samples, epsilon=0.4, queries=200)
    scale = np.subtract(*np.quantile(samples.x[:, 1], [0.75, 0.25]))
    assert m.value == pytest.approx((gap / scale < 0.4).mean(), abs=0.02)
    rows = next(e for e in m.evidence if e.kind == "table").rows
    assert {row[1] for row in rows} == {"income"}
    assert {row[4] for row in rows} <= {"no → yes", "yes → no"}


def test_an_immutable_column_cannot_be_moved(linear_target):
    target, samples, _ = table(linear_target, [1, 0, 0])
    m = square(target, test=samples, epsilon=5.0, queries=200)
    assert m.value == 0.0
    assert codes(m) == set()


@pytest.mark.parametrize(("switches", "value"), [(0, 0.0), (1, 1.0)])
def test_a_category_is_switched_and_shown_by_name(linear_target, switches, value):
    target, samples, _ = table(linear_target, [0, 0, 1], middle=0.5)
    m = square(target, test=samples, epsilon=0.05, queries=100, switches=switches)
    assert m.value == value
    if value:
        row = next(e for e in m.evidence if e.kind == "table").rows[0]
        assert row[1:4] in (("channel", "branch", "web"), ("channel", "web", "branch"))


def test_scale_comes_from_the_training_data_where_given(linear_target):
    target, samples, _ = table(linear_target, [0, 1, 0])
    wide = Samples(x=samples.x * 100, columns=COLUMNS)
    plain = square(target, test=samples, epsilon=0.05, queries=100)
    scaled = square(target, test=samples, train=wide, epsilon=0.05, queries=100)
    assert scaled.value > plain.value + 0.3


@pytest.mark.parametrize("queries", [1, 30, 500])
def test_a_budget_is_kept_and_told(linear_target, queries):
    target, samples, _ = table(linear_target, [0, 1, 0])
    m = square(target, test=samples, epsilon=0.2, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert {"budget-spent", "too-few-samples"} & codes(m)


def test_columns_that_do_not_fit(linear_target):
    target, samples, _ = table(linear_target, [0, 1, 0])
    with pytest.raises(ProbeError, match="2 columns are described"):
        square(target, test=Samples(x=samples.x, y=samples.y, columns=COLUMNS[:2]))


def test_scores_that_never_move_forbid_a_pass(bright):
    target, samples = bright(np.tile([0.1, 0.9], 10))
    target.logits = target.scores = None

    class Rounded(type(target)):
        def scores(self, x):
            z = x.reshape(len(x), -1) @ self.weight.T + self.bias
            return np.where(z > 0, 1.0, 0.0)

    blind = Rounded(target.weight, target.bias, target.shape)
    m = square(blind, test=samples, epsilon=0.05, queries=60)
    assert m.value == 0.0
    assert "loss-flat" in codes(m)


def test_an_attack_that_may_change_nothing_decides_nothing(bright, linear_target):
    target, samples = bright(np.tile([0.1, 0.9], 50))
    assert "nothing-to-move" in codes(square(target, test=samples, epsilon=0.0, queries=60))
    assert "nothing-to-move" not in codes(square(target, test=samples, epsilon=0.01, queries=60))
    target, samples, _ = table(linear_target, [0.0, 1.0, 0.0])
    locked = replace(samples, columns=tuple(replace(c, immutable=True) for c in COLUMNS))
    m = square(target, test=locked, epsilon=0.5, queries=60)
    assert ("nothing-to-move", "both") in {(c.code, c.blocks) for c in m.caveats}
    assert "nothing-to-move" not in codes(square(target, test=samples, epsilon=0.5, queries=60))


def test_a_search_that_hardly_began_is_no_ground_for_a_pass(bright):
    target, samples = bright(np.tile([0.1, 0.9], 50))
    assert "few-queries" in codes(square(target, test=samples, epsilon=0.01, queries=1))
