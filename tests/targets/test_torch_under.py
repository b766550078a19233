"""A term added to somebody else's training: where it reaches, in which order, and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import optimizer as optimizers

from momus.core.capabilities import TrainsUnder, missing
from momus.core.errors import TargetError
from momus.core.samples import Samples
from momus.targets import Target

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(np.int64)
WANTED = torch.linspace(-2, 2, 4 * 6 + 6 + 6 * 2 + 2)  # a value of its own for each of the 44 parameters


def _net() -> Any:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).double()


def _fit(model: Any, optimisers: list[Any], x: np.ndarray, y: np.ndarray, steps: int = 300) -> Any:
    for _ in range(steps):
        for o in optimisers:
            o.zero_grad()
        (0.001 * nn.functional.cross_entropy(model(torch.as_tensor(x)), torch.as_tensor(y))).backward()
        for o in optimisers:
            o.step()
    return model


def plain(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = _net()
    return _fit(model, [torch.optim.SGD(model.parameters(), 0.1)], x, y)


def backwards(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = _net()
    return _fit(model, [torch.optim.SGD([*model.parameters()][::-1], 0.1)], x, y)


def two_optimisers(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = _net()
    return _fit(model, [torch.optim.SGD(model[2].parameters(), 0.1), torch.optim.SGD(model[0].parameters(), 0.1)], x, y)


def frozen_first_layer(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = _net()
    model[0].requires_grad_(False)
    return _fit(model, [torch.optim.SGD(model[2].parameters(), 0.1)], x, y)


def copied(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    import copy

    return copy.deepcopy(backwards(x, y, seed))


def line_search(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    model = _net()
    o = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=20)

    def closure() -> Any:
        o.zero_grad()
        loss = 0.001 * nn.functional.cross_entropy(model(torch.as_tensor(x)), torch.as_tensor(y))
        loss.backward()
        return loss

    for _ in range(20):
        o.step(closure)
    return model


def _target(train: Callable[..., Any]) -> Any:
    samples = Samples(x=X, y=Y, classes=("no", "yes"))
    return Target.from_torch(_net(), name="net", classes=samples.classes, samples=samples, train=train)


def _towards(flat: Any) -> Any:
    return flat - WANTED.to(flat)


def _hooks() -> int:
    return len(optimizers._global_optimizer_pre_hooks)


@pytest.mark.parametrize("train", [plain, backwards, two_optimisers, copied, line_search])
def test_each_parameter_is_pulled_to_its_own_value(train: Callable[..., Any]) -> None:
    target, before = _target(train), _hooks()
    made = target.retrain_under(X, Y, seed=1, term=_towards)
    flat = np.concatenate([v.ravel() for v in made.parameters().values()])
    assert np.abs(flat - WANTED.numpy()).max() < 0.1, "in the order of parameters(), whatever the optimiser's"
    assert _hooks() == before
    clean = np.concatenate([v.ravel() for v in target.retrain(X, Y, seed=1).parameters().values()])
    assert np.abs(clean - WANTED.numpy()).max() > 1


def test_no_pull_is_the_plain_training() -> None:
    target = _target(plain)
    same = target.retrain_under(X, Y, seed=2, term=torch.zeros_like).parameters()
    clean = target.retrain(X, Y, seed=2).parameters()
    assert all((same[k] == clean[k]).all() for k in clean)


def test_the_order_is_found_once() -> None:
    trained: list[int] = []

    def counting(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
        trained.append(seed)
        return backwards(x, y, seed)

    target = _target(counting)
    target.retrain_under(X, Y, seed=1, term=_towards)
    assert len(trained) == 2, "once to see the order, once in it"
    target.retrain_under(X, Y, seed=5, term=_towards)
    assert trained[2:] == [5], "then it is known"


def test_frozen_parameters_keep_their_place_and_their_values() -> None:
    target = _target(frozen_first_layer)
    made = target.retrain_under(X, Y, seed=3, term=_towards).parameters()
    clean = target.retrain(X, Y, seed=3).parameters()
    assert (made["0.weight"] == clean["0.weight"]).all()
    assert np.abs(made["2.weight"].ravel() - WANTED.numpy()[30:42]).max() < 0.1


def test_a_training_without_a_step_is_said() -> None:
    target, before = _target(lambda x, y, seed: _net()), _hooks()
    with pytest.raises(TargetError, match="took no step"):
        target.retrain_under(X, Y, seed=0, term=_towards)
    assert _hooks() == before


def test_a_stranger_that_comes_back_is_said() -> None:
    def swapped(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
        plain(x, y, seed)
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()

    with pytest.raises(TargetError, match="not those of the module"):
        _target(swapped).retrain_under(X, Y, seed=0, term=_towards)


def test_the_hook_goes_even_where_training_fails() -> None:
    before = _hooks()

    def fails(flat: Any) -> Any:
        raise ArithmeticError("no")

    with pytest.raises(TargetError):
        _target(plain).retrain_under(X, Y, seed=0, term=fails)
    assert _hooks() == before


def test_it_is_the_ability_that_probes_ask_for() -> None:
    assert missing(_target(plain), TrainsUnder) == ()
    without = Target.from_torch(_net(), name="net", classes=("no", "yes"), samples=Samples(x=X, y=Y))
    assert "retrain_under" in missing(without, TrainsUnder)
