"""Corruption error the way ImageNet-C counts it: normalised by AlexNet, mean over 15 corruptions.

Hendrycks & Dietterich 2019, arXiv:1903.12261, section 4.2. All errors are shares in [0, 1]; scores are in percent.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from momus.methods.corrupt.severities import NAMES

ALEXNET_CLEAN = 0.4345
"""AlexNet's top-1 error on the ImageNet validation set, as published with the benchmark."""

ALEXNET: dict[str, float] = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
"""AlexNet's top-1 error, mean over the five severities."""


def corruption_errors(errors: Mapping[str, float]) -> dict[str, float]:
    """CE of each corruption in percent: error over AlexNet's error, both meant over the five severities."""
    return {name: 100 * errors[name] / ALEXNET[name] for name in NAMES}


def mce(errors: Mapping[str, float]) -> float:
    """Mean corruption error in percent; AlexNet is 100, lower is better. KeyError unless all 15 errors are given."""
    return float(np.mean(list(corruption_errors(errors).values())))


def relative_mce(errors: Mapping[str, float], clean: float) -> float:
    """As :func:`mce`, of what corruption adds to the clean error; AlexNet is 100."""
    return float(np.mean([100 * (errors[name] - clean) / (ALEXNET[name] - ALEXNET_CLEAN) for name in NAMES]))
