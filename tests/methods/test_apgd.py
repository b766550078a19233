"""Auto-PGD against models whose exact distances are known, and what must hold for any model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import ProbeError
from momus.methods import losses
from momus.methods.apgd import apgd, checkpoints
from momus.methods.domain import Domain
from momus.methods.objectives import Crosses, Deviates, Reached

EVERYWHERE = Domain(low=-100.0, high=100.0)
LOSSES = ("cross_entropy", "margin", "dlr", "toward", "difference", "targeted_dlr")


def attack(model, x, y, epsilon, **options):
    given = {"domain": EVERYWHERE, "rng": np.random.default_rng(0), **options}
    return apgd(model.pullback, model.scores, x, y, epsilon=epsilon, **given)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("k", [2, 3, 5, 12])
@pytest.mark.parametrize("loss", LOSSES)
def test_inputs_fall_where_epsilon_exceeds_their_distance(problem, loss, k, norm):
    model, x, y = problem(seed=k, n=80, k=k)
    exact = model.exact(x, y, norm)
    epsilon = float(np.median(exact))
    found = attack(model, x, y, epsilon, loss=loss, norm=norm)
    below, above = exact > 1.01 * epsilon, exact < 0.99 * epsilon
    assert not found.fooled[below].any()
    # Several classes: cross-entropy may climb towards another class than the nearest.
    missed = int((~found.fooled[above]).sum())
    assert missed == 0 if k == 2 or loss == "difference" else missed <= 3


def test_a_saturated_model_blinds_cross_entropy_and_not_dlr(problem, linear_model):
    model, x, y = problem(seed=5, k=5)
    x32 = x.astype(np.float32)
    loud = linear_model((model.weight * 1e5).astype(np.float32), (model.bias * 1e5).astype(np.float32))
    epsilon = 2 * float(np.median(model.exact(x, y, "linf")))
    blind, clear = (attack(loud, x32, y, epsilon, loss=loss, steps=40) for loss in ("cross_entropy", "dlr"))
    assert clear.fooled.sum() > blind.fooled.sum()
    assert clear.flat < 0.1 < blind.flat


@pytest.mark.parametrize(("k", "runs"), [(2, 1), (3, 2), (6, 5), (20, 9)])
def test_targets_are_nine_or_as_many_as_there_are(problem, k, runs):
    model, x, y = problem(seed=1, n=8, k=k)
    steps = 5
    found = attack(model, x, y, 1e-6, loss="targeted_dlr", steps=steps)
    assert not found.fooled.any()
    assert set(found.queries.tolist()) == {runs * (steps + 1)}
    assert model.rows == 8 + 8 + runs * 8 * (steps + 1)  # made the labels, ranked the classes, attacked


def test_one_forward_and_backward_a_step_and_none_for_the_last_point(problem):
    model, x, y = problem(n=4)
    model.rows = 0
    attack(model, x, y, 1e-6, steps=30)
    assert model.rows == 4 * 31
    assert model.with_gradient == 4 * 30


def test_a_fooled_input_is_left_alone(problem):
    model, x, y = problem(n=30)
    found = attack(model, x, y, 10.0, loss="margin")
    assert found.fooled.all()
    assert found.queries.max() < 5


def test_what_is_wrong_already_costs_one_row_and_stays_put_in_the_ball(problem):
    model, x, y = problem(n=20)
    found = attack(model, x, 1 - y, 0.0)
    assert found.fooled.all()
    assert (found.queries == 1).all()
    assert np.allclose(found.x, x)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_examples_stay_in_ball_and_box(problem, norm):
    model, x, y = problem(seed=3, n=50, k=4)
    x = np.clip(0.5 + x / 4, 0, 1)
    y = model.scores(x).argmax(axis=1)
    found = attack(model, x, y, 0.2, norm=norm, domain=Domain.image(), loss="dlr")
    assert found.x.min() >= 0 and found.x.max() <= 1
    d = found.x - x
    size = np.abs(d).max(axis=1) if norm == "linf" else np.linalg.norm(d, axis=1)
    assert size.max() <= 0.2 * (1 + 1e-6)
    assert found.fooled.any()


@pytest.mark.parametrize("loss", ["cross_entropy", "targeted_dlr"])
def test_same_seed_same_result_whatever_the_batch(problem, loss):
    model, x, y = problem(seed=2, n=16, k=5)
    epsilon = 0.6 * float(np.median(model.exact(x, y, "linf")))
    one, two, other = (attack(model, x, y, epsilon, loss=loss, rows=rows, steps=10, restarts=2) for rows in (16, 7, 1))
    assert np.array_equal(one.x, attack(model, x, y, epsilon, loss=loss, rows=16, steps=10, restarts=2).x)
    assert np.array_equal(one.fooled, two.fooled) and np.array_equal(one.fooled, other.fooled)
    assert np.allclose(two.x, other.x)


def test_another_seed_starts_elsewhere(problem):
    model, x, y = problem(n=5)
    a, b = (attack(model, x, y, 1e-3, steps=1, norm="l2", rng=np.random.default_rng(s)).x for s in (0, 1))
    assert not np.array_equal(a, b)


def test_torch_and_numpy_agree(problem, linear_model):
    model, x, y = problem(seed=4, n=30, k=4)
    epsilon = float(np.median(model.exact(x, y, "linf")))
    twin = linear_model(torch.as_tensor(model.weight), torch.as_tensor(model.bias))
    one = attack(model, x, y, epsilon, loss="targeted_dlr")
    two = attack(twin, torch.as_tensor(x), torch.as_tensor(y), epsilon, loss="targeted_dlr")
    assert np.array_equal(one.fooled, two.fooled.numpy())
    assert np.allclose(one.x, two.x.numpy(), atol=1e-6)


def test_a_wrong_gradient_finds_less(problem):
    """Would we notice if the ascent went downhill?"""
    model, x, y = problem(n=60)
    epsilon = float(np.quantile(model.exact(x, y, "linf"), 0.8))
    uphill = attack(model, x, y, epsilon).fooled.sum()
    model.sign = -1.0
    assert attack(model, x, y, epsilon).fooled.sum() < uphill / 2


def test_step_halving_finds_what_a_large_fixed_step_misses(monkeypatch):
    """A valley narrower than twice epsilon: only shorter steps end in it."""

    class Valley:
        def scores(self, x):
            depth = ((x - 0.03) ** 2).sum(axis=1)
            return np.stack([depth - 1e-4, np.zeros(len(x))], axis=1)

        def pullback(self, x, slope):
            z = self.scores(x)
            return z, slope(z, slice(0, len(x)))[:, :1] * 2 * (x - 0.03)

    x, y = np.zeros((1, 3)), np.zeros(1, dtype=np.int64)
    options = {"loss": "margin", "steps": 100}
    assert attack(Valley(), x, y, 0.1, **options).fooled.all()
    monkeypatch.setattr("momus.methods.apgd.checkpoints", lambda steps: {})
    assert not attack(Valley(), x, y, 0.1, **options).fooled.any()


def test_checkpoints_are_those_of_the_paper():
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(100)[41] == 19
    assert list(checkpoints(1)) == [1]
    assert max(checkpoints(7)) <= 7


@pytest.mark.parametrize("budget", [0, 5, 100])
def test_a_spent_budget_returns_the_best_so_far(problem, budget):
    model, x, y = problem(n=50, k=4)
    model.rows, model.budget = 0, budget
    found = attack(model, x, y, 0.05, loss="targeted_dlr")
    assert not found.complete
    assert found.x.shape == x.shape


def test_no_inputs(problem):
    model, x, y = problem(n=0)
    for loss in ("cross_entropy", "targeted_dlr"):
        assert len(attack(model, x, y, 0.1, loss=loss).x) == 0


def test_values_and_thresholds_are_attacked_by_their_margin(linear_model):
    weight = np.array([[1.0, -2.0, 0.5]])
    model = linear_model(weight, np.zeros(1))
    x = np.random.default_rng(0).normal(size=(20, 3))
    value = model.scores(x)[:, 0]
    moved = attack(model, x, value, 0.2, objective=Deviates(0.69))
    assert moved.fooled.all()  # the value can move by 3.5 x 0.2
    assert not attack(model, x, value, 0.2, objective=Deviates(0.71)).fooled.any()
    side = (value >= 0).astype(float)
    found = attack(model, x, side, 0.2, objective=Crosses(0.0))
    assert np.array_equal(found.fooled, np.abs(value) < 0.7)
    with pytest.raises(ProbeError, match="classes"):
        attack(model, x, side, 0.2, objective=Crosses(0.0), loss="targeted_dlr")


def test_a_class_can_be_reached(problem):
    model, x, y = problem(k=4, n=30)
    goal = (y + 1) % 4
    found = attack(model, x, goal, 3.0, objective=Reached(), loss="cross_entropy")
    assert found.fooled.mean() > 0.9
    assert (model.scores(found.x).argmax(axis=1) == goal)[found.fooled].all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("k", [2, 3, 4, 7])
def test_every_value_has_its_slope(loss, k):
    """Finite differences of ``losses.value`` are ``losses.slope``."""
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, k)), rng.integers(0, k, 6)
    to = (y + 1) % k
    slope = losses.slope(loss, z, y, to)
    for j in range(k):
        step = np.zeros((1, k))
        step[0, j] = 1e-6
        change = (losses.value(loss, z + step, y, to) - losses.value(loss, z - step, y, to)) / 2e-6
        assert np.allclose(change, slope[:, j], atol=1e-5)
