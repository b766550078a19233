"""The study's three recognisers: softmax regression, a hidden layer of 3,000 sigmoids, and a softmax over a denoising
autoencoder's two encoding layers (1,000 and 300 sigmoids). ``train.py`` fills weights/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

PIXELS, PEOPLE = 112 * 92, 40
WEIGHTS = Path(__file__).resolve().parent / "weights"
KINDS = ("softmax", "mlp", "dae")


def encoder() -> Any:
    return nn.Sequential(nn.Linear(PIXELS, 1000), nn.Sigmoid(), nn.Linear(1000, 300), nn.Sigmoid())


def network(kind: str) -> Any:
    """Grey photos (n, 1, 112, 92) in [0, 1] -> logits (n, 40)."""
    if kind == "softmax":
        return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, PEOPLE))
    if kind == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 3000), nn.Sigmoid(), nn.Linear(3000, PEOPLE))
    return nn.Sequential(nn.Flatten(), encoder(), nn.Linear(300, PEOPLE))


def build(kind: str) -> Any:
    """The network with the weights that train.py left."""
    file = WEIGHTS / f"{kind}.pt"
    if not file.exists():
        raise FileNotFoundError(f"weights/{file.name} is missing: run python examples/face-inversion/train.py")
    made = network(kind)
    made.load_state_dict(torch.load(file, weights_only=True))
    return made.eval()
