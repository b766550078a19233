"""Twins for inversion.update: clients that send their rows along, and clients whose update has lost them.

Clean are clients that add noise to what they send, and those that train a head alone on features that have forgotten
what a row looks like.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.capabilities import Array, to_numpy
from momus.core.digest import of_array
from momus.core.samples import Samples
from momus.methods.recovered_rows import noisy
from momus.zoo import Case
from momus.zoo.tables import NUMBERS, people


def noised(target: Any, share: float, seed: int) -> Any:
    """The same target whose clients clip their update to its length and add noise of that share of it."""

    class Noised(type(target)):  # type: ignore[misc]
        """Sends updates with noise: the same for the same rows, so that a run can be repeated."""

        def update(self, x: Array, y: Array, /) -> Mapping[str, Array]:
            sent = {k: to_numpy(v) for k, v in super().update(x, y).items()}
            own = int(of_array(to_numpy(x), np.asarray(y))[:8], 16)
            return noisy(share)(sent, np.random.default_rng([seed, own]))

    made = copy.copy(target)
    made.__class__ = Noised
    made._info = replace(target.info, name=f"{target.info.name} with noise", digest=f"{target.info.digest[:32]}{share}")
    return made


def numbers_only(samples: Samples) -> Samples:
    """The numeric columns alone."""
    return replace(samples, x=samples.x[:, : len(NUMBERS)], columns=samples.columns[: len(NUMBERS)])


def cases(seed: int) -> tuple[Case, ...]:
    """Dense and convolutional clients in the clear; the same behind noise; heads and biases alone."""
    import torch
    from torch import nn

    from momus.targets import Target
    from momus.zoo import torch_digits

    digits = torch_digits.samples(1297, 8, train=True)
    order = np.random.default_rng(seed).permutation(len(digits))
    digits = digits.take(order)
    table = numbers_only(people(2500, np.random.default_rng(seed), name="train"))

    def opened(module: Any, samples: Samples, name: str) -> Any:
        return Target.from_torch(module, name=name, classes=samples.classes, samples=samples)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        dense = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 10))
        lenet = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.Sigmoid(), nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid(),
            nn.Flatten(), nn.Linear(512, 10),
        )  # fmt: skip
        line = nn.Linear(6, 2)
        small = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
        pooled = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.Sigmoid(), nn.Conv2d(6, 6, 3, padding=1), nn.Sigmoid(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10),
        )  # fmt: skip
        biases = copy.deepcopy(lenet)
    for p in list(pooled.parameters())[:-2]:
        p.requires_grad_(False)
    for name, p in biases.named_parameters():
        p.requires_grad_(name.endswith("bias"))
    plain, rows = {"train": digits}, {"train": table}
    brief = {"steps": 40, "sweep": 0, "counters": 0}
    one, four = {**brief, "batch": 1}, {**brief, "batch": 4}
    shut = opened(dense, digits, "dense")
    return (
        Case("dense network, one row", True, shut, plain, one),
        Case("line on a table, one row", True, opened(line, table, "line"), rows, one),
        Case("dense network behind noise", False, noised(shut, 1.0, seed), plain, one),
        Case("head on pooled features", False, opened(pooled, digits, "pooled"), plain, {**four, "restarts": 1}),
        Case("wide network, four rows", True, opened(wide, digits, "wide"), plain, four, held_out=True),
        Case("sigmoid convolutions, one row", True, opened(lenet, digits, "lenet"), plain,
             {**one, "clients": 8, "restarts": 1}, held_out=True),
        Case("biases alone", False, opened(biases, digits, "biases"), plain, {**four, "restarts": 1}, held_out=True),
        Case("table network behind noise", False, noised(opened(small, table, "small"), 1.0, seed), rows, four,
             held_out=True),
    )  # fmt: skip
