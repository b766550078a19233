"""Trees of many shapes are read exactly, within a bound of queries a leaf, and come out as trees that answer alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from momus.core.samples import Column, ColumnKind
from momus.methods import tree_build, tree_incomplete, tree_outputs, tree_repair
from momus.methods.theft_rows import table_ranges
from momus.methods.tree_boxes import Axes, Box, Oracle, axes_of, covered
from momus.methods.tree_paths import Finder
from momus.zoo.stealing.tree import node_answers

COLUMNS = (
    Column("income", low=0.0, high=9000.0),
    Column("debt", low=-5.0, high=5.0),
    Column("age", ColumnKind.INTEGER, 18.0, 90.0),
    Column("site", ColumnKind.CATEGORICAL, 0.0, 3.0, ("a", "b", "c", "d")),
    Column("one", ColumnKind.BINARY, 0.0, 1.0, one_hot="kind"),
    Column("two", ColumnKind.BINARY, 0.0, 1.0, one_hot="kind"),
    Column("three", ColumnKind.BINARY, 0.0, 1.0, one_hot="kind"),
    Column("same", low=4.0, high=4.0),
)


def rows(n: int, rng: Any) -> Any:
    kind = np.eye(3)[rng.integers(0, 3, n)]
    numbers = (rng.uniform(0, 9000, n), rng.uniform(-5, 5, n), rng.integers(18, 91, n), rng.integers(0, 4, n))
    return np.column_stack([*numbers, kind, np.full(n, 4.0)]).astype(float)


def axes() -> Axes:
    return axes_of(table_ranges(np.zeros((0, 8)), COLUMNS))


def grown(seed: int, depth: int, least: int = 3) -> tuple[Any, Any]:
    """A regression tree whose leaves all have values of their own."""
    rng = np.random.default_rng(seed)
    x = rows(1200, rng)
    y = np.sin(x[:, 0] / 900) + x[:, 1] * (x[:, 3] == 1) + x[:, 2] / 50 + x[:, 5] * x[:, 1] + rng.normal(size=1200)
    return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=least, random_state=seed).fit(x, y), x


def reader(answer: Any) -> tuple[Finder, Oracle]:
    oracle = Oracle(axes(), lambda r: np.asarray(answer(r)).reshape(len(r), -1))
    return Finder(axes(), oracle, 1e-6), oracle


def copied(finder: Finder, oracle: Oracle, x: Any) -> tuple[Any, Any]:
    tree, gaps = tree_build.build(axes(), finder.boxes, oracle.table(), oracle.answers[0])
    assert not gaps
    return tree.value[tree_outputs.leaves(tree, x)], tree


def test_fields_rows_and_points_agree() -> None:
    plan = axes()
    assert [a.kinds for a in plan.axes] == [0, 0, 0, 4, 3]
    x = rows(50, np.random.default_rng(0))
    np.testing.assert_array_equal(plan.rows(plan.points(x)), x)
    point = plan.points(x[:1])
    point[0, [0, 3, 4]] = np.nan
    assert np.isnan(plan.rows(point)[0, [0, 3, 4, 5, 6]]).all() and not np.isnan(plan.rows(point)[0, [1, 2, 7]]).any()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), depth=st.integers(1, 6))
def test_any_tree_is_read_exactly_within_a_bound(seed: int, depth: int) -> None:
    model, x = grown(seed, depth)
    finder, oracle = reader(model.predict)
    finder.explore(axes().whole_space(), axes().middle()[None])
    leaves = model.get_n_leaves()
    assert len(finder.boxes) == leaves
    fresh = np.concatenate([x, axes().ranges.uniform(2000, np.random.default_rng(seed))])
    said, tree = copied(finder, oracle, fresh)
    assert (np.isclose(said[:, 0], model.predict(fresh))).mean() >= 1 - 1e-3
    assert len(oracle) <= 40 * leaves + 20, "Tramèr's BigML trees took 40 to 320 queries a leaf"
    assert (tree.feature < 0).sum() <= 2 * leaves


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), depth=st.integers(1, 6))
def test_incomplete_rows_read_it_from_the_root(seed: int, depth: int) -> None:
    model, x = grown(seed, depth)
    holder = DecisionTreeClassifierLike(model)
    finder, oracle = reader(lambda r: holder.answer(r))
    tree_incomplete.top_down(finder, axes().whole_space())
    fresh = np.concatenate([x, axes().ranges.uniform(2000, np.random.default_rng(seed))])
    said, _ = copied(finder, oracle, fresh)
    assert np.isclose(said[:, 0], model.predict(fresh)).mean() >= 1 - 1e-3
    assert len(oracle) <= 36 * model.get_n_leaves() + 10


class DecisionTreeClassifierLike:
    """A regression tree that stops at the first question about a missing value."""

    def __init__(self, model: Any) -> None:
        self.tree = model.tree_

    def answer(self, x: Any) -> Any:
        out = np.empty(len(x))
        for i, row in enumerate(x):
            at = 0
            while self.tree.children_left[at] >= 0 and not np.isnan(row[self.tree.feature[at]]):
                left = np.float32(row[self.tree.feature[at]]) <= self.tree.threshold[at]
                at = self.tree.children_left[at] if left else self.tree.children_right[at]
            out[i] = self.tree.value[at, 0, 0]
        return out


def test_node_answers_are_the_models_own_on_whole_rows() -> None:
    rng = np.random.default_rng(1)
    x = rows(400, rng)
    model = DecisionTreeClassifier(max_depth=5).fit(x, (x[:, 1] + x[:, 3] > 1).astype(int))
    ask = node_answers(model)
    np.testing.assert_allclose(ask(x), model.predict_proba(x))
    np.testing.assert_allclose(ask(np.full((1, 8), np.nan))[0], model.tree_.value[0, 0] / model.tree_.value[0, 0].sum())


@pytest.mark.parametrize("seed", range(4))
def test_leaves_that_answer_alike_are_told_apart(seed: int) -> None:
    """Three answers for many leaves: no answer is a name, and the boxes that it misled are taken apart."""
    model, x = grown(seed, 4)
    coarse = lambda r: np.clip(np.round(model.predict(r) / 2), 0, 2)  # noqa: E731
    finder, oracle = reader(coarse)
    rng = np.random.default_rng(seed)
    space = axes().whole_space()
    finder.explore(space, axes().middle()[None])
    tree_repair.inspect(finder, rng, 12)
    for _ in range(20):
        oracle.many(space.draw(axes(), 30, rng))  # as the probe does: boxes may be wrong and never contradicted so far
        finder.explore(space, oracle.points[:1])
        repaired = tree_repair.repair(finder, rng, 12)
        finder.explore(space, oracle.points[:1])
        tree_repair.inspect(finder, rng, 12)
        if not repaired:
            break
    fresh = np.concatenate([x, axes().ranges.uniform(2000, rng)])
    said, _ = copied(finder, oracle, fresh)
    assert (said[:, 0] == coarse(fresh)).mean() > 0.95


def test_whole_numbers_are_searched_as_such() -> None:
    finder, oracle = reader(lambda r: (r[:, 2] > 41).astype(float) + 2.0 * (r[:, 2] > 60))
    finder.explore(axes().whole_space(), axes().middle()[None])
    bounds = sorted({b for box in finder.boxes for b in (box.low[2], box.high[2]) if np.isfinite(b)})
    assert bounds == [41.5, 60.5]
    assert (oracle.points[:, 2] == np.rint(oracle.points[:, 2])).all() and len(oracle) < 60


def test_a_box_is_a_product() -> None:
    plan = axes()
    space = plan.whole_space()
    left, right = space.cut(0, 100.0)
    some, others = left.cut(3, np.array([True, False, True, False]))
    points = space.draw(plan, 400, np.random.default_rng(0))
    held = np.array([b.holds(points) for b in (right, some, others)])
    assert (held.sum(axis=0) == 1).all()
    assert some.within(left) and not left.within(some) and some.meets(left) and not some.meets(right)
    inside = some.draw(plan, 100, np.random.default_rng(1))
    assert some.holds(inside).all() and set(inside[:, 3]) == {0.0, 2.0}
    assert covered([right, some], inside).tolist() == [1] * 100
    assert not isinstance(some, Box) or some.answer == -1


def test_rules_say_where_a_leaf_lies() -> None:
    finder, oracle = reader(lambda r: np.column_stack([r[:, 3] == 2, r[:, 3] != 2]).astype(float))
    finder.explore(axes().whole_space(), axes().middle()[None])
    table = tree_build.rules(axes(), finder.boxes, oracle.table(), COLUMNS, ("yes", "no"))
    assert sorted(r[0] for r in table.rows) == ["site in a, b, d", "site in c"]  # type: ignore[type-var]
