"""A small convolving network that names the sign in a picture of 48 x 48."""

from __future__ import annotations

from typing import Any


def build() -> Any:
    """The bare network, 13 outputs, untrained; it takes pictures in [0, 1]."""
    from torch import nn

    def layer(a: int, b: int) -> list[Any]:
        return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *layer(3, 16),
        *layer(16, 32),
        *layer(32, 64),
        nn.Flatten(),
        nn.Linear(64 * 36, 64),
        nn.ReLU(),
        nn.Linear(64, 13),
    ).eval()
