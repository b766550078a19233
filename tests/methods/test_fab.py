"""FAB against models whose exact distances are known, its projection against a solver, and what holds for any model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from momus.methods.domain import Domain
from momus.methods.fab import fab, to_hyperplane
from momus.methods.objectives import Crosses, Deviates

EVERYWHERE = Domain(low=-100.0, high=100.0)


def attack(model, x, y, epsilon=1.0, **options):
    given = {"domain": EVERYWHERE, "rng": np.random.default_rng(0), "stop": False, **options}
    return fab(model.pullback, model.scores, x, y, epsilon=epsilon, **given)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_linear_distances_within_two_percent(problem, k, norm):
    model, x, y = problem(seed=k, n=50, k=k)
    exact = model.exact(x, y, norm)
    found = attack(model, x, y, norm=norm, steps=30)
    assert (found.distance >= exact * (1 - 1e-9)).all()  # nothing is nearer than the truth
    assert (found.distance <= exact * 1.02).all()
    assert (model.scores(found.x).argmax(axis=1) != y).all()
    d = found.x - x
    size = np.abs(d).max(axis=1) if norm == "linf" else np.linalg.norm(d, axis=1)
    assert np.allclose(size, found.distance)
    assert np.array_equal(found.fooled, found.distance <= 1.0)


def _solved(t, w, c, low, high, norm):
    """Norm of the shortest move onto the plane inside the box, by a general solver; None where there is none."""
    d = len(t)
    bounds = list(zip(low - t, high - t, strict=True))
    if norm == "linf":
        both = np.vstack([np.hstack([np.eye(d), -np.ones((d, 1))]), np.hstack([-np.eye(d), -np.ones((d, 1))])])
        answer = linprog(
            np.eye(d + 1)[-1], A_ub=both, b_ub=np.zeros(2 * d), A_eq=np.append(w, 0)[None], b_eq=[c],
            bounds=[*bounds, (0, None)],
        )  # fmt: skip
        return answer.fun if answer.success else None
    start = np.clip(w * c / (w @ w), low - t, high - t)
    answer = minimize(
        lambda v: v @ v, start, jac=lambda v: 2 * v, bounds=bounds, method="SLSQP",
        constraints={"type": "eq", "fun": lambda v: w @ v - c, "jac": lambda v: w},
    )  # fmt: skip
    return np.sqrt(answer.fun) if answer.success else None


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(6))
def test_projection_is_the_shortest_move_in_the_box(norm, seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 9))
    t, w = rng.random((5, d)), rng.normal(size=(5, d)) * (rng.random((5, d)) < 0.8)
    w[:, 0] = 1.0
    c = rng.normal(size=5) * 0.5
    low, high = np.zeros((5, d)), np.ones((5, d))
    move = to_hyperplane(t, w, c, (low, high), 1.0, norm)
    assert (t + move >= -1e-12).all() and (t + move <= 1 + 1e-12).all()
    for i in range(5):
        exact = _solved(t[i], w[i], c[i], low[i], high[i], norm)
        size = np.abs(move[i]).max() if norm == "linf" else np.linalg.norm(move[i])
        if exact is None:  # out of reach: as far as the box goes
            far = np.where(w[i] * c[i] > 0, 1 - t[i], -t[i]) * (w[i] != 0)
            assert np.allclose(move[i], far)
        else:
            assert w[i] @ move[i] == pytest.approx(c[i], rel=1e-4, abs=1e-9)
            assert size == pytest.approx(exact, rel=1e-3, abs=1e-7)


def test_projection_of_what_has_no_slope_stays_put():
    move = to_hyperplane(
        np.full((2, 3), 0.5), np.zeros((2, 3)), np.ones(2), (np.zeros((2, 3)), np.ones((2, 3))), 1.0, "l2"
    )
    assert not move.any()


def test_columns_are_measured_in_their_own_scale():
    """The shortest move in scaled units prefers the column with the larger scale."""
    t, w, c = np.zeros((1, 2)), np.ones((1, 2)), np.ones(1)
    box = (np.full((1, 2), -9.0), np.full((1, 2), 9.0))
    scale = np.array([1.0, 3.0])
    assert np.allclose(to_hyperplane(t, w, c, box, scale, "linf"), [[0.25, 0.75]])
    assert np.allclose(to_hyperplane(t, w, c, box, scale, "l2"), [[0.1, 0.9]])


def test_stopping_inside_epsilon_saves_most_of_the_rows(problem):
    model, x, y = problem(seed=7, n=40, k=4)
    exact = model.exact(x, y, "linf")
    epsilon = float(np.median(exact))
    model.rows = 0
    found = attack(model, x, y, epsilon, stop=True)
    stopped = model.rows
    clear = np.abs(exact / epsilon - 1) > 0.01
    assert np.array_equal(found.fooled[clear], (exact < epsilon)[clear])
    model.rows = 0
    attack(model, x, y, epsilon)
    assert stopped < 0.8 * model.rows


def test_a_row_more_than_the_steps_where_nothing_fools(problem):
    """On the way there each step is one pass forward and back; only the last point is asked without a gradient."""
    model, x, y = problem(n=6)
    wall = Domain(low=-1.0, high=1.0)  # the box ends before the boundary
    x = np.clip(x, -0.1, 0.1) * 0.1
    model.bias = np.array([100.0, 0.0])
    y = np.zeros(6, dtype=np.int64)
    model.rows = model.with_gradient = 0
    found = attack(model, x, y, domain=wall, steps=20)
    assert not np.isfinite(found.distance).any()
    assert (model.rows - 6, model.with_gradient) == (6 * 21, 6 * 20)
    assert np.allclose(found.x, x)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_examples_stay_in_the_box(problem, norm):
    model, x, y = problem(seed=3, n=40, k=4)
    x = np.clip(0.5 + x / 4, 0, 1)
    y = model.scores(x).argmax(axis=1)
    found = attack(model, x, y, norm=norm, domain=Domain.image(), steps=30)
    assert found.x.min() >= 0 and found.x.max() <= 1
    assert np.isfinite(found.distance).mean() > 0.7


def test_same_seed_same_result_whatever_the_batch(problem):
    model, x, y = problem(seed=2, n=12, k=4)
    runs = [attack(model, x, y, steps=8, restarts=2, rows=rows) for rows in (12, 12, 5, 1)]
    assert np.array_equal(runs[0].x, runs[1].x)
    for other in runs[2:]:
        assert np.allclose(runs[0].distance, other.distance, rtol=0.01)


def test_torch_and_numpy_agree(problem, linear_model):
    model, x, y = problem(seed=4, n=20, k=3)
    twin = linear_model(torch.as_tensor(model.weight), torch.as_tensor(model.bias))
    one, two = attack(model, x, y, steps=20), attack(twin, torch.as_tensor(x), torch.as_tensor(y), steps=20)
    assert np.allclose(one.distance, two.distance.numpy(), rtol=1e-3)


def test_a_wrong_gradient_finds_nothing_near(problem):
    model, x, y = problem(n=40)
    model.sign = -1.0
    found = attack(model, x, y, steps=20)
    assert (found.distance > 1.1 * model.exact(x, y, "linf")).mean() > 0.5


@pytest.mark.parametrize("budget", [0, 3, 200])
def test_a_spent_budget_returns_the_best_so_far(problem, budget):
    model, x, y = problem(n=30, k=4)
    model.rows, model.budget = 0, budget
    found = attack(model, x, y)
    assert not found.complete
    assert found.x.shape == x.shape


def test_no_inputs(problem):
    model, x, y = problem(n=0)
    assert len(attack(model, x, y).distance) == 0


def test_values_and_thresholds_have_one_boundary(linear_model):
    model = linear_model(np.array([[1.0, -2.0, 0.5]]), np.zeros(1))
    x = np.random.default_rng(0).normal(size=(20, 3))
    value = model.scores(x)[:, 0]
    found = attack(model, x, (value >= 0).astype(float), objective=Crosses(0.0), steps=20)
    assert np.allclose(found.distance, np.abs(value) / 3.5, rtol=0.02)
    found = attack(model, x, value, objective=Deviates(0.7), steps=20)
    assert np.allclose(found.distance, 0.2, rtol=0.02)


def test_whole_columns_stay_whole(problem):
    model, x, y = problem(n=30, d=4)
    x = np.rint(x * 3)
    y = model.scores(x).argmax(axis=1)
    whole = np.array([True, True, False, False])
    space = Domain(
        low=np.full(4, -50.0), high=np.full(4, 50.0), scale=np.ones(4), measured=np.ones(4, bool), whole=whole
    )
    found = attack(model, x, y, domain=space, steps=30)
    moved = (found.x - x)[:, :2]
    assert np.allclose(moved, np.rint(moved))
    assert np.isfinite(found.distance).mean() > 0.7
