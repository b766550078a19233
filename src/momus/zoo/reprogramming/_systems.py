"""The systems behind the cases: counters of spots under a microscope, and models with too little to borrow.

A counter is a natural victim: it is nonlinear in just the way in which counting squares needs it, which no linear model
offers. The weights come from the user's cache, or are trained now (some seconds).
"""

from __future__ import annotations

import os
import pickle  # for the name of an error alone: nothing is unpickled
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core import digest
from momus.core.samples import NumpyArray, Samples
from momus.targets import Target
from momus.zoo import torch_digits
from momus.zoo.torch_digits import cache_folder


@dataclass(frozen=True)
class Counter:
    """All that decides a counter's weights. ``side`` pixels, ``most`` spots, ``channels`` of the first layer."""

    seed: int = 0
    side: int = 32
    most: int = 6
    channels: int = 12
    hidden: int = 24
    epochs: int = 12
    deep: bool = False


def spots(recipe: Counter, n: int, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
    """(n, side, side) float32 pictures of 1 to ``most`` light or dark spots on noisy grey, and counts from 0."""
    side = recipe.side
    y = rng.permutation(np.arange(n, dtype=np.int64) % recipe.most)
    x = (0.5 + 0.03 * rng.standard_normal((n, side, side))).astype(np.float32)
    axis = np.arange(side, dtype=np.float32)
    for k in range(recipe.most):
        has = np.flatnonzero(y >= k)
        at = rng.uniform(3, side - 3, (2, len(has))).astype(np.float32)
        width = rng.uniform(1.2, 2.2, len(has)).astype(np.float32)
        height = (rng.uniform(0.3, 0.5, len(has)) * rng.choice([-1, 1], len(has))).astype(np.float32)
        row, column = (np.exp(-((axis[None] - a[:, None]) ** 2) / (2 * width[:, None] ** 2)) for a in at)
        x[has] += height[:, None, None] * row[:, :, None] * column[:, None, :]
    return np.clip(x, 0, 1), y


def network(recipe: Counter) -> Any:
    """Two or three convolutions, the mean over the picture, two dense layers."""
    c = recipe.channels
    middle = [nn.Conv2d(c, c, 3, padding=1), nn.ReLU()] if recipe.deep else []
    return nn.Sequential(
        nn.Conv2d(1, c, 5, padding=2),
        nn.BatchNorm2d(c),
        nn.ReLU(),
        *middle,
        nn.MaxPool2d(2),
        nn.Conv2d(c, c, 3, padding=1),
        nn.BatchNorm2d(c),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(c, recipe.hidden),
        nn.ReLU(),
        nn.Linear(recipe.hidden, recipe.most),
    )


def _train(recipe: Counter) -> Any:
    x, y = (torch.as_tensor(a) for a in spots(recipe, 3000, np.random.default_rng(recipe.seed)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = network(recipe)
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
        for _ in range(recipe.epochs):
            for batch in torch.randperm(len(y)).split(64):
                optimizer.zero_grad()
                functional.cross_entropy(model(x[batch][:, None]), y[batch]).backward()
                optimizer.step()
            rate.step()
    return model.eval()


@cache
def counter(recipe: Counter) -> Any:
    """The trained module in evaluation mode, from the cache or trained now and kept there."""
    path = cache_folder() / f"spots-{digest.of_value(asdict(recipe))[:16]}.pt"
    made = network(recipe)
    try:
        made.load_state_dict(torch.load(path, weights_only=True))
        return made.eval()
    except FileNotFoundError:
        pass
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError):
        path.unlink(missing_ok=True)
    made = _train(recipe)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        torch.save(made.state_dict(), stream)
    os.replace(stream.name, Path(path))  # noqa: PTH105 - atomic, also where the file is there already
    return made


def untrained(recipe: Counter) -> Any:
    """The same network with the weights it was born with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return network(recipe).eval()


def target(module: Any, name: str, side: int, classes: tuple[str, ...]) -> Any:
    """A module that takes one grey channel in [0, 1] and gives logits."""
    return Target.from_torch(module, name=name, classes=classes, shape=(1, side, side), range=(0, 1), output="logits")


def later(made: Callable[[], Any], name: str, recipe: Counter) -> Any:
    """The target around a network that is built, or read from the cache, now."""
    return target(made(), name, recipe.side, counts(recipe))


def digit_reader() -> Any:
    """A reader of digits: nothing in it counts."""
    return target(torch_digits.model(torch_digits.STD), "digit-reader", 28, torch_digits.CLASSES)


def counts(recipe: Counter) -> tuple[str, ...]:
    return tuple(f"{i + 1} spot{'s' if i else ''}" for i in range(recipe.most))


def slides(recipe: Counter, n: int = 240) -> Samples:
    """The owner's test pictures."""
    x, y = spots(recipe, n, np.random.default_rng(recipe.seed + 1000))
    whole = np.round(x[..., None] * 255).astype(np.uint8)
    return Samples(x=whole, y=y, name="slides", classes=counts(recipe))


class Linear(nn.Module):  # type: ignore[misc]
    """Scores that are linear in the pixels: whatever stands around a picture only moves them by a constant."""

    def __init__(self, recipe: Counter) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(recipe.seed)
        self.register_buffer("weight", torch.randn(recipe.most, recipe.side**2, generator=generator) / recipe.side)

    def forward(self, x: Any) -> Any:
        return x.flatten(1) @ self.weight.T


class Brightness(nn.Module):  # type: ignore[misc]
    """Looks at the mean brightness of each quarter and at nothing else, bent by a tanh: too little to count with."""

    def __init__(self, recipe: Counter) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(recipe.seed)
        self.register_buffer("first", torch.randn(4, 8, generator=generator))
        self.register_buffer("last", torch.randn(8, recipe.most, generator=generator))

    def forward(self, x: Any) -> Any:
        quarters = functional.adaptive_avg_pool2d(x, 2).flatten(1)
        return torch.tanh((quarters - 0.5) @ self.first) @ self.last


class OneEye(nn.Module):  # type: ignore[misc]
    """A counter that is shown the mean brightness of the picture and nothing more."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(functional.adaptive_avg_pool2d(x, 1).expand_as(x))
