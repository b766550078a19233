"""Weather: snow, frost on the lens, fog, glare (brightness)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.corrupt import planes
from momus.methods.corrupt.blur import streak
from momus.methods.corrupt.noise import Draws, Shape, normals

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def draw_snow(rng: np.random.Generator, shape: Shape, setting: tuple[float, ...]) -> Draws:
    """Only the crop that will be enlarged is drawn."""
    n, h, w, _ = shape
    used = planes.zoom(h, setting[2])[1], planes.zoom(w, setting[2])[1]
    flakes, angle = np.empty((n, *used), dtype=np.float32), np.empty(n)
    for i in range(n):  # picture by picture, so that the first pictures of a longer batch come out the same
        flakes[i], angle[i] = normals(rng, (1, *used))[0], rng.uniform(-135, -45)
    return {"normal": flakes, "angle": angle}


def snow(x: NumpyArray, setting: tuple[float, ...], draws: Draws) -> NumpyArray:
    """Falling flakes and whitened air.

    ``normal`` (n, used h, used w) is enlarged by the flake size, cut at a threshold, streaked along ``angle`` (n,)
    degrees, and laid over the picture twice, once turned by 180 degrees.
    """
    mean, spread, size, threshold, radius, sigma, kept = setting
    n, h, w, c = x.shape
    field = np.ascontiguousarray((draws["normal"] * np.float32(spread) + np.float32(mean)).transpose(1, 0, 2))
    sides = []
    for side in (h, w):
        _, used, made = planes.zoom(side, size)
        sides.append(planes.stretch(used, 0, used, made, made))
    layer = planes.separable(field, *sides)
    layer[layer < threshold] = 0
    np.clip(layer, 0, 1, out=layer)
    fallen = np.empty((n, *layer.shape[::2]), dtype=np.float32)
    for i in range(n):
        streak(layer[:, i], (radius, sigma), float(draws["angle"][i]), fallen[i])
    fallen = np.round(fallen[:, :h, :w] * 255)
    fallen += fallen[:, ::-1, ::-1].copy()  # the crop above is exactly h x w, so the turned layer fits
    light = x.astype(np.float32)
    tone = (light @ _LUMA)[..., None] if c == 3 else light
    veil = np.maximum(light, tone * np.float32(1.5) + np.float32(127.5))
    light *= np.float32(kept)
    veil *= np.float32(1 - kept)
    light += veil
    light += fallen[..., None]
    return planes.grey(light)


def draw_frost(rng: np.random.Generator, shape: Shape, _setting: tuple[float, float]) -> Draws:
    """Which texture and which corner of it, each as a share in [0, 1)."""
    return {"place": rng.random((shape[0], 3))}


def frost(x: NumpyArray, setting: tuple[float, float], draws: Draws, textures: Sequence[NumpyArray]) -> NumpyArray:
    """The picture and a random cut of a frost texture (H, W, 3) uint8, weighted and added.

    ``place`` (n, 3): texture, top and left as shares. Textures must be larger than the picture; :mod:`.frosting`
    sees to that.
    """
    own, foreign = np.float32(setting[0]), np.float32(setting[1])
    _, h, w, c = x.shape
    mixed = x.astype(np.float32)
    mixed *= own
    for picture, (which, down, right) in zip(mixed, draws["place"], strict=True):
        texture = textures[int(which * len(textures))]
        top, left = int(down * (texture.shape[0] - h)), int(right * (texture.shape[1] - w))
        cut = texture[top : top + h, left : left + w].astype(np.float32)
        picture += foreign * (cut if c == 3 else (cut @ _LUMA)[..., None])
    return planes.grey(mixed)


def _side(shape: Sequence[int]) -> int:
    """The least power of two that covers the picture."""
    return 1 << (max(shape[1:3]) - 1).bit_length()


def draw_fog(rng: np.random.Generator, shape: Shape, _setting: tuple[float, float]) -> Draws:
    return {"uniform": rng.random((shape[0], _side(shape) ** 2 - 1), dtype=np.float32) * 2 - 1}


def fog(x: NumpyArray, setting: tuple[float, float], draws: Draws) -> NumpyArray:
    """A cloud (plasma fractal) added, and the result scaled back so that the brightest value keeps its place."""
    thickness, decay = setting
    _, h, w, _ = x.shape
    cloud = plasma(draws["uniform"], decay)[:, :h, :w, None]
    brightest = x.max(axis=(1, 2, 3), keepdims=True).astype(np.float32)
    factor = brightest / (brightest + np.float32(thickness * 255))
    foggy = np.empty(x.shape, dtype=np.float32)
    np.multiply(cloud, np.float32(thickness * 255), out=foggy)  # spread over the channels
    foggy += x
    foggy *= factor
    return planes.grey(foggy)


def plasma(uniform: NumpyArray, decay: float) -> NumpyArray:
    """Clouds in [0, 1] by diamond-square on a torus (Fournier, Fussell & Carpenter 1982): (n, m m - 1) -> (n, m, m).

    ``uniform`` in [-1, 1] is used up from the coarsest step to the finest: squares, then the two kinds of diamonds.
    """
    n = len(uniform)
    m = round(float(np.sqrt(uniform.shape[1] + 1)))
    # Every level is a whole array of its own, so that all but the final interleaving runs over contiguous memory.
    cloud = np.zeros((n, 1, 1), dtype=np.float32)
    used, side, wobble = 0, 1, 100.0

    def wobbled(neighbours: NumpyArray) -> NumpyArray:
        nonlocal used
        noise = uniform[:, used : used + side * side].reshape(n, side, side) * np.float32(wobble * wobble)
        used += side * side
        neighbours /= np.float32(4)
        neighbours += noise
        return neighbours

    while side < m:
        finer = np.empty((n, 2 * side, 2 * side), dtype=np.float32)
        pairs, across = _beside(cloud, 1), _beside(cloud, 2)
        centres = wobbled(_beside(pairs, 2))
        finer[:, ::2, ::2], finer[:, 1::2, 1::2] = cloud, centres
        over, left = _beside(centres, 1, back=True), _beside(centres, 2, back=True)
        over += across
        left += pairs
        finer[:, ::2, 1::2] = wobbled(over)
        finer[:, 1::2, ::2] = wobbled(left)
        cloud, side, wobble = finer, 2 * side, wobble / decay
    cloud -= cloud.min(axis=(1, 2), keepdims=True)
    cloud /= np.maximum(cloud.max(axis=(1, 2), keepdims=True), np.float32(1e-12))
    return cloud


def _beside(a: NumpyArray, axis: int, *, back: bool = False) -> NumpyArray:
    """Each value plus the next along ``axis`` (or the one before), around the torus; (n, k, k)."""
    total = np.empty_like(a)
    before, after = [slice(None)] * 3, [slice(None)] * 3
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    into = after if back else before
    np.add(a[tuple(before)], a[tuple(after)], out=total[tuple(into)])
    edge, other = (0, -1) if back else (-1, 0)
    np.add(np.take(a, edge, axis), np.take(a, other, axis), out=np.moveaxis(total, axis, 0)[edge])
    return total


def brightness(x: NumpyArray, more: float, _draws: Draws) -> NumpyArray:
    """Raises the value channel of HSV. Hue and saturation stay, so every channel grows by the same factor.

    Hence a table over (largest channel, channel): 256 x 256 entries instead of two colour conversions a pixel.
    """
    if x.shape[-1] != 3:
        return _brighter_grey(more)[x]
    largest = np.maximum(np.maximum(x[..., 0], x[..., 1]), x[..., 2]).astype(np.uint16)
    cell = (largest << 8)[..., None] | x
    return _brighter(more).take(cell)


@lru_cache(maxsize=64)
def _brighter_grey(more: float) -> NumpyArray:
    made: NumpyArray = (np.clip(np.arange(256) / 255 + more, 0, 1) * 255).astype(np.uint8)
    return made


@lru_cache(maxsize=64)
def _brighter(more: float) -> NumpyArray:
    """(65536,) uint8: the new level of a channel at ``largest * 256 + channel``."""
    largest, channel = np.arange(256)[:, None] / 255, np.arange(256)[None] / 255
    value = np.clip(largest + more, 0, 1)
    saturation_left = np.divide(channel, largest, out=np.ones((256, 256)), where=largest > 0)
    table = np.minimum(value * saturation_left, 1) * 255
    table = np.where(np.eye(256, dtype=bool), value * 255, table)  # the largest channel is the value itself
    made: NumpyArray = (table + np.where(np.eye(256, dtype=bool), 0, 1e-9)).astype(np.uint8).ravel()
    return made
