"""Cases for perturbation.sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from momus.core.samples import Samples
from momus.targets import Target
from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _systems as systems

FEW = {"queries": 500, "n": 60}


class Brightest(nn.Module):  # type: ignore[misc]
    """Judges a picture by its brightest pixel: one lamp decides."""

    def forward(self, x: Any) -> Any:
        top = x.flatten(1).amax(dim=1)
        return torch.stack([0.9 - top, top - 0.9], dim=1)


class Mean(nn.Module):  # type: ignore[misc]
    """A value: a hundred times the mean grey level."""

    def forward(self, x: Any) -> Any:
        return 100 * x.flatten(1).mean(dim=1, keepdim=True)


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Networks and a lamp that few pixels turn; averages over many pixels that few cannot move."""
    test = {"test": torch_digits.samples(200, systems.SIDE)}
    lamp, lit = _lamp(seed)
    grey, rooms = _grey(seed)
    return (
        Case("plain-cnn", True, systems.digits(systems.PLAIN, "plain-cnn", seed), test, {"pixels": 4, **FEW}),
        Case("wide-margin", False, systems.halves_target(), {"test": systems.halves(seed)}, {"pixels": 6, **FEW}),
        Case(
            "plain-mlp",
            True,
            systems.digits(systems.PLAIN_MLP, "plain-mlp", seed),
            test,
            {"pixels": 4, **FEW},
            held_out=True,
        ),
        Case("one-lamp", True, lamp, lit, {"pixels": 1, **FEW}, held_out=True),
        Case("grey-value", False, grey, rooms, {"pixels": 2, "tolerance": 5.0, **FEW}, held_out=True),
        Case(
            "wide-margin-tall",
            False,
            systems.halves_target(12, 8),
            {"test": systems.halves(seed + 1, 12, 8)},
            {"pixels": 8, **FEW},
            held_out=True,
        ),
    )


def _lamp(seed: int) -> tuple[Any, dict[str, Samples]]:
    rng = np.random.default_rng(seed)
    y = np.arange(80) % 2
    x = rng.integers(0, 120, (80, 9, 7, 3))
    x[y == 1, 4, 3] = 255
    target = Target.from_torch(
        Brightest(), name="lamp", classes=("dark", "lit"), shape=(3, 9, 7), range=(0, 1), output="logits"
    )
    return target, {"test": Samples(x=x.astype(np.uint8), y=y, name="lamps", classes=("dark", "lit"))}


def _grey(seed: int) -> tuple[Any, dict[str, Samples]]:
    rng = np.random.default_rng(seed)
    x = rng.integers(60, 200, (60, 10, 10, 1)).astype(np.uint8)
    target = Target.from_torch(Mean(), name="grey", task="regressor", shape=(1, 10, 10), range=(0, 1))
    return target, {"test": Samples(x=x, y=x.mean(axis=(1, 2, 3)) / 2.55, name="rooms")}
