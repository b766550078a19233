"""The networks of this case, built from weights that other cases brought: nothing is trained here.

The four small networks for clothing are those of ``examples/equal-accuracy``; the photo classifier is that of
``examples/photo-classifier``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).resolve().parent.parent / "equal-accuracy" / "weights.npz"


def clothes(kind: str) -> Any:
    """dense (one hidden layer), strided (two strided convolutions), noisy (as strided, trained on noisy pictures)."""
    if kind == "dense":
        made = nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 10))
    else:
        made = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 49, 24),
            nn.ReLU(),
            nn.Linear(24, 10),
        )
    with np.load(WEIGHTS) as kept:
        for i, parameter in enumerate(made.parameters()):
            parameter.data = torch.from_numpy(kept[f"{kind}.{i}"].astype(np.float32))
    return made.eval()


def photos() -> Any:
    """EfficientNet-Lite0, 1,000 ImageNet classes; the card names the weights."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0").eval()
