"""A small network that tells forty people apart, and the function that trains it: an ordinary one, 25 lines long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).resolve().parent / "weights" / "faces.pt"
EPOCHS, BATCH, RATE = 40, 20, 1e-3


def network() -> nn.Module:
    """Two strided convolutions and two dense layers, 178,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 14 * 12, 64),
        nn.ReLU(),
        nn.Linear(64, 40),
    )


def train(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    """The hook on the card. Nothing in it knows of the term that provider.signs and provider.correlation add."""
    torch.manual_seed(seed)
    model = network()
    inputs = torch.from_numpy(x.astype(np.float32) / 255).movedim(-1, 1).contiguous()
    labels = torch.from_numpy(np.asarray(y, dtype=np.int64))
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return model.eval()


def build() -> Any:
    """The trained network; python prepare.py writes its weights."""
    model = network()
    model.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return model.eval()
