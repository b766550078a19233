"""Trains the three recognisers on seven photos a person: python train.py (three to five minutes of one core)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from model import KINDS, PIXELS, WEIGHTS, encoder, network
from torch import nn
from torch.nn import functional

from data import kept, learned

STEPS = {"softmax": 300, "mlp": 40, "dae": 100}  # of Adam on all 280 photos at once
AUTOENCODER, NOISE = 60, 0.1  # steps, and the deviation of the noise it takes away


def tensors(samples: Any) -> tuple[Any, Any]:
    x = torch.from_numpy(np.moveaxis(samples.x, -1, 1).astype(np.float32) / 255)
    return x, torch.from_numpy(samples.y)


def pretrained(x: Any) -> Any:
    """An encoder whose decoder gives back the photo without the noise."""
    inner = encoder()
    outer = nn.Sequential(nn.Linear(300, 1000), nn.Sigmoid(), nn.Linear(1000, PIXELS), nn.Sigmoid())
    optimizer = torch.optim.Adam([*inner.parameters(), *outer.parameters()], 1e-3)
    flat = x.flatten(1)
    for _ in range(AUTOENCODER):
        optimizer.zero_grad()
        functional.mse_loss(outer(inner(flat + NOISE * torch.randn_like(flat))), flat).backward()
        optimizer.step()
    return inner


def train(kind: str, x: Any, y: Any) -> Any:
    torch.manual_seed(0)
    made = network(kind)
    if kind == "dae":
        made[1] = pretrained(x)
    optimizer = torch.optim.Adam(made.parameters(), 1e-3)
    for _ in range(STEPS[kind]):
        optimizer.zero_grad()
        functional.cross_entropy(made(x), y).backward()
        optimizer.step()
    return made.eval()


def main() -> None:
    torch.set_num_threads(1)
    WEIGHTS.mkdir(exist_ok=True)
    x, y = tensors(learned())
    kept_x, kept_y = tensors(kept())
    for kind in KINDS:
        made = train(kind, x, y)
        with torch.no_grad():
            right = float((made(kept_x).argmax(1) == kept_y).float().mean())
        torch.save(made.state_dict(), WEIGHTS / f"{kind}.pt")
        print(f"weights/{kind}.pt  right on {right:.3f} of the photos kept back", flush=True)


if __name__ == "__main__":
    main()
