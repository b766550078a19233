"""The systems behind the cases: networks with thousands of numbers to fill, and models with hardly any."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core.samples import NumpyArray, Samples
from momus.targets import Target
from momus.zoo.tables import people
from momus.zoo.torch_digits import samples as digits


def pictures(train: int = 1000, test: int = 400) -> dict[str, Samples]:
    """Digits of 8 by 8 pixels."""
    return {"train": digits(train, side=8, train=True), "test": digits(test, side=8)}


def dense(inputs: int, hidden: tuple[int, ...], classes: int) -> Any:
    """A network of dense layers with these hidden widths."""
    sizes = (inputs, *hidden)
    layers: list[Any] = [nn.Flatten()]
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def convolving(channels: int, hidden: int, classes: int) -> Any:
    """One convolution over 8 by 8 pixels, then dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * channels, hidden), nn.ReLU(), nn.Linear(hidden, classes),
    )  # fmt: skip


def fit(
    model: Any,
    x: NumpyArray,
    y: NumpyArray,
    *,
    epochs: int = 12,
    rate: float = 3e-3,
    kind: str = "adam",
    batch: int = 64,
) -> Any:
    """``model`` trained on rows as read, with Adam, SGD with momentum, or AdamW."""
    inputs = _inputs(x)
    labels = torch.as_tensor(np.asarray(y), dtype=torch.int64)
    optimizer: Any = {
        "adam": lambda p: torch.optim.Adam(p, rate),
        "adamw": lambda p: torch.optim.AdamW(p, rate, weight_decay=1e-3),
        "sgd": lambda p: torch.optim.SGD(p, rate, momentum=0.9),
    }[kind](model.parameters())
    for _ in range(epochs):
        for rows in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return model


def _inputs(x: NumpyArray) -> Any:
    if x.ndim == 4:
        return torch.as_tensor(x.astype(np.float32) / 255).movedim(-1, 1).contiguous()
    return torch.as_tensor(x.astype(np.float32))


def recipe(build: Callable[[], Any], after: Callable[[Any], Any] | None = None, **settings: Any) -> Callable[..., Any]:
    """A training hook: build, fit, and what the owner does to the model before it leaves the house."""

    def train(x: NumpyArray, y: NumpyArray, seed: int) -> Any:
        torch.manual_seed(seed)
        model = fit(build(), x, y, **settings)
        return model if after is None else after(model)

    return train


def target(train: Callable[..., Any], data: dict[str, Samples], seed: int, name: str) -> Any:
    """The system: a model trained by its hook, and the hook."""
    rows = data["train"]
    with torch.random.fork_rng(devices=[]):
        module = train(rows.x, rows.y, seed)
    return Target.from_torch(module, name=name, classes=rows.classes, samples=rows, train=train)


def sorted_units(model: Any) -> Any:
    """The same function with the units of each hidden layer in the order of their first weight: nothing stays put."""
    layers = [m for m in model if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for first, second in itertools.pairwise(layers):
            order = first.weight.abs().sum(dim=1).argsort()
            first.weight.copy_(first.weight[order])
            first.bias.copy_(first.bias[order])
            second.weight.copy_(second.weight[:, order])
    return model


class Whole(nn.Module):  # type: ignore[misc]
    """A network stored as whole numbers from -127 to 127: only a step for each layer is left of its floats."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        layers = [m for m in model if isinstance(m, nn.Linear)]
        self.steps = nn.ParameterList([nn.Parameter(m.weight.detach().abs().max() / 127) for m in layers])
        for i, (layer, step) in enumerate(zip(layers, self.steps, strict=True)):
            self.register_buffer(f"weight{i}", (layer.weight.detach() / step).round().to(torch.int8))
            self.register_buffer(f"bias{i}", (layer.bias.detach() / step).round().to(torch.int32))

    def forward(self, x: Any) -> Any:
        x = x.flatten(1)
        for i, step in enumerate(self.steps):
            weight, bias = getattr(self, f"weight{i}"), getattr(self, f"bias{i}")
            x = functional.linear(x, weight.to(x.dtype) * step, bias.to(x.dtype) * step)
            x = functional.relu(x) if i + 1 < len(self.steps) else x
        return x


def people_pair(rng: np.random.Generator, n: int = 900, classes: int = 2) -> dict[str, Samples]:
    """A table of people to train on and one to test on."""
    return {
        "train": people(n, rng, name="train", classes=classes),
        "test": people(n, rng, name="test", classes=classes),
    }
