"""HopSkipJump on linear models, whose nearest turned point is known, and under every budget."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.decision_search import hop_skip_jump
from momus.methods.directions import Directions, cosines
from momus.methods.domain import Domain

MARGINS = np.linspace(0.03, 0.1, 6)


def linear(norm, shape=(1, 5, 9), seed=0):
    """Six pictures, who wins, and the exact distances."""
    rng = np.random.default_rng(seed)
    d = int(np.prod(shape))
    w = rng.normal(size=d)
    w /= np.linalg.norm(w) if norm == "l2" else np.abs(w).sum()
    x = np.clip(rng.normal(0.5, 0.05, (6, *shape)), 0, 1).astype(np.float32)
    wall = x.reshape(6, -1) @ w + MARGINS

    def won(points, at):
        return np.asarray(points.reshape(len(points), -1) @ w > wall[at])

    return x, won, MARGINS


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_comes_within_a_tenth_of_the_exact_distance(norm):
    x, won, exact = linear(norm)
    starts = np.concatenate([np.zeros_like(x[:1]), 1 - x])
    found = hop_skip_jump(won, x, norm=norm, queries=2400, starts=starts, rng=np.random.default_rng(1))
    assert found.fooled.all()
    assert (found.distance >= exact * (1 - 1e-5)).all()
    assert (found.distance <= exact * 1.1).all()
    assert won(found.x, np.arange(6)).all()
    d = (found.x - x).reshape(6, -1)
    np.testing.assert_allclose(
        np.linalg.norm(d, axis=1) if norm == "l2" else np.abs(d).max(axis=1), found.distance, rtol=1e-5
    )


def test_smooth_directions_do_not_hide_what_only_fine_ones_show():
    """A model that sees the difference of neighbours alone: no smooth direction turns it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.4, 0.6, (4, 1, 16, 16)).astype(np.float32)
    sign = np.where(np.indices((16, 16)).sum(axis=0) % 2 == 0, 1.0, -1.0).ravel() / 16
    before = x.reshape(4, -1) @ sign

    def won(points, at):
        return points.reshape(len(points), -1) @ sign > before[at] + 0.5

    start = np.clip(x[:1] + np.sign(sign).reshape(16, 16) * 0.15 + rng.normal(0, 0.3, x[:1].shape), 0, 1)
    found = hop_skip_jump(won, x, queries=2400, starts=start.astype(np.float32), rng=rng)
    assert (found.distance < 0.7).all()


@pytest.mark.parametrize("queries", [0, 1, 2, 7, 30, 100, 500])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_input_asks_more_than_it_may(norm, queries):
    x, won, _ = linear(norm)
    asked = np.zeros(6, dtype=int)

    def counted(points, at):
        np.add.at(asked, at, 1)
        return won(points, at)

    found = hop_skip_jump(counted, x, norm=norm, queries=queries, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found.queries, asked)
    assert asked.max() <= queries
    assert found.complete
    assert found.fooled.any() == (queries > 3)
    assert found.fooled.all() or queries < 100


def test_more_queries_find_nearer_points():
    x, won, _ = linear("l2")
    far = [hop_skip_jump(won, x, queries=q, rng=np.random.default_rng(0)).distance.mean() for q in (60, 300, 2000)]
    assert far[0] > far[1] > far[2]
    trail = hop_skip_jump(won, x, queries=2000, rng=np.random.default_rng(0)).trail
    medians = [np.median(d) for _, d in trail]
    assert all(a >= b for a, b in itertools.pairwise(medians))
    assert all((b >= a).all() for (a, _), (b, _) in itertools.pairwise(trail))


def test_a_spent_budget_returns_the_best_so_far():
    x, won, _ = linear("l2")
    left = [500]

    def metered(points, at):
        if len(points) > left[0]:
            raise BudgetSpent
        left[0] -= len(points)
        return won(points, at)

    found = hop_skip_jump(metered, x, queries=2400, rng=np.random.default_rng(0))
    assert not found.complete
    assert found.fooled.all()
    assert won(found.x, np.arange(6)).all()


def test_the_same_seed_gives_the_same_points_whatever_goes_out_together():
    x, won, _ = linear("l2")
    first = hop_skip_jump(won, x, queries=400, rng=np.random.default_rng(3))
    for rows in (None, 50, 7):
        again = hop_skip_jump(won, x, queries=400, rng=np.random.default_rng(3), rows=rows)
        np.testing.assert_allclose(again.x, first.x, atol=1e-5)
    alone = hop_skip_jump(lambda p, i: won(p, i), x[:1], queries=400, rng=np.random.default_rng(3))
    np.testing.assert_allclose(alone.x, first.x[:1], atol=1e-5)


def test_tensors_and_numpy_arrays_find_the_same():
    x, won, _ = linear("l2", (1, 14, 13))
    plain = hop_skip_jump(won, x, queries=300, rng=np.random.default_rng(3))
    native = hop_skip_jump(
        lambda p, i: won(p.numpy(), i), torch.from_numpy(x), queries=300, rng=np.random.default_rng(3)
    )
    assert isinstance(native.x, torch.Tensor)
    np.testing.assert_allclose(native.distance, plain.distance, rtol=0.02)


def test_many_calls_become_few():
    x, won, _ = linear("l2")
    calls = []

    def counted(points, at):
        calls.append(len(points))
        return won(points, at)

    hop_skip_jump(counted, x, queries=2400, rng=np.random.default_rng(0))
    assert len(calls) < 250
    assert max(calls) > 600


def test_who_wins_untouched_is_left_alone_and_who_cannot_win_comes_back_as_it_was():
    x, won, _ = linear("l2")

    def odd(points, at):
        return np.where(at == 0, True, np.where(at == 1, False, won(points, at)))

    found = hop_skip_jump(odd, x, queries=300, rng=np.random.default_rng(0))
    assert found.distance[0] == 0
    assert found.queries[0] == 1
    assert np.isinf(found.distance[1])
    assert not found.fooled[1]
    np.testing.assert_array_equal(found.x[:2], x[:2])
    assert found.fooled[2:].all()


def test_it_starts_from_the_nearest_other_input_that_wins():
    x, won, _ = linear("l2")
    w = np.zeros(x[0].size)  # a start just behind the wall of input 0, and one far away
    near = x[0] + 0.2 * (np.sign(won(np.stack([x[0] + 0.5, x[0] - 0.5]), np.zeros(2, int)).astype(float) - 0.5)[0])
    far = np.clip(x[0] * 0 + 1, 0, 1)
    starts = np.stack([far, near]).astype(np.float32)
    usable = np.ones((6, 2), dtype=bool)
    asked = []

    def heard(points, at):
        asked.append((points, at))
        return won(points, at)

    hop_skip_jump(heard, x, queries=20, starts=starts, usable=usable, rng=np.random.default_rng(0))
    points, at = asked[1]
    assert len(w)
    np.testing.assert_allclose(points[at == 0][0], starts[1], atol=1e-6)
    assert (at == 0).sum() == 2


def test_a_batch_of_none_and_of_one():
    x, won, _ = linear("l2")
    empty = hop_skip_jump(won, x[:0], queries=100, rng=np.random.default_rng(0))
    assert len(empty.distance) == 0
    assert hop_skip_jump(won, x[:1], queries=300, rng=np.random.default_rng(0)).fooled.all()


def table(norm):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)) * np.array([1, 10, 40, 1, 1, 1])
    x[:, 2] = np.round(x[:, 2])
    kinds = {2: ColumnKind.INTEGER, 4: ColumnKind.BINARY}
    x[:, 4] = x[:, 4] > 0
    columns = tuple(Column(name=f"c{i}", immutable=i == 3, kind=kinds.get(i, ColumnKind.NUMERIC)) for i in range(6))
    rows = Samples(x=x, columns=columns)
    domain = Domain.table(rows)
    w = rng.normal(size=6) / np.asarray(domain.scale)
    free = (w * np.asarray(domain.scale))[np.asarray(domain.measured)]
    exact = 0.4 / (np.linalg.norm(free) if norm == "l2" else np.abs(free).sum())
    inner = x[np.abs((x - x.mean(axis=0)) / x.std(axis=0)).max(axis=1) < 1.3][:5]
    wall = inner @ w + 0.4
    return inner, domain, x, (lambda p, i: p @ w > wall[i]), exact


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_table_keeps_its_rules(norm):
    """Mixed scales, a whole-number column, one out of reach and a category: near the exact distance over the rest."""
    x, domain, starts, won, exact = table(norm)
    found = hop_skip_jump(won, x, norm=norm, queries=2400, domain=domain, starts=starts, rng=np.random.default_rng(0))
    assert found.fooled.all()
    np.testing.assert_array_equal(found.x[:, 3:5], x[:, 3:5])
    broken = domain.check(found.x, x, float(found.distance.max()), norm)
    assert not any(np.any(mask) for mask in broken.values())
    # Under Linf a whole number moves in steps of its own, and no more than that step is lost.
    step = 1 / np.asarray(domain.scale)[2]
    assert (found.distance <= (exact * 1.03 if norm == "l2" else exact * 1.1 + step)).all()
    assert (found.distance >= exact * (1 - 1e-6)).all()


def test_rules_between_columns_hold():
    """The shortest way out would break the rule: what is found goes along it."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 1, 200)
    x = np.stack([low, low + rng.uniform(0.05, 1, 200)], axis=1)
    rows = Samples(x=x, columns=(Column(name="used"), Column(name="limit")), rules=("used <= limit",))
    domain = Domain.table(rows)
    inner = x[(x[:, 0] > 0.3) & (x[:, 0] < 0.5)][:8]
    found = hop_skip_jump(
        lambda p, i: p[:, 0] > inner[i, 0] + 0.3, inner, queries=600, domain=domain, starts=x, rng=rng
    )
    assert found.fooled.all()
    assert (found.x[:, 0] <= found.x[:, 1] + 1e-9).all()
    assert not any(np.any(mask) for mask in domain.check(found.x, inner, float(found.distance.max()), "l2").values())


def test_missing_values_stay_missing():
    x, domain, _, _, _ = table("l2")
    x = x.copy()
    x[0, 0] = np.nan

    def won(points, at):
        return points[:, 1] > np.nan_to_num(x[at, 1]) + 5

    found = hop_skip_jump(won, x, queries=400, domain=domain, rng=np.random.default_rng(0))
    assert found.fooled.all()
    assert np.isnan(found.x[0, 0])
    assert np.isfinite(found.x[1:]).all()


def test_sound_moves_inside_its_range_and_not_after_its_end():
    rng = np.random.default_rng(0)
    x = rng.uniform(-0.2, 0.2, (3, 400)).astype(np.float32)
    x[0, 300:] = 0
    w = np.sin(np.arange(400) / 3).astype(np.float32)
    w /= np.linalg.norm(w)
    wall = x @ w + 0.5
    found = hop_skip_jump(
        lambda p, i: p @ w > wall[i], x, queries=2400, domain=Domain.sound(), rng=np.random.default_rng(0)
    )
    assert found.fooled.all()
    assert (found.x[0, 300:] == 0).all()
    assert np.abs(found.x).max() <= 1
    assert (found.distance[1:] < 0.5 * 1.2).all()


def test_random_labels_do_not_break_it():
    x, _, _ = linear("l2")
    coin = np.random.default_rng(0)
    found = hop_skip_jump(lambda p, i: coin.random(len(p)) < 0.5, x, queries=200, rng=np.random.default_rng(0))
    assert found.queries.max() <= 200


def test_directions_are_orthogonal_and_have_the_length_asked_for():
    x = np.zeros((1, 3, 12, 16), dtype=np.float32)
    made = Directions(x, Domain.image())
    assert made.kinds == 2
    for kind in (0, 1):
        u = np.concatenate(list(made.draw(60, kind, 0.5, np.random.default_rng(0), 7))).reshape(60, -1)
        np.testing.assert_allclose(u @ u.T, 0.25 * np.eye(60), atol=1e-5)
    rough = [np.abs(np.diff(np.concatenate(list(made.draw(60, k, 1.0, np.random.default_rng(0), 64))))).mean()
             for k in (0, 1)]  # fmt: skip
    assert rough[0] < 0.7 * rough[1]
    assert Directions(x[:, :, :8], Domain.image()).kinds == 1
    large = Directions(np.zeros((1, 80, 80), dtype=np.float32), Domain.image())
    u = np.concatenate(list(large.draw(20, 0, 2.0, np.random.default_rng(0), 9))).reshape(20, -1)
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 2.0, rtol=1e-5)
    assert np.abs(u @ u.T - 4 * np.eye(20)).max() < 0.4


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_cosines_are_orthonormal(n):
    np.testing.assert_allclose(cosines(n) @ cosines(n).T, np.eye(n), atol=1e-5)
