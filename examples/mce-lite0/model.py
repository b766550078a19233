"""EfficientNet-Lite0: 4.65 million parameters, 1,000 ImageNet classes. The weights come from the card."""

from __future__ import annotations

from typing import Any


def build() -> Any:
    """The bare network; it takes (pixel - 127) / 128, not ImageNet's mean and spread (those cost 15 points here)."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0").eval()
