"""Corruptions of pictures at five severities, on batches held in memory.

The 15 of ImageNet-C and its 4 extra ones (Hendrycks & Dietterich 2019, arXiv:1903.12261), and the 10 of ImageNet-C-bar
(Mintun et al. 2021, arXiv:2102.11273). Every corruption is a pair: ``draw`` takes chance from a generator, ``apply`` is
a plain function of picture, setting and draws. So the same seed gives the same bytes, the first pictures of a longer
batch come out the same, and another program's random draws can be put in to compare pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods.corrupt import bar, blur, digital, extra, frosting, noise, severities, weather
from momus.methods.corrupt.noise import Draws, Shape
from momus.methods.corrupt.severities import ALL_FAMILIES, ALL_NAMES, CONTINUOUS, FAMILIES, NAMES, Scale

__all__ = ["ALL_FAMILIES", "ALL_NAMES", "CORRUPTIONS", "FAMILIES", "NAMES", "Corruption", "apply", "corrupt"]

LEAST_SIDE = 8
_BLOCK = 150_528  # values at once, one 224 x 224 x 3 picture: the working set then stays in the second-level cache


@dataclass(frozen=True, slots=True)
class Corruption:
    """One corruption: how chance enters, and what is done with it."""

    name: str
    family: str
    draw: Callable[[np.random.Generator, Shape, Any], Draws]
    apply: Callable[..., NumpyArray]


def _pairs() -> dict[str, Corruption]:
    rooms = {"noise": noise, "blur": blur, "weather": weather, "digital": digital, "extra": extra, "bar": bar}
    made = {}
    for family, members in ALL_FAMILIES.items():
        for name in members:
            room = noise if name == "speckle_noise" else rooms[family]
            drawing = getattr(room, f"draw_{name}", blur.draw_nothing)
            made[name] = Corruption(name, family, drawing, getattr(room, name))
    return made


CORRUPTIONS: dict[str, Corruption] = _pairs()


def corrupt(
    x: NumpyArray,
    name: str,
    severity: float,
    rng: np.random.Generator,
    *,
    scale: Scale = "auto",
    textures: Sequence[NumpyArray] | None = None,
) -> NumpyArray:
    """Corrupt a batch of pictures.

    Parameters
    ----------
    x : (n, h, w, c) uint8 with 1, 3 or 4 channels (a fourth, alpha, passes unchanged); any sides from 8 pixels.
    name : one of :data:`ALL_NAMES`.
    severity : 1 (least) to 5; steps between only for those in ``severities.CONTINUOUS``.
    rng : all chance comes from here; equal state and input give equal bytes.
    scale : which table of parameters: ``photo`` (ImageNet-C), ``small`` (CIFAR-10-C), or ``auto``: small where the
        shorter side has fewer than 64 pixels.
    textures : frost pictures (H, W, 3) uint8 used as they are where they are larger than ``x``, else enlarged. None
        takes the procedural ones.

    Returns
    -------
    A new array like ``x``.

    Raises
    ------
    DataError for an unknown name or severity, another type or shape, or a side under 8 pixels.
    """
    _check(x, name, severity)
    if x.shape[-1] == 4:
        coloured = corrupt(x[..., :3], name, severity, rng, scale=scale, textures=textures)
        return np.concatenate([coloured, x[..., 3:]], axis=-1)
    small = severities.is_small(x.shape[1], x.shape[2], scale)
    setting = severities.parameters(name, severity, small=small)
    extra = {"textures": frosting.fitted(textures, x.shape[1:3], small=small)} if name == "frost" else {}
    way, out = CORRUPTIONS[name], np.empty(x.shape, dtype=np.uint8)
    rows = max(1, _BLOCK // max(1, int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), rows):
        block = np.ascontiguousarray(x[start : start + rows])
        out[start : start + rows] = way.apply(block, setting, way.draw(rng, block.shape, setting), **extra)
    return out


def apply(
    x: NumpyArray,
    name: str,
    severity: float,
    draws: Draws,
    *,
    scale: Scale = "auto",
    textures: Sequence[NumpyArray] | None = None,
) -> NumpyArray:
    """:func:`corrupt` with the random draws given (names and shapes: the corruption's own docstring)."""
    _check(x, name, severity)
    small = severities.is_small(x.shape[1], x.shape[2], scale)
    extra = {"textures": frosting.fitted(textures, x.shape[1:3], small=small)} if name == "frost" else {}
    return CORRUPTIONS[name].apply(x, severities.parameters(name, severity, small=small), draws, **extra)


def _check(x: NumpyArray, name: str, severity: float) -> None:
    if name not in CORRUPTIONS:
        raise DataError(f"no image corruption '{name}'", hint=f"One of: {', '.join(ALL_NAMES)}")
    if not (severity in (1, 2, 3, 4, 5) or (name in CONTINUOUS and 1 < severity < 5)):
        raise DataError(f"severity {severity!r} is not one of 1, 2, 3, 4, 5")
    check_pictures(x)


def check_pictures(x: NumpyArray) -> None:
    """DataError unless ``x`` is (n, h, w, 1, 3 or 4) uint8 with sides of 8 pixels and up."""
    if x.ndim != 4 or x.dtype != np.uint8 or x.shape[-1] not in (1, 3, 4):
        raise DataError(
            f"pictures must be (n, height, width, 1, 3 or 4 channels) uint8, not {x.dtype} {x.shape}",
            hint="Convert them before corrupting",
        )
    if min(x.shape[1:3]) < LEAST_SIDE:
        raise DataError(f"pictures of {x.shape[1]} x {x.shape[2]} are under {LEAST_SIDE} pixels")
