"""Frost on glass, grown by program: six textures that stand in for the photographs of ImageNet-C.

The published frost pictures belong to others. These are drawn: feathery ice (stems with side branches at 60 degrees,
and branches on those), grains of rime, and a slow cloud for its thickness, coloured between two tones. Brightness and
spread of each roughly follow the published six, so that the corruption bites about as hard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from momus.core.samples import NumpyArray

HEIGHT, WIDTH = 448, 640
SMALL_SHARE = 5  # small pictures get the textures at a fifth of the size, as CIFAR-10-C does


@dataclass(frozen=True, slots=True)
class Ice:
    """How one texture grows. ``dark`` and ``bright`` are its 5% and 95% tones (red, green, blue)."""

    seed: int
    stems: int
    length: float
    rime: float
    cloud: float
    dark: tuple[int, int, int]
    bright: tuple[int, int, int]


ICES: tuple[Ice, ...] = (
    Ice(1, 90, 150.0, 0.25, 0.5, (38, 124, 142), (122, 174, 190)),
    Ice(2, 160, 110.0, 0.35, 0.6, (164, 166, 173), (232, 236, 244)),
    Ice(3, 110, 170.0, 0.30, 0.6, (160, 164, 172), (234, 237, 245)),
    Ice(4, 70, 130.0, 0.45, 0.4, (92, 106, 116), (188, 203, 216)),
    Ice(5, 120, 120.0, 0.40, 0.5, (46, 58, 68), (192, 200, 212)),
    Ice(6, 60, 190.0, 0.30, 0.5, (20, 36, 44), (136, 168, 186)),
)


@lru_cache(maxsize=len(ICES))
def texture(ice: Ice) -> NumpyArray:
    """(448, 640, 3) uint8, read-only; the same bytes each time."""
    rng = np.random.Generator(np.random.PCG64(ice.seed))
    canvas = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(canvas)
    for _ in range(ice.stems):
        root = rng.uniform((-40, -40), (WIDTH + 40, HEIGHT + 40))
        _branch(pen, rng, root, rng.uniform(0, 2 * math.pi), rng.uniform(0.4, 1.0) * ice.length, 255, 3)
    feathers = ndimage.gaussian_filter(np.asarray(canvas, dtype=np.float64) / 255, 0.6)
    feathers += 0.6 * ndimage.gaussian_filter(feathers, 5.0)
    grains = ndimage.gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), 0.8)
    grains = grains / grains.std() + _scaled(rng, 3.0)
    depth = feathers / feathers.std() + ice.rime * grains + ice.cloud * (_scaled(rng, 24.0) + _scaled(rng, 60.0))
    low, high = np.quantile(depth, [0.05, 0.95])
    share = ((depth - low) / (high - low))[..., None]
    tone = np.array(ice.dark) + share * (np.array(ice.bright) - np.array(ice.dark))
    made: NumpyArray = np.clip(np.round(tone), 0, 255).astype(np.uint8)
    made.setflags(write=False)
    return made


def _scaled(rng: np.random.Generator, sigma: float) -> NumpyArray:
    """Smooth noise with unit spread."""
    field: NumpyArray = ndimage.gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), sigma)
    field /= field.std()
    return field


def _branch(
    pen: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    root: NumpyArray,
    angle: float,
    length: float,
    light: int,
    order: int,
) -> None:
    """A slightly bent stem with side branches that shorten towards its tip, ``order`` generations of them."""
    joints = max(int(length / (3 + 2 * order)), 1)
    at, step = np.asarray(root, dtype=float), length / joints
    for joint in range(joints):
        angle += rng.normal(0, 0.03)
        ahead = at + step * np.array([math.cos(angle), math.sin(angle)])
        pen.line([*at, *ahead], fill=light, width=1)
        at = ahead
        reach = length * 0.35 * (1 - joint / joints)
        if order > 1 and reach > 3:
            for side in (-1, 1):
                if rng.random() < 0.75:
                    _branch(pen, rng, at, angle + side * math.pi / 3, reach, int(light * 0.75), order - 1)


def fitted(textures: Sequence[NumpyArray] | None, size: tuple[int, ...], *, small: bool) -> tuple[NumpyArray, ...]:
    """Textures of which a random cut of ``size`` can be taken: shrunk for small pictures, enlarged where too small."""
    given = tuple(textures) if textures else tuple(texture(ice) for ice in ICES)
    if small and not textures:
        given = tuple(np.asarray(Image.fromarray(t).reduce(SMALL_SHARE)) for t in given)
    return tuple(_covering(t, size) for t in given)


def _covering(texture_: NumpyArray, size: tuple[int, ...]) -> NumpyArray:
    """The texture, enlarged by a tenth more than needed where a side does not exceed the picture's."""
    if texture_.shape[0] > size[0] and texture_.shape[1] > size[1]:
        return texture_
    factor = 1.1 * max(size[0] / texture_.shape[0], size[1] / texture_.shape[1])
    new = math.ceil(texture_.shape[1] * factor), math.ceil(texture_.shape[0] * factor)
    return np.asarray(Image.fromarray(texture_).resize(new, Image.Resampling.BICUBIC))
