"""A small network that tells forty people apart, and the function that trains it: an ordinary one of 15 lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).resolve().parent / "weights" / "faces.pt"
EPOCHS, BATCH, RATE, HIDDEN = 30, 20, 1e-3, 128
GREY, SPREAD = 0.44, 0.20  # of the photos' pixels, in [0, 1]


class Even(nn.Module):
    """Pixels in [0, 1] brought to mean 0 and spread 1."""

    def forward(self, x: Any) -> Any:
        return (x - GREY) / SPREAD


def network() -> nn.Module:
    """Two dense layers on all pixels, 335,016 weights."""
    return nn.Sequential(Even(), nn.Flatten(), nn.Linear(56 * 46, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 40))


def train(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    """The hook on the card. It knows neither of a term added to its loss nor which of its rows were made up."""
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
