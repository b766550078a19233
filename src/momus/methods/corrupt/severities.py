"""The published parameters of the corruptions, five severities each, for photographs and for small images.

``PHOTO`` is the table of ImageNet-C (Hendrycks & Dietterich 2019, arXiv:1903.12261) as its in-memory ports use it;
``SMALL`` is the table its authors made for CIFAR-10-C, where the photo parameters would leave nothing to see. ``BAR``
holds the strengths of ImageNet-C-bar (arXiv:2102.11273), whose lengths are shares of the side: one table for all sizes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Scale = Literal["auto", "photo", "small"]

SMALL_SIDE = 64
"""Images whose shorter side has fewer pixels take the small table under ``scale="auto"``."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
NAMES: tuple[str, ...] = tuple(name for members in FAMILIES.values() for name in members)
"""The fifteen that the mean corruption error is published over."""

EXTRA: tuple[str, ...] = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""ImageNet-C's own four more, meant for choosing a model before the fifteen are looked at."""

BAR: dict[str, tuple[float, ...]] = {
    "blue_noise_sample": (0.8, 1.6, 2.4, 4.0, 5.6),
    "brownish_noise": (1.0, 2.0, 3.0, 4.0, 5.0),
    "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
    "checkerboard_cutout": (2.0, 3.0, 4.0, 5.0, 6.0),
    "cocentric_sine_waves": (3.0, 5.0, 8.0, 9.0, 10.0),
    "inverse_sparkles": (1.0, 2.0, 4.0, 9.0, 10.0),
    "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
    "plasma_noise": (4.75, 7.0, 8.5, 9.25, 10.0),
    "single_frequency_greyscale": (1.0, 1.5, 2.0, 4.5, 5.0),
    "sparkles": (1.0, 2.0, 3.0, 5.0, 6.0),
}

ALL_FAMILIES: dict[str, tuple[str, ...]] = {**FAMILIES, "extra": EXTRA, "bar": tuple(BAR)}
ALL_NAMES: tuple[str, ...] = tuple(name for members in ALL_FAMILIES.values() for name in members)


def _steps(stop: float, step: float) -> tuple[float, ...]:
    """Zoom factors 1, 1 + step, ... below the stop.

    In floating point, as published: at stops 1.11 and 1.06 rounding lets the stop itself in, and where a zoomed side
    falls between two pixels the last digit of a factor decides.
    """
    return tuple(float(f) for f in np.arange(1, stop, step))


PHOTO: dict[str, tuple[Any, ...]] = {
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),  # standard deviation, share of full scale
    "shot_noise": (60.0, 25.0, 12.0, 5.0, 3.0),  # photons at full scale
    "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),  # share of values replaced
    "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),  # disk radius px, alias sigma px
    "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),  # sigma, reach px, rounds
    "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),  # radius px, sigma px
    "zoom_blur": (
        _steps(1.11, 0.01),
        _steps(1.16, 0.01),
        _steps(1.21, 0.02),
        _steps(1.26, 0.02),
        _steps(1.31, 0.03),
    ),
    # mean and spread of flakes, flake size, threshold, streak radius px, streak sigma px, share of the picture kept
    "snow": (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "frost": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),  # weight of picture, of frost
    "fog": ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),  # thickness, decay of the wobble per octave
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),  # added to the value channel
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),  # factor on the distance from the mean
    # amplitude (a factor on the displacement field, whose raw range is 0.5% of the height), smoothing as share of side
    "elastic_transform": (12.5, 16.25, 21.25, 25.0, 30.0),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),  # share of the side kept
    "jpeg_compression": (25, 18, 15, 10, 7),  # JPEG quality
    "speckle_noise": (0.15, 0.2, 0.35, 0.45, 0.6),  # standard deviation, share of the value itself
    "gaussian_blur": (1, 2, 3, 4, 6),  # sigma px
    # mean and spread of the layer, its blur px, threshold, weight (water) or blur of the mask px (mud), 1 for mud
    "spatter": (
        (0.65, 0.3, 4, 0.69, 0.6, 0),
        (0.65, 0.3, 3, 0.68, 0.6, 0),
        (0.65, 0.3, 2, 0.68, 0.5, 0),
        (0.65, 0.3, 1, 0.65, 1.5, 1),
        (0.67, 0.4, 1, 0.65, 1.5, 1),
    ),
    "saturate": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),  # factor on the saturation, then added to it
}

SMALL: dict[str, tuple[Any, ...]] = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500.0, 250.0, 100.0, 75.0, 50.0),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "zoom_blur": (_steps(1.06, 0.01), _steps(1.11, 0.01), _steps(1.16, 0.01), _steps(1.21, 0.01), _steps(1.26, 0.01)),
    "snow": (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "frost": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    # amplitude, smoothing sigma, affine jitter: shares of the side
    "elastic_transform": (
        (0.0, 0.0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    ),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg_compression": (80, 65, 58, 50, 40),
    "speckle_noise": (0.06, 0.1, 0.12, 0.16, 0.2),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1),
    "spatter": (
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ),
    "saturate": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
}

CONTINUOUS: frozenset[str] = frozenset(BAR) | {
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "motion_blur",
    "fog",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
}
"""Corruptions whose parameters all move one way from severity to severity, so that steps between have a meaning."""


def is_small(height: int, width: int, scale: Scale) -> bool:
    """Whether images of that size take the small table."""
    return scale == "small" or (scale == "auto" and min(height, width) < SMALL_SIDE)


def parameters(name: str, severity: float, *, small: bool) -> Any:
    """What the table says for one corruption at severity 1 to 5; between two, the straight line between their rows.

    JPEG quality is rounded to whole numbers. ValueError for a step between severities of a corruption that is not in
    :data:`CONTINUOUS`.
    """
    rows: tuple[Any, ...] = BAR[name] if name in BAR else (SMALL if small else PHOTO)[name]
    low = int(severity)
    if low == severity:
        return rows[low - 1]
    if name not in CONTINUOUS:
        raise ValueError(f"{name} has no steps between its severities")
    a, b, part = rows[low - 1], rows[low], severity - low
    if isinstance(a, tuple):
        return tuple((1 - part) * p + part * q for p, q in zip(a, b, strict=True))
    between = (1 - part) * a + part * b
    return round(between) if name == "jpeg_compression" else between
