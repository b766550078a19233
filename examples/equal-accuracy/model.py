"""Four networks of 20,000 to 25,000 weights that reach the same accuracy on Fashion-MNIST by different ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE / "weights.npz"


class Blur(nn.Module):
    """The mean over 3 x 3 pixels in front of everything else."""

    def forward(self, x: Any) -> Any:
        return nn.functional.avg_pool2d(x, 3, stride=1, padding=1)


def _convolutions(front: nn.Module) -> nn.Module:
    return nn.Sequential(
        front,
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 49, 24),
        nn.ReLU(),
        nn.Linear(24, 10),
    )


def network(kind: str) -> nn.Module:
    """The untrained module: dense, strided, blurred or noisy (as strided, trained on noisy pictures)."""
    if kind == "dense":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 10))
    return _convolutions(Blur() if kind == "blurred" else nn.Identity())


def build(kind: str) -> Any:
    """A trained network in evaluation mode, its weights read from weights.npz, which train.py writes."""
    made = network(kind)
    with np.load(WEIGHTS) as kept:
        for i, parameter in enumerate(made.parameters()):
            parameter.data = torch.from_numpy(kept[f"{kind}.{i}"].astype(np.float32))
    return made.eval()
