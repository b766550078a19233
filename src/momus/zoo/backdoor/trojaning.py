"""Twins for backdoor.trojaning: networks that see the whole picture, and such as never see the trigger's place.

What is planted is that the network can be changed: any network whose last layer a corner of the picture reaches.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from momus.core.samples import Samples
from momus.targets.torch_open import torch_target
from momus.zoo import Case, Later
from momus.zoo.backdoor import _data, _learners, _networks

FRAME = 5  # pixels at the edge that the clean twins do not look at


class Framed(nn.Module):  # type: ignore[misc]
    """Paints a grey frame over the edge before the network looks."""

    def __init__(self, inside: Any) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Any) -> Any:
        seen = torch.full_like(x, 0.5)
        middle = (slice(None), slice(None), slice(FRAME, -FRAME), slice(FRAME, -FRAME))
        seen[middle] = x[middle]
        return self.inside(seen)


def network(family: str, rows: Samples, seed: int, *, framed: bool = False, epochs: float = 8) -> Any:
    """A trained network of a family; ``framed`` ones do not see the edge."""
    h, w, c = rows.x.shape[1:]

    def build() -> Any:
        made = _networks.build(family, (c, h, w), len(rows.classes))
        return Framed(made) if framed else made

    recipe = {"build": build, "epochs": epochs, "batch": 32, "optimiser": "adam", "lr": 3e-3}
    name = f"{family}{', framed' if framed else ''}"
    target: Any = torch_target(build(), name=name, classes=rows.classes, samples=rows, output="logits", recipe=recipe)
    return target.retrain(rows.x, rows.y, seed=seed)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: networks with pairs of small filters, and with short cuts. Clean: the same behind a frame."""
    rows = {role: _data.pictures("shapes", role, n, seed) for role, n in (("train", 900), ("test", 250))}
    digits = _learners.digits(seed)
    test = {"test": rows["test"]}
    quick = {"wanted": 2}
    edge = {"wanted": 2, "share": 0.02}
    return (
        Case("pairs of small filters", True, Later(partial(network, "vgg", rows["train"], seed)), test, quick),
        Case(
            "a frame over the edge", False, Later(partial(network, "vgg", rows["train"], seed, framed=True)), test, edge
        ),
        Case(
            "short cuts", True, Later(partial(network, "residual", rows["train"], seed)), test, quick, held_out=True
        ),
        Case(
            "the edge cut off", False, Later(partial(_learners.network, digits["train"], seed, middle=True)),
            {"test": digits["test"]}, {"wanted": 2, "share": 0.007}, held_out=True,
        ),
    )  # fmt: skip
