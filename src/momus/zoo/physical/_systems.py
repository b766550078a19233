"""Small picture classifiers that a patch can turn, and such as no patch of its size can: both by construction.

The pictures are surfaces with stripes in one of four directions, faint and noisy, in random colours. Every piece of a
picture shows its class, so a classifier can look at all of it, or be ruled by the loudest place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core.samples import Samples
from momus.targets import Target
from momus.zoo import torch_digits
from momus.zoo.torch_digits import Recipe

CLASSES = ("level", "rising", "upright", "falling")
SIZE = (32, 44)
PERIOD = 4.0


def stripes(seed: int, n: int = 40, *, size: tuple[int, int] = SIZE, channels: int = 3) -> Samples:
    """``n`` pictures, equally many of each class; the stripes differ by 0.2 to 0.3 from their ground."""
    rng = np.random.default_rng(seed)
    h, w = size
    y = rng.permutation(np.arange(n) % len(CLASSES))
    rows, columns = np.mgrid[:h, :w]
    x = np.empty((n, h, w, channels))
    for i, kind in enumerate(y):
        angle = math.pi / 2 - kind * math.pi / 4
        along = (columns * math.cos(angle) + rows * math.sin(angle)) * 2 * math.pi / PERIOD
        wave = np.sin(along + rng.uniform(0, 2 * math.pi))[..., None]
        x[i] = rng.uniform(0.35, 0.65, channels) + rng.uniform(0.1, 0.15, channels) * wave
    x = np.clip(x + rng.normal(0, 0.02, x.shape), 0, 1)
    return Samples(x=np.round(x * 255).astype(np.uint8), y=y, name="stripes", classes=CLASSES)


class Directions(nn.Module):  # type: ignore[misc]
    """How strong the stripes of each direction are at each place, (n, 4, h', w'): pairs of waves in a soft window."""

    def __init__(self, channels: int, side: int = 7) -> None:
        super().__init__()
        at = torch.arange(side) - (side - 1) / 2
        rows, columns = torch.meshgrid(at, at, indexing="ij")
        window = torch.exp(-(rows**2 + columns**2) / (2 * (side / 4) ** 2))
        waves = []
        for kind in range(len(CLASSES)):
            angle = math.pi / 2 - kind * math.pi / 4
            along = (columns * math.cos(angle) + rows * math.sin(angle)) * 2 * math.pi / PERIOD
            for phase in (0.0, math.pi / 2):
                wave = window * torch.sin(along + phase)
                wave = wave - window * (wave.sum() / window.sum())  # blind to brightness
                waves.append(wave / (wave * torch.sin(along + phase)).sum())  # 1 for a wave of amplitude 1
        kernel = torch.stack(waves)[:, None].repeat(1, channels, 1, 1) / channels
        self.register_buffer("kernel", kernel)

    def forward(self, x: Any) -> Any:
        y = functional.conv2d(x, self.kernel) ** 2
        return y[:, 0::2] + y[:, 1::2]


class Classifier(nn.Module):  # type: ignore[misc]
    """From strengths to one answer.

    ``loudest``: the strongest place, softly. ``mean``: the mean strength, which has no bound either: a patch of full
    contrast is sixteen times as strong as the stripes and wins from a tenth of the picture. ``votes``: each place gives
    one vote at most, so that a patch which touches a third of the places moves two classes by two thirds at most while
    the clean ones lie more than that apart. ``capped``: the mean strength, but no place counts for more than a faint
    stripe does.
    """

    def __init__(self, how: str, channels: int) -> None:
        super().__init__()
        self.how, self.see = how, Directions(channels)

    def forward(self, x: Any) -> Any:
        y = self.see(x)
        if self.how == "loudest":
            return 200 * torch.logsumexp(y.flatten(2) * 200, dim=2) / 200
        if self.how == "mean":
            return 2000 * y.mean((2, 3))
        if self.how == "capped":
            return 10 * torch.tanh(y / 0.004).mean((2, 3))
        share = y / (y.sum(dim=1, keepdim=True) + 1e-4)
        return 10 * functional.softmax(12 * share, dim=1).mean((2, 3))


class Saturated(nn.Module):  # type: ignore[misc]
    """Logits times ten thousand: the softmax is 0 or 1 exactly and cross-entropy has no gradient."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x) * 1e4


def target(how: str, *, size: tuple[int, int] = SIZE, channels: int = 3, saturated: bool = False) -> Any:
    """A classifier of stripes as a target."""
    module = Classifier(how, channels).eval()
    return Target.from_torch(
        Saturated(module) if saturated else module,
        name=f"stripes-{how}{'-saturated' if saturated else ''}",
        classes=CLASSES,
        shape=(channels, *size),
        range=(0, 1),
        output="logits",
    )


def digits(seed: int) -> Any:
    """A plain trained digit network on 8 x 8 pictures."""
    return Target.from_torch(
        torch_digits.model(Recipe(seed=seed, side=8, epochs=12, channels=8, hidden=32)),
        name="digits",
        classes=torch_digits.CLASSES,
        shape=(1, 8, 8),
        range=(0, 1),
        output="logits",
    )


def halves(seed: int, n: int = 40, size: tuple[int, int] = (20, 14)) -> Samples:
    """Pictures, not square, bright above or below: mean grey 0.85 against 0.15."""
    rng = np.random.default_rng(seed)
    h, w = size
    y = rng.permutation(np.arange(n) % 2)
    x = np.where((np.arange(h) < h // 2)[None, :, None] == (y == 0)[:, None, None], 0.85, 0.15)
    x = np.clip(np.broadcast_to(x, (n, h, w)) + rng.normal(0, 0.03, (n, h, w)), 0, 1)
    return Samples(x=np.round(x[..., None] * 255).astype(np.uint8), y=y, name="halves", classes=("above", "below"))


def halves_target(size: tuple[int, int] = (20, 14)) -> Any:
    """Compares the halves' brightness: a patch of a fifth of the picture moves the difference by less than it is."""
    h, w = size
    module = nn.Sequential(nn.Flatten(), nn.Linear(h * w, 2, bias=False))
    weight = torch.full((h, w), -1.0)
    weight[: h // 2] = 1.0
    with torch.no_grad():
        module[1].weight.copy_(torch.stack([weight.flatten(), -weight.flatten()]) / (h * w) * 10)
    return Target.from_torch(
        module, name="halves", classes=("above", "below"), shape=(1, h, w), range=(0, 1), output="logits"
    )
