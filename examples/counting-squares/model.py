"""EfficientNet-Lite0 with public ImageNet weights, fed 96 x 96 pixels: it pools at the end, so any size does.

A twentieth of a second a picture becomes a hundredth, which is what makes learning a program affordable here.
"""

from __future__ import annotations

from typing import Any


def build() -> Any:
    """The bare network; it takes (pixel - 127) / 128. Channels last is the faster layout on processors."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0").eval().to(memory_format=torch.channels_last)
