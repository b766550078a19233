"""PGD against models whose exact distances are known, in NumPy and in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.methods.ascent import pgd, random_start
from momus.methods.domain import Domain

EVERYWHERE = Domain(low=-100.0, high=100.0)


class Linear:
    """softmax(x W' + b) with its analytic gradient, in NumPy."""

    def __init__(self, weight, bias):
        self.weight, self.bias, self.rows = weight, bias, 0

    def scores(self, x):
        self.rows += len(x)
        return x @ self.weight.T + self.bias

    def loss_gradient(self, x, y):
        z = self.scores(x)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return z, (p @ self.weight).astype(x.dtype)

    def exact(self, x, y, norm):
        """Distance to the nearest decision boundary, unbounded: gap over the dual norm of the weight difference."""
        z = x @ self.weight.T + self.bias
        out = np.full(len(x), np.inf)
        for j in range(len(self.weight)):
            d = self.weight[y] - self.weight[j]
            dual = np.abs(d).sum(axis=1) if norm == "linf" else np.linalg.norm(d, axis=1)
            gap = z[np.arange(len(y)), y] - z[:, j]
            out = np.where(y == j, out, np.minimum(out, gap / np.maximum(dual, 1e-12)))
        return out


class TorchLinear(Linear):
    """The same model through torch tensors and autograd."""

    def __init__(self, weight, bias):
        super().__init__(torch.as_tensor(weight), torch.as_tensor(bias))

    def loss_gradient(self, x, y):
        x = x.detach().requires_grad_(True)
        z = self.scores(x)
        loss = torch.nn.functional.cross_entropy(z, y, reduction="sum")
        return z.detach(), torch.autograd.grad(loss, x)[0]


def problem(seed=0, n=60, d=12, k=2):
    rng = np.random.default_rng(seed)
    model = Linear(rng.normal(size=(k, d)), rng.normal(size=k) * 0.1)
    x = rng.normal(size=(n, d))
    return model, x, model.scores(x).argmax(axis=1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_two_classes_fall_exactly_beyond_their_distance(norm, factor):
    model, x, y = problem()
    exact = model.exact(x, y, norm)
    for i in range(0, len(x), 6):
        found = pgd(
            model.loss_gradient, model.scores, x[i : i + 1], y[i : i + 1], epsilon=float(exact[i] * factor), norm=norm,
            steps=60, domain=EVERYWHERE, rng=np.random.default_rng(0),
        )  # fmt: skip
        assert bool(found.fooled[0]) == (factor > 1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_batch_falls_where_epsilon_exceeds_the_distance(norm):
    model, x, y = problem(seed=1, n=200)
    exact = model.exact(x, y, norm)
    epsilon = float(np.median(exact))
    found = pgd(
        model.loss_gradient, model.scores, x, y, epsilon=epsilon, norm=norm, steps=60, domain=EVERYWHERE,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    clear = np.abs(exact / epsilon - 1) > 0.02
    assert np.array_equal(found.fooled[clear], (exact < epsilon)[clear])
    distance = EVERYWHERE.distance(found.x, x, norm)
    assert distance.max() <= epsilon * (1 + 1e-9)
    assert np.all(model.scores(found.x).argmax(axis=1)[found.fooled] != y[found.fooled])


def test_no_class_falls_below_its_distance_when_there_are_many():
    model, x, y = problem(seed=2, k=6)
    exact = model.exact(x, y, "linf")
    epsilon = float(np.quantile(exact, 0.4))
    found = pgd(
        model.loss_gradient, model.scores, x, y, epsilon=epsilon, steps=60, restarts=3, domain=EVERYWHERE,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert not found.fooled[exact > epsilon * 1.001].any()
    assert found.fooled[exact < epsilon * 0.9].mean() > 0.9


def test_descending_instead_of_ascending_would_be_noticed():
    model, x, y = problem(seed=1, n=200)
    epsilon = float(np.median(model.exact(x, y, "linf")))

    def backwards(a, b):
        z, g = model.loss_gradient(a, b)
        return z, -g

    options = {"epsilon": epsilon, "steps": 40, "domain": EVERYWHERE, "random": False}
    right = pgd(model.loss_gradient, model.scores, x, y, rng=np.random.default_rng(0), **options)
    wrong = pgd(backwards, model.scores, x, y, rng=np.random.default_rng(0), **options)
    assert right.fooled.mean() > 0.45
    assert not wrong.fooled.any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("rows", [7, 1000])
def test_numpy_and_torch_agree_whatever_the_batch(norm, rows):
    model, x, y = problem(seed=3, n=40, k=4)
    twin = TorchLinear(model.weight, model.bias)
    options = {"epsilon": 0.15, "norm": norm, "steps": 15, "domain": EVERYWHERE}
    a = pgd(model.loss_gradient, model.scores, x, y, rng=np.random.default_rng(5), **options)
    b = pgd(
        twin.loss_gradient, twin.scores, torch.as_tensor(x), torch.as_tensor(y),
        rng=np.random.default_rng(5), rows=rows, **options,
    )  # fmt: skip
    assert isinstance(b.x, torch.Tensor)
    assert np.array_equal(a.fooled, b.fooled.numpy())
    np.testing.assert_allclose(a.x, b.x.numpy(), atol=1e-9)
    np.testing.assert_array_equal(a.queries, b.queries)


def test_a_fooled_row_is_not_asked_again():
    model, x, y = problem(n=50)
    wrong = (y + 1) % 2  # every input is wrong from the start
    found = pgd(model.loss_gradient, model.scores, x, wrong, epsilon=1e-9, steps=40, domain=EVERYWHERE,
                rng=np.random.default_rng(0))  # fmt: skip
    assert found.fooled.all()
    assert model.rows == 50 + 50  # 50 when the problem was made
    assert np.array_equal(found.queries, np.ones(50))


def test_steps_bound_the_queries_and_the_last_one_takes_no_gradient():
    model, x, y = problem(n=5)
    gradients = []

    def counted(a, b):
        gradients.append(len(a))
        return model.loss_gradient(a, b)

    found = pgd(counted, model.scores, x, y, epsilon=1e-9, steps=6, domain=EVERYWHERE, rng=np.random.default_rng(0))
    assert not found.fooled.any()
    assert sum(gradients) == 5 * 6
    assert np.array_equal(found.queries, np.full(5, 7))


@pytest.mark.parametrize("allowed", [0, 3, 40, 120])
def test_a_spent_budget_returns_the_best_so_far(allowed):
    model, x, y = problem(n=30)
    left = [allowed]

    def limited(a, b):
        if left[0] < len(a):
            raise BudgetSpent
        left[0] -= len(a)
        return model.loss_gradient(a, b)

    epsilon = float(np.quantile(model.exact(x, y, "linf"), 0.8))
    found = pgd(limited, model.scores, x, y, epsilon=epsilon, steps=40, domain=EVERYWHERE, rows=10,
                rng=np.random.default_rng(0))  # fmt: skip
    assert not found.complete
    assert np.all(model.scores(found.x).argmax(axis=1)[found.fooled] != y[found.fooled])
    assert found.x.shape == x.shape
    assert np.all(np.isfinite(found.x))


def test_zero_and_broken_gradients_are_counted_and_do_no_harm():
    model, x, y = problem(n=10)

    def dead(a, b):
        z, g = model.loss_gradient(a, b)
        g = np.zeros_like(g)
        g[::2] = np.nan
        return z, g

    found = pgd(dead, model.scores, x, y, epsilon=1e-9, steps=3, domain=EVERYWHERE, rng=np.random.default_rng(0))
    assert found.flat == 1.0
    assert np.all(np.isfinite(found.x))


def test_constant_model_is_never_fooled():
    x, y = np.full((4, 3), 0.5), np.zeros(4, dtype=np.int64)

    def scores(a):
        return np.zeros((len(a), 3))

    found = pgd(
        lambda a, b: (scores(a), np.zeros_like(a)), scores, x, y, epsilon=0.3, steps=4, rng=np.random.default_rng(0)
    )
    assert not found.fooled.any()
    assert found.flat == 1.0


def test_whole_numbers_and_one_hot_groups_survive_gradient_steps():
    rng = np.random.default_rng(0)
    n = 40
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 9, n), np.eye(3)[rng.integers(0, 3, n)]]).astype(float)
    model = Linear(np.array([[0.5, 0.1, 2.0, 0.0, -2.0], [-0.5, -0.1, -2.0, 0.0, 2.0]]), np.array([-0.5, 0.5]))
    y = model.scores(x).argmax(axis=1)
    domain = Domain(
        low=np.array([-5.0, 0, 0, 0, 0]), high=np.array([5.0, 9, 1, 1, 1]), scale=np.ones(5),
        measured=np.array([True, True, False, False, False]), whole=np.array([False, True, False, False, False]),
        groups=((2, 3, 4),), switches=1,
    )  # fmt: skip
    found = pgd(model.loss_gradient, model.scores, x, y, epsilon=1.5, domain=domain, rng=np.random.default_rng(0))
    assert found.fooled.mean() > 0.5
    assert not any(mask.any() for mask in domain.check(found.x, x, 1.5).values())
    assert np.any(found.x[:, 2:] != x[:, 2:])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball_and_stay_inside(norm):
    x = np.zeros((400, 3, 2))
    d = random_start(x, 0.5, norm, np.random.default_rng(0)).reshape(400, -1)
    size = np.abs(d).max(axis=1) if norm == "linf" else np.linalg.norm(d, axis=1)
    assert size.max() <= 0.5 + 1e-6
    assert np.median(size) == pytest.approx(0.5 * 0.5 ** (1 / 6), rel=0.05)
    assert np.abs(d.mean(axis=0)).max() < 0.05


def test_every_restart_begins_somewhere_else():
    model, began = Linear(np.zeros((2, 3)), np.array([1.0, 0.0])), []

    def loss_gradient(x, y):
        began.append(x.copy())
        return model.loss_gradient(x, y)

    x, y = np.full((1, 3), 0.5), np.zeros(1, dtype=np.int64)
    pgd(loss_gradient, model.scores, x, y, epsilon=0.1, steps=1, restarts=3, rng=np.random.default_rng(0))
    assert len({tuple(point.ravel()) for point in began}) == 3
