"""Random search against models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.domain import Domain
from momus.methods.square_search import _sides, _windows, share, square, table_search


def edge_model(h=7, w=10):
    """Class 1 when the last row and the last column are bright: only windows that reach the edge can turn it."""
    weight = np.zeros((1, h, w))
    weight[:, -1, :] = weight[:, :, -1] = 1.0
    weight /= weight.sum()

    def scores(x):
        s = (np.asarray(x) * weight).sum(axis=(1, 2, 3))
        return np.stack([0.5 - s, s - 0.5], axis=1)

    return scores


def test_schedule_is_the_papers_one_at_ten_thousand_queries():
    steps = np.array([0, 10, 11, 50, 51, 200, 201, 8000, 8001])
    expected = 0.8 / np.array([1, 1, 2, 2, 4, 4, 8, 256, 512])
    np.testing.assert_allclose(share(steps, 10_000, 0.8), expected)
    np.testing.assert_allclose(share(np.array([100, 801]), 1000, 0.8), [0.8 / 16, 0.8 / 512])


def test_windows_reach_every_row_and_column():
    rng = np.random.default_rng(0)
    x = np.zeros((500, 1, 7, 10))
    mask = _windows(np.full(500, 3), 7, 10, x, rng)
    assert mask.shape == (500, 1, 7, 10)
    assert np.all(mask.sum(axis=(1, 2, 3)) == 9)
    hits = mask.sum(axis=(0, 1))
    assert hits[-1, -1] > 0
    assert hits[0, 0] > 0


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 9), (28, 28), (5, 40)])
def test_window_sides_fit_the_picture(h, w):
    sides = _sides(np.array([0.8, 0.1, 1e-6]), h, w)
    assert sides.min() >= 1
    assert sides.max() <= max(1, min(h, w) - 1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("factor", [0.9, 1.25])
def test_linear_pictures_fall_beyond_their_distance_only(norm, factor):
    scores = edge_model()
    x = np.full((8, 1, 7, 10), 0.4)
    weight = 16
    exact = 0.1 if norm == "linf" else 0.1 * np.sqrt(weight)
    y = np.zeros(8, dtype=np.int64)
    found = square(
        scores, x, y, epsilon=exact * factor, norm=norm, queries=1500 if norm == "linf" else 3000,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert found.fooled.mean() == (factor > 1)
    assert Domain.image().distance(found.x, x, norm).max() <= exact * factor * (1 + 1e-6)


def test_one_query_a_step_and_none_after_success():
    scores = edge_model()
    asked = []

    def counted(x):
        asked.append(len(x))
        return scores(x)

    x = np.full((20, 1, 7, 10), 0.4)
    found = square(
        counted, x, np.zeros(20, dtype=np.int64), epsilon=0.3, queries=200, rng=np.random.default_rng(0), rows=6
    )
    assert found.fooled.all()
    assert sum(asked) == found.queries.sum()
    assert max(asked) <= 6
    hopeless = square(counted, x, np.zeros(20, dtype=np.int64), epsilon=0.05, queries=50, rng=np.random.default_rng(0))
    assert np.array_equal(hopeless.queries, np.full(20, 50))


def test_an_input_that_is_wrong_already_costs_one_query_and_stays():
    x = np.full((3, 1, 7, 10), 0.9)
    found = square(edge_model(), x, np.zeros(3, dtype=np.int64), epsilon=0.1, queries=50, rng=np.random.default_rng(0))
    assert found.fooled.all()
    assert np.array_equal(found.x, x)
    assert np.array_equal(found.queries, [1, 1, 1])


def test_no_query_repeats_the_best_example():
    """Proposals that change nothing are turned round, so every query of a one-channel picture asks something new."""
    # Scores never change, so with ties accepted the best is always the previous proposal.
    previous = [np.full((2, 1, 6, 6), 0.5)]

    def watched(x):
        if len(previous) > 1:
            assert not np.any(np.all(x == previous[-1], axis=(1, 2, 3)))
        previous.append(x.copy())
        return np.tile([1.0, 0.0], (len(x), 1))

    square(watched, previous[0], np.zeros(2, dtype=np.int64), epsilon=0.1, queries=120, rng=np.random.default_rng(3))
    assert len(previous) == 121


def test_torch_and_numpy_give_the_same_pictures():
    scores = edge_model()
    x = np.full((6, 1, 7, 10), 0.4, dtype=np.float32)
    y = np.zeros(6, dtype=np.int64)
    a = square(scores, x, y, epsilon=0.11, queries=60, rng=np.random.default_rng(1))
    b = square(
        lambda t: torch.as_tensor(scores(t.numpy())), torch.as_tensor(x), torch.as_tensor(y), epsilon=0.11, queries=60,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(b.x, torch.Tensor)
    np.testing.assert_allclose(a.x, b.x.numpy(), atol=1e-6)
    assert np.array_equal(a.fooled, b.fooled.numpy())


def test_budget_end_keeps_the_best():
    scores = edge_model()
    left = [100]

    def limited(x):
        if left[0] < len(x):
            raise BudgetSpent
        left[0] -= len(x)
        return scores(x)

    x = np.full((20, 1, 7, 10), 0.4)
    found = square(limited, x, np.zeros(20, dtype=np.int64), epsilon=0.05, queries=50, rng=np.random.default_rng(0))
    assert not found.complete
    assert found.queries.sum() <= 100
    assert found.margin.min() < 0.2


COLUMNS = (
    Column("age", immutable=True),
    Column("income"),
    Column("visits", ColumnKind.INTEGER),
    Column("r=a", ColumnKind.BINARY, one_hot="r"),
    Column("r=b", ColumnKind.BINARY, one_hot="r"),
    Column("code", ColumnKind.CATEGORICAL, categories=("x", "y", "z")),
)


def table(n=80, seed=0):
    rng = np.random.default_rng(seed)
    r = rng.integers(0, 2, n)
    x = np.column_stack([
        rng.uniform(20, 70, n), rng.normal(0, 1, n), rng.integers(0, 9, n), r == 0, r == 1, rng.integers(0, 3, n)
    ]).astype(float)  # fmt: skip
    return Samples(x=x, columns=COLUMNS)


@pytest.mark.parametrize(
    ("weight", "epsilon", "falls"),
    [
        ([0, 1, 0, 0, 0, 0], 0.5, "distance"),  # a mutable column
        ([1, 0, 0, 0, 0, 0], 5.0, "never"),  # an immutable one
        ([0, 0, 1, 0, 0, 0], 0.01, "never"),  # whole numbers, less than one step away
        ([0, 0, 0, 1, -1, 0], 0.01, "always"),  # a one-hot group: no distance, one switch
        ([0, 0, 0, 0, 0, 1], 0.01, "always"),  # category codes
    ],
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_tables_fall_exactly_where_the_rules_let_them(weight, epsilon, falls, norm):
    samples = table()
    w = np.array(weight, dtype=float)
    value = samples.x @ w
    threshold = np.median(value) + 0.25

    def scores(x):
        s = x @ w - threshold
        return np.stack([-s, s], axis=1)

    y = scores(samples.x).argmax(axis=1)
    domain = Domain.table(samples)
    found = table_search(
        scores, samples.x, y, epsilon=epsilon, domain=domain, queries=400, norm=norm, rng=np.random.default_rng(0)
    )
    broken = {rule: int(mask.sum()) for rule, mask in domain.check(found.x, samples.x, epsilon, norm).items()}
    assert not any(broken.values()), broken
    if falls == "always":
        assert found.fooled.mean() > 0.95
    elif falls == "never":
        assert not found.fooled.any()
    else:
        exact = np.abs(value - threshold) / domain.scale[1]
        assert np.array_equal(found.fooled[exact > epsilon], np.zeros((exact > epsilon).sum(), dtype=bool))
        assert found.fooled[exact < 0.9 * epsilon].mean() > 0.97


@pytest.mark.parametrize(("switches", "falls"), [(0, False), (1, False), (2, True)])
def test_no_more_switches_than_allowed(switches, falls):
    """Only both categories together turn the answer."""
    samples = table()
    x = samples.x.copy()
    x[:, 3], x[:, 4], x[:, 5] = 1, 0, 0

    def scores(a):
        s = a[:, 4] + (a[:, 5] == 2) - 1.5
        return np.stack([-s, s], axis=1)

    domain = Domain.table(Samples(x=samples.x, columns=COLUMNS), switches=switches)
    found = table_search(
        scores,
        x,
        np.zeros(len(x), dtype=np.int64),
        epsilon=0.1,
        domain=domain,
        queries=300,
        rng=np.random.default_rng(0),
    )
    assert found.fooled.mean() == falls
    assert not domain.check(found.x, x, 0.1)["too many categories switched"].any()


def test_missing_values_stay_missing():
    samples = table()
    x = samples.x.copy()
    x[::3, 1] = np.nan

    def scores(a):
        s = np.nan_to_num(a[:, 1])
        return np.stack([-s, s], axis=1)

    y = scores(x).argmax(axis=1)
    domain = Domain.table(Samples(x=x, columns=COLUMNS))
    found = table_search(scores, x, y, epsilon=1.0, domain=domain, queries=200, rng=np.random.default_rng(0))
    assert np.array_equal(np.isnan(found.x), np.isnan(x))
    assert found.fooled[1::3].mean() > 0.3
    assert not any(mask.any() for mask in domain.check(found.x, x, 1.0).values())


@pytest.mark.parametrize(("accepts", "rows"), [(False, 400), (True, 2 + 398 * 8 - 28)])
def test_looking_ahead_forgets_what_follows_an_accepted_proposal(accepts, rows):
    """Nothing accepted: eight proposals a call, none in vain. All accepted: one of eight counts."""
    calls = []

    def scores(x):
        calls.append(len(x))
        score = -float(len(calls)) if accepts else float(len(calls) > 1)
        return np.stack([np.full(len(x), 1e6 + score), np.zeros(len(x))], axis=1)

    found = square(
        scores, np.full((1, 1, 6, 6), 0.5), np.zeros(1, dtype=np.int64), epsilon=0.1, queries=400,
        rng=np.random.default_rng(0), ahead=8,
    )  # fmt: skip
    assert sum(calls) == found.queries[0] == rows
    assert not found.fooled.any()
    assert len(calls) == (400 if accepts else 2 + 398 // 8 + 1)


def test_looking_ahead_finds_as_much():
    """A target that needs many accepted windows: the search is the same one, only asked in another order."""
    goal = np.random.default_rng(1).random((1, 1, 8, 8)) > 0.5

    def scores(x):
        missing = ((x > 0.5) != goal).sum(axis=(1, 2, 3)).astype(float)
        return np.stack([missing - 8.5, np.zeros(len(x))], axis=1)

    x, y = np.full((1, 1, 8, 8), 0.5), np.zeros(1, dtype=np.int64)
    for ahead in (0, 8):
        found = square(scores, x, y, epsilon=0.1, queries=2000, rng=np.random.default_rng(0), ahead=ahead)
        assert found.fooled.all(), ahead
        assert np.abs(found.x - x).max() <= 0.1 + 1e-9
