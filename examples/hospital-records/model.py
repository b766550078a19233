"""The network of Shokri et al.'s own targets: one hidden layer of 128 units with tanh, behind a fixed scaling."""

from __future__ import annotations

import torch

FEATURES, CONDITIONS = 88, 46


class Scaled(torch.nn.Module):
    """Counts and days, long-tailed, as logarithms of their size."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sign(x) * torch.log1p(x.abs())


def build() -> torch.nn.Module:
    """The network untrained."""
    hidden = torch.nn.Linear(FEATURES, 128)
    return torch.nn.Sequential(Scaled(), hidden, torch.nn.Tanh(), torch.nn.Linear(128, CONDITIONS))
