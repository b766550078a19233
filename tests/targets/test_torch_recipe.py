"""Modules trained as one stack are those trained alone, and both are what plain PyTorch makes of the same batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from momus.core.capabilities import Trains, TrainsTogether, missing
from momus.core.errors import TargetError
from momus.core.meter import Meter
from momus.core.samples import Samples
from momus.targets import Target, torch_recipe
from momus.targets.torch_recipe import Recipe, batches, train

D, K = 6, 3


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, K))


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(D, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, K))


def conv() -> nn.Module:
    layers = (nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(4 * 4, K))


def dropped() -> nn.Module:
    return nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, K))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.read, self.say = nn.GRU(1, 8, batch_first=True), nn.Linear(8, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.say(self.read(x.unsqueeze(-1))[0][:, -1])
        return said


def rows_of(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(0, K, n)
    return rng.normal(size=(n, D)) + 0.8 * np.eye(D)[y], y


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = rows_of(np.random.default_rng(0), 200)
    return torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y)


def logits(_module: Any) -> Any:
    return "logits"


def gap(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return max(float((p.double() - q.double()).abs().max()) for p, q in pairs)


def stacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the number of models of every stack that is trained."""
    seen: list[int] = []
    plain = torch_recipe._run

    def run(recipe: Any, models: Any, *rest: Any) -> None:
        seen.append(len(models.numbers))
        plain(recipe, models, *rest)

    monkeypatch.setattr(torch_recipe, "_run", run)
    return seen


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_alone_it_is_what_plain_pytorch_makes(data, optimiser: Any, schedule: Any) -> None:  # type: ignore[no-untyped-def]
    x, y = data
    recipe = Recipe(mlp, 4, 32, optimiser, 0.05, 0.9, 1e-3, schedule)
    rows = np.arange(20, 180)
    (made,) = train(recipe, x, y, [rows], [5], logits)
    torch.manual_seed(5)
    own = mlp()
    kinds: dict[str, Callable[..., Any]] = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=1e-3),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=1e-3),
    }
    steps = 20
    assert recipe.steps(160) == steps
    optimiser_ = kinds[optimiser](own.parameters())
    shapes: dict[str, Callable[[int], float]] = {
        "constant": lambda s: 1.0,
        "linear": lambda s: 1 - s / steps,
        "cosine": lambda s: 0.5 + 0.5 * np.cos(np.pi * s / steps),
    }
    plan = torch.optim.lr_scheduler.LambdaLR(optimiser_, shapes[schedule])
    for now in next(batches(recipe, rows, 6))[:steps]:
        optimiser_.zero_grad()
        functional.cross_entropy(own(x[now]), y[now]).backward()
        optimiser_.step()
        plan.step()
    assert gap(made, own) < 1e-5
    assert gap(made, mlp()) > 0.01


@pytest.mark.parametrize("build", [mlp, normed, conv])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_together_is_alone(data, build: Any, optimiser: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    x, y = data
    x = torch.nn.functional.pad(x, (0, 10)).reshape(-1, 1, 4, 4) if build is conv else x
    recipe = Recipe(build, 3, 16, optimiser, 0.02, 0.9 if optimiser == "sgd" else 0.0, 1e-4)
    rng = np.random.default_rng(1)
    # Unequal sizes: each model takes its own number of steps.
    rows = [np.sort(rng.permutation(200)[:size]) for size in (100, 100, 90, 131, 64)]
    seeds = [11, 12, 13, 14, 15]
    seen = stacked(monkeypatch)
    together = train(recipe, x, y, rows, seeds, logits)
    assert seen == [5]
    for i, one in enumerate(together):
        (alone,) = train(recipe, x, y, [rows[i]], [seeds[i]], logits)
        assert gap(one, alone) < (2e-3 if build is not mlp else 1e-4)
        assert not one.training
    assert gap(together[0], together[1]) > 0.01


def test_fewer_rows_than_a_batch_train_in_a_stack_of_their_own(data, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x, y = data
    recipe = Recipe(mlp, 2, 64)
    rows = [np.arange(100), np.arange(10), np.arange(50, 150), np.arange(10, 20)]
    seen = stacked(monkeypatch)
    made = train(recipe, x, y, rows, [1, 2, 3, 4], logits)
    assert sorted(seen) == [2, 2]
    (alone,) = train(recipe, x, y, [rows[1]], [2], logits)
    assert gap(made[1], alone) < 1e-5


def test_dropout_differs_by_model_and_reaches_the_same_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    xs, ys = rows_of(rng, 1200)
    x, y = torch.as_tensor(xs, dtype=torch.float32), torch.as_tensor(ys)
    recipe, rows = Recipe(dropped, 8, 32, "sgd", 0.1, 0.9), [np.arange(600)] * 16
    seen = stacked(monkeypatch)
    together = train(recipe, x, y, rows, list(range(16)), logits)
    assert seen == [16]
    alone = [train(recipe, x, y, [r], [100 + i], logits)[0] for i, r in enumerate(rows)]

    def accuracy(models: list[Any]) -> np.ndarray:
        with torch.no_grad():
            return np.array([float((m(x[600:]).argmax(1) == y[600:]).float().mean()) for m in models])

    a, b = accuracy(together), accuracy(alone)
    assert a.mean() > 0.45  # guessing is a third
    error = np.sqrt(a.var(ddof=1) / 16 + b.var(ddof=1) / 16)
    assert abs(a.mean() - b.mean()) < 4 * error + 0.005


def test_masks_of_a_stack_are_not_shared_and_change_from_step_to_step() -> None:
    same = [dropped() for _ in range(2)]
    same[1].load_state_dict(same[0].state_dict())
    x, y = torch.ones(8, D), torch.zeros(8, dtype=torch.int64)
    stack = torch_recipe._Stack([m.train() for m in same], [0, 1], x, y, "logits")
    seen = []
    for _ in range(2):
        stack.grade(torch.cat([x, x]), torch.cat([y, y]))
        seen.append(stack.trained[0].grad.clone())
    assert not torch.allclose(seen[0][0], seen[0][1]) and not torch.allclose(seen[0], seen[1])


def test_what_cannot_be_stacked_is_trained_one_after_another(data, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x, y = data
    seen = stacked(monkeypatch)
    train(Recipe(Recurrent, 1, 32), x, y, [np.arange(100)] * 2, [1, 2], logits)
    assert seen == [1, 1]
    seen.clear()
    monkeypatch.setattr(torch_recipe, "STACK_FLOPS", 10)
    train(Recipe(mlp, 1, 32), x, y, [np.arange(100)] * 2, [1, 2], logits)
    assert seen == [1, 1]


def test_a_stack_is_cut_where_memory_ends(data, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x, y = data
    recipe, rows = Recipe(mlp, 2, 32), [np.arange(i, 100 + i) for i in range(5)]
    whole = train(recipe, x, y, rows, list(range(5)), logits)
    weights = 4 * sum(p.numel() for p in mlp().parameters())
    monkeypatch.setattr(torch_recipe, "MEMORY", 2 * (5 * weights + 20 * 32 * D * 4))
    seen = stacked(monkeypatch)
    parts = train(recipe, x, y, rows, list(range(5)), logits)
    assert seen == [2, 2, 1]
    assert max(gap(a, b) for a, b in zip(whole, parts, strict=True)) < 1e-4


@pytest.mark.parametrize("ending", ["logits", "softmax", "one logit", "sigmoid", "value"])
def test_every_kind_of_output_learns(ending: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 4))
    two = (x[:, 0] > 0).astype(int)
    tail: dict[str, list[nn.Module]] = {
        "logits": [nn.Linear(4, 2)],
        "softmax": [nn.Linear(4, 2), nn.Softmax(dim=1)],
        "one logit": [nn.Linear(4, 1)],
        "sigmoid": [nn.Linear(4, 1), nn.Sigmoid()],
        "value": [nn.Linear(4, 1)],
    }
    task: Any = "regressor" if ending == "value" else "classifier"
    y = x[:, 0] - x[:, 1] if ending == "value" else two

    def build() -> nn.Module:
        return nn.Sequential(*tail[ending])

    classes = () if ending == "value" else ("no", "yes")
    samples = Samples(x, y)
    recipe = {"build": lambda: _fresh(build), "epochs": 20, "batch": 20, "lr": 0.1}
    target = Target.from_torch(build(), classes=classes, task=task, recipe=recipe, samples=samples)
    for made in (target.retrain(x, y, seed=1), target.retrain_together(x, y, np.ones((2, 400), bool), seeds=[1, 2])[1]):
        said = np.asarray(made.predict(x.astype(np.float64)))
        if ending == "value":
            assert np.mean((said - y) ** 2) < 0.05
        else:
            assert np.mean(said == y) > 0.9
        assert made.info.digest != target.info.digest and made.info.classes == target.info.classes


def _fresh(build: Callable[[], nn.Module]) -> nn.Module:
    module = build()
    for m in module.modules():
        if isinstance(m, nn.Linear):
            m.reset_parameters()
    return module


def opened(**recipe: Any) -> Any:
    x, y = rows_of(np.random.default_rng(4), 64)
    given = {"build": mlp, "epochs": 3, **recipe}
    return Target.from_torch(mlp(), classes=("a", "b", "c"), samples=Samples(x, y), recipe=given)


def test_only_a_recipe_gives_the_ability_and_it_counts_in_the_digest() -> None:
    target = opened()
    assert missing(target, TrainsTogether) == ()
    bare = Target.from_torch(mlp(), classes=("a", "b", "c"), shape=(D,))
    assert missing(bare, TrainsTogether) == ("retrain", "retrain_together")
    hooked = Target.from_torch(mlp(), classes=("a", "b", "c"), shape=(D,), train=lambda x, y, seed: mlp())
    assert missing(hooked, Trains) == () and missing(hooked, TrainsTogether) == ("retrain_together",)
    module = mlp()
    digests = {
        Target.from_torch(module, classes=("a", "b", "c"), shape=(D,), recipe={"build": mlp, "epochs": e}).info.digest
        for e in (1, 2)
    }
    assert len(digests) == 2


def test_a_retrained_target_can_be_trained_again_and_under_a_term() -> None:
    target = opened()
    x, y = rows_of(np.random.default_rng(5), 120)
    inside = np.arange(120) % 2 == np.array([[0], [1]])
    one, two = Meter(target).retrain_together(x, y, inside, seeds=[3, 4])
    alone = target.retrain(x[inside[0]], y[inside[0]], seed=3)
    assert np.allclose(one.probabilities(x), alone.probabilities(x), atol=1e-5)
    assert not np.allclose(one.probabilities(x), two.probabilities(x), atol=1e-2)
    again = one.retrain_together(x, y, inside, seeds=[3, 4])
    assert np.allclose(again[0].probabilities(x), one.probabilities(x), atol=1e-6)
    pulled = target.retrain_under(x[inside[0]], y[inside[0]], seed=3, term=lambda flat: flat)
    size = [sum(float((v**2).sum()) for v in t.parameters().values()) for t in (alone, pulled)]
    assert size[1] < 0.7 * size[0]


def test_the_callers_generator_is_left_alone() -> None:
    target = opened()
    x, y = rows_of(np.random.default_rng(6), 60)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    target.retrain_together(x, y, np.ones((2, 60), bool), seeds=[1, 2])
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"build": mlp}, "epochs"),
        ({"build": mlp, "epochs": 0}, "above 0"),
        ({"build": mlp, "epochs": 1, "optimizer": "sgd"}, "optimizer"),
    ],
)
def test_what_is_no_recipe_is_refused(recipe: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        Target.from_torch(mlp(), classes=("a", "b", "c"), shape=(D,), recipe=recipe)


def test_wrong_material_is_refused() -> None:
    target = opened()
    x, y = rows_of(np.random.default_rng(7), 20)
    with pytest.raises(TargetError, match="shape"):
        target.retrain_together(x, y, np.ones((2, 19), bool), seeds=[1, 2])
    with pytest.raises(TargetError, match="no rows"):
        target.retrain_together(x, y, np.zeros((2, 20), bool), seeds=[1, 2])
    broken = opened(build=lambda: 3)
    with pytest.raises(TargetError, match="not a torch"):
        broken.retrain(x, y, seed=0)
