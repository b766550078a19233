"""The systems behind the cases: small digit classifiers, a wide-margin picture model, tables with declared columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.targets import Target
from momus.zoo import torch_digits
from momus.zoo.torch_digits import Recipe

SIDE = 8
PLAIN = Recipe(side=SIDE, epochs=12, channels=8, hidden=32)
PLAIN_MLP = Recipe(side=SIDE, epochs=16, hidden=64, kind="mlp")
HARD_MLP = Recipe(side=SIDE, epochs=40, hidden=64, kind="mlp", epsilon=0.2, inner=5)
HARD_CNN = Recipe(side=SIDE, epochs=16, channels=8, hidden=32, epsilon=0.15, inner=3)


class Saturated(nn.Module):  # type: ignore[misc]
    """Logits times ten thousand: the softmax is exactly 0 or 1 in float32 and cross-entropy has no gradient."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x) * 1e4


def digits(recipe: Recipe, name: str, seed: int, *, saturated: bool = False) -> Any:
    """A trained digit classifier as a target; 8x8 pictures."""
    model = torch_digits.model(replace(recipe, seed=recipe.seed + seed))
    return Target.from_torch(
        Saturated(model) if saturated else model,
        name=name,
        classes=torch_digits.CLASSES,
        shape=(1, SIDE, SIDE),
        range=(0, 1),
        output="logits",
    )


def halves(seed: int, h: int = 6, w: int = 9, n: int = 160) -> Samples:
    """Pictures, not square, that are bright either above or below: mean grey 0.85 against 0.15, little noise."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    upper = np.where(y == 0, 0.85, 0.15)[:, None, None]
    x = np.broadcast_to(1.0 - upper, (n, h, w)).copy()
    x[:, : h // 2] = upper
    x = np.clip(x + rng.normal(0, 0.03, x.shape), 0, 1)
    return Samples(x=np.round(x[..., None] * 255).astype(np.uint8), y=y, name="halves", classes=("above", "below"))


def halves_target(h: int = 6, w: int = 9) -> Any:
    """Compares the two halves' brightness: a linear model whose Linf margin on these pictures is about 0.35."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(h * w, 2, bias=False))
    weight = torch.full((h, w), -1.0)
    weight[: h // 2] = 1.0
    with torch.no_grad():
        model[1].weight.copy_(torch.stack([weight.flatten(), -weight.flatten()]) / (h * w))
    return Target.from_torch(
        model, name="wide-margin", classes=("above", "below"), shape=(1, h, w), range=(0, 1), output="logits"
    )


COLUMNS = (
    Column(name="age", immutable=True, low=18, high=90),
    Column(name="income"),
    Column(name="debt"),
    Column(name="accounts", kind=ColumnKind.INTEGER, low=0, high=12),
    Column(name="region=north", kind=ColumnKind.BINARY, one_hot="region"),
    Column(name="region=south", kind=ColumnKind.BINARY, one_hot="region"),
    Column(name="region=west", kind=ColumnKind.BINARY, one_hot="region"),
    Column(name="channel", kind=ColumnKind.CATEGORICAL, categories=("branch", "phone", "web")),
)


def applicants(seed: int, decides: str, n: int = 600) -> Samples:
    """Loan applicants whose label one thing decides: ``income`` (mutable), ``age`` (not), ``channel`` or ``region``."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(20, 80, n)
    income, debt = rng.normal(30, 8, n), rng.normal(10, 3, n)
    accounts = rng.integers(0, 8, n)
    region, channel = rng.integers(0, 3, n), rng.integers(0, 3, n)
    x = np.column_stack([age, income, debt, accounts, np.eye(3)[region], channel]).astype(np.float64)
    y = {
        "income": income + 0.5 * (10 - debt) > 30,
        "age": age > 50,
        "channel": channel == 2,
        "region": region == 0,
    }[decides].astype(np.int64)
    return Samples(x=x, y=y, name=f"applicants by {decides}", columns=COLUMNS, classes=("refused", "granted"))


def fitted(estimator: Any, samples: Samples, name: str) -> tuple[Any, dict[str, Samples]]:
    """A scikit-learn estimator fitted on two thirds of the rows as a target, and its train and test data."""
    cut = 2 * len(samples) // 3
    train, test = samples.take(slice(0, cut)), samples.take(slice(cut, None))
    estimator.fit(train.x, train.y)
    return Target.from_sklearn(estimator, name=name, classes=samples.classes), {"train": train, "test": test}


def table_network(seed: int, samples: Samples) -> tuple[Any, dict[str, Samples]]:
    """A small dense network on the standardised table, with gradients, as a target, and its train and test data."""
    cut = 2 * len(samples) // 3
    train, test = samples.take(slice(0, cut)), samples.take(slice(cut, None))
    mean, spread = train.x.mean(axis=0), train.x.std(axis=0) + 1e-9
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(train.x.shape[1], 16)
        model = nn.Sequential(first, nn.Tanh(), nn.Linear(16, 2))
        x, y = torch.as_tensor((train.x - mean) / spread, dtype=torch.float32), torch.as_tensor(train.y)
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(150):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    with torch.no_grad():  # the first layer takes raw columns: standardising is folded into it
        scale = torch.as_tensor(1 / spread, dtype=torch.float32)
        first.bias -= first.weight @ (torch.as_tensor(mean, dtype=torch.float32) * scale)
        first.weight *= scale
    target = Target.from_torch(
        model, name="table-network", classes=samples.classes, shape=(len(COLUMNS),), modality="table", output="logits"
    )
    return target, {"train": train, "test": test}


def column(samples: Samples, name: str) -> NumpyArray:
    """Values of one column."""
    values: NumpyArray = samples.x[:, [c.name for c in samples.columns].index(name)]
    return values
