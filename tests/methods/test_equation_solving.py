"""Linear models are solved for to the last digits, in as many answers as they have weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.samples import Column, ColumnKind
from momus.methods import boundary_search, equation_solving
from momus.methods.equation_solving import LinearCopy, fitted, linked, misfit, solve
from momus.methods.linear_design import Design, design
from momus.methods.theft_rows import table_ranges

COLUMNS = (
    Column("income", low=0.0, high=9000.0),
    Column("age", ColumnKind.INTEGER, 18.0, 90.0),
    Column("site", ColumnKind.CATEGORICAL, 0.0, 2.0, ("a", "b", "c")),
    Column("one", ColumnKind.BINARY, 0.0, 1.0, one_hot="kind"),
    Column("two", ColumnKind.BINARY, 0.0, 1.0, one_hot="kind"),
    Column("same", low=4.0, high=4.0),
)
PLAIN = (*(Column(f"x{i}", low=-3.0, high=3.0) for i in range(4)), COLUMNS[2])


def rows(n: int, rng: Any) -> Any:
    kind = rng.integers(0, 2, n)
    numbers = (rng.gamma(2.0, 1000.0, n), rng.integers(18, 91, n), rng.integers(0, 3, n))
    return np.column_stack([*numbers, kind == 0, kind == 1, np.full(n, 4.0)]).astype(float)


def made(rng: Any) -> Design:
    x = rows(300, rng)
    return design(table_ranges(x, COLUMNS), x)


def test_the_design_counts_what_a_form_can_change() -> None:
    rng = np.random.default_rng(0)
    plan = made(rng)
    assert plan.unknowns == 1 + 2 + 2 + 1  # intercept, two numbers, two further categories, one of a one-hot pair
    asked = plan.one_by_one(plan.usual())
    assert asked.shape == (6, 6)
    assert (asked[:, 1] == np.rint(asked[:, 1])).all() and (asked[:, 3:5].sum(axis=1) == 1).all()
    assert equation_solving.condition(plan, asked) < 100
    drawn = plan.drawn(200, rng, 3.0)
    assert (drawn >= plan.ranges.low).all() and (drawn <= plan.ranges.high).all()
    assert (drawn[:, 5] == 4).all() and set(drawn[:, 2]) == {0, 1, 2}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 6), size=st.floats(0.1, 4.0))
def test_a_softmax_is_solved_for_in_as_many_answers_as_features(seed: int, k: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    plan = made(rng)
    truth = LinearCopy(plan, size * rng.normal(size=(plan.unknowns, k)) / np.sqrt(plan.unknowns))
    asked = plan.one_by_one(plan.usual())
    assert len(asked) == plan.unknowns
    copy = solve(plan, asked, truth.answers(asked))
    fresh = plan.drawn(200, rng, 2.0)
    assert np.abs(copy.answers(fresh) - truth.answers(fresh)).max() < 1e-9
    assert misfit(copy, fresh, truth.answers(fresh)) < 1e-8
    short = solve(plan, asked[:-1], truth.answers(asked[:-1]))
    assert misfit(short, fresh, truth.answers(fresh)) > 1e-6, "one equation fewer cannot be enough"


def test_one_vs_rest_is_fitted_to_the_last_digits_and_is_no_softmax() -> None:
    rng = np.random.default_rng(3)
    plan = made(rng)
    truth = LinearCopy(plan, rng.normal(size=(plan.unknowns, 3)), "one-vs-rest")
    asked, fresh = plan.drawn(30, rng, 2.0), plan.drawn(200, rng, 2.0)
    softmax = solve(plan, asked, truth.answers(asked))
    assert misfit(softmax, fresh, truth.answers(fresh)) > 1e-2
    copy = fitted(LinearCopy(plan, softmax.weights, "one-vs-rest"), asked, truth.answers(asked), steps=300)
    assert np.abs(copy.answers(fresh) - truth.answers(fresh)).max() < 1e-9


@pytest.mark.parametrize("link", ["identity", "log"])
def test_values_are_equations_themselves(link: Any) -> None:
    rng = np.random.default_rng(4)
    plan = made(rng)
    truth = LinearCopy(plan, rng.normal(size=(plan.unknowns, 1)), link)
    asked, fresh = plan.one_by_one(plan.usual()), plan.drawn(100, rng)
    copy = solve(plan, asked, truth.answers(asked), link)
    np.testing.assert_allclose(copy.predict(fresh), truth.predict(fresh), rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), link=st.sampled_from(["softmax", "one-vs-rest"]))
def test_the_slope_of_the_fit_is_that_of_its_loss(seed: int, link: Any) -> None:
    rng = np.random.default_rng(seed)
    a, w = rng.normal(size=(9, 4)), rng.normal(size=(4, 3))
    p = linked(rng.normal(size=(9, 3)), "softmax")
    _, slope, _ = equation_solving._normal(a, w, p, link, 0.1)
    flat, numeric = w.reshape(-1), np.empty(12)
    for i in range(12):
        step = np.eye(12)[i] * 1e-6
        up, down = ((flat + s).reshape(4, 3) for s in (step, -step))
        above, below = (equation_solving._normal(a, v, p, link, 0.1)[0] for v in (up, down))
        numeric[i] = (above - below) / 2e-6 / 2  # the slope is half the derivative of the sum of squares
    np.testing.assert_allclose(slope, numeric, atol=1e-6)


@pytest.mark.parametrize("decimals", [1, 2, 3])
def test_rounding_costs_queries_and_no_precision(decimals: int) -> None:
    rng = np.random.default_rng(5)
    plan = made(rng)
    truth = LinearCopy(plan, np.column_stack([np.zeros(plan.unknowns), rng.normal(size=plan.unknowns)]))
    asked: list[int] = []

    def ask(x: Any) -> Any:
        asked.append(len(x))
        return np.round(truth.answers(x), decimals)

    pairs = boundary_search.ends(plan, ask, plan.unknowns + 4, rng)
    found = boundary_search.flips(plan, ask, pairs, decimals)
    copy = boundary_search.level_copy(plan, found)
    fresh = plan.drawn(300, rng, 2.0)
    assert np.abs(copy.answers(fresh) - truth.answers(fresh)).max() < 1e-9
    assert sum(asked) <= (plan.unknowns + 4) * 55
    plain = solve(plan, fresh[:40], np.maximum(np.round(truth.answers(fresh[:40]), decimals), 1e-3))
    assert np.abs(plain.answers(fresh) - truth.answers(fresh)).max() > 1e-5, "solving rounded answers is no match"


@pytest.mark.parametrize("k", [2, 3, 4])
def test_classes_alone_give_the_boundary(k: int) -> None:
    rng = np.random.default_rng(6)
    x = np.column_stack([rng.normal(size=(300, 4)), rng.integers(0, 3, 300)])
    plan = design(table_ranges(x, PLAIN), x)
    truth = LinearCopy(plan, rng.normal(size=(plan.unknowns, k)) * 0.7)

    def ask(x: Any) -> Any:
        return np.eye(k)[truth.predict(x)]

    pairs = boundary_search.ends(plan, ask, 2 * plan.unknowns * (k - 1), rng)
    found = boundary_search.flips(plan, ask, pairs, None)
    seen = np.concatenate(pairs[:2])
    copy = boundary_search.class_copy(plan, found, k, seen, truth.predict(seen))
    fresh = plan.drawn(2000, rng, 2.0)
    assert (copy.predict(fresh) == truth.predict(fresh)).mean() > 0.99
    assert boundary_search.missed(copy, found, fresh) < 1e-9
