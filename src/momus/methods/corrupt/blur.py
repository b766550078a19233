"""Blur: defocus (open aperture), glass (frosted pane), motion (moving camera), zoom (camera moving in)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import fft, ndimage

from momus.core.samples import NumpyArray
from momus.methods.corrupt import planes
from momus.methods.corrupt.noise import Draws, Shape


def draw_nothing(_rng: np.random.Generator, _shape: Shape, _setting: Any) -> Draws:
    """For corruptions without chance."""
    return {}


@lru_cache(maxsize=16)
def disk(radius: float, alias: float) -> NumpyArray:
    """A filled disk with its rim softened by a small Gaussian of ``alias`` pixels, odd side, sum near 1.

    The published kernel lives in a frame of 17 pixels (or 2 radius + 1) and is softened inside that frame with mirrored
    borders, so a rim that touches the frame is reflected; that is kept.
    """
    half = 8 if radius <= 8 else int(radius)
    reach = 1 if radius <= 8 else 2
    at = np.arange(-half, half + 1)
    filled = (at[:, None] ** 2 + at**2 <= radius**2).astype(np.float64)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / alias) ** 2)
    taps /= taps.sum()
    soft: NumpyArray = filled / filled.sum()
    for axis in (0, 1):
        soft = ndimage.correlate1d(soft, taps, axis=axis, mode="mirror")
    return soft


def defocus_blur(x: NumpyArray, setting: tuple[float, float], _draws: Draws) -> NumpyArray:
    """Convolution with :func:`disk`; the picture is mirrored at its borders without repeating the edge."""
    kernel = disk(*setting)
    inner = np.flatnonzero(kernel.sum(axis=0) > 1e-12)  # a small disk does not fill its frame
    kernel = kernel[inner[0] : inner[-1] + 1, inner[0] : inner[-1] + 1]
    reach = len(kernel) // 2
    h, w = x.shape[1:3]
    # np.pad repeats the mirror as often as a reach wider than the picture needs
    wide = np.pad(x.transpose(0, 3, 1, 2), ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="reflect")
    size = tuple(fft.next_fast_len(s, real=True) for s in wide.shape[2:])
    transfer = fft.rfft2(kernel.astype(np.float32), s=size)
    spectrum = fft.rfft2(wide.astype(np.float32), s=size)
    spectrum *= transfer
    blurred = fft.irfft2(spectrum, s=size)[..., 2 * reach : 2 * reach + h, 2 * reach : 2 * reach + w]
    return planes.grey(np.ascontiguousarray(blurred.transpose(0, 2, 3, 1)))


def draw_glass_blur(rng: np.random.Generator, shape: Shape, setting: tuple[float, int, int]) -> Draws:
    """For every pixel far enough from the border, the neighbour it copies in each round."""
    _, reach, rounds = setting
    n, h, w, _ = shape
    inner = (rounds, 2, max(h - 2 * reach, 0), max(w - 2 * reach, 0))
    # Picture by picture: the generator buffers bytes within a call, so one call would depend on the size of the block.
    return {"steps": np.stack([rng.integers(-reach, reach, inner, dtype=np.int8) for _ in range(n)])}


def glass_blur(x: NumpyArray, setting: tuple[float, int, int], draws: Draws) -> NumpyArray:
    """Gaussian blur, local shuffling, Gaussian blur.

    The published loop means to swap pixels but, assigning through views, copies: pixel after pixel from the bottom
    right, each takes the present value of a neighbour. ``steps`` is (n, rounds, 2, h - 2 reach, w - 2 reach) int8:
    across and down, in [-reach, reach). :func:`_copied` resolves that order without a loop over pixels.
    """
    sigma, reach, rounds = setting
    n, h, w, c = x.shape
    rows, columns = (planes.gaussian(size, float(sigma), 4.0, "nearest") for size in (h, w))
    soft = planes.from_planes(planes.grey(planes.separable(planes.to_planes(x), rows, columns)), c)
    source = np.arange(n * h * w)
    for turn in range(rounds):
        source = source[_copied(draws["steps"][:, turn], (n, h, w), reach)]
    shuffled = soft.reshape(-1, c).take(source, axis=0).reshape(n, h, w, c)
    return planes.from_planes(planes.grey(planes.separable(planes.to_planes(shuffled), rows, columns)), c)


def _copied(steps: NumpyArray, shape: tuple[int, int, int], reach: int) -> NumpyArray:
    """Flat index of the pixel whose value each pixel holds after one round.

    A pixel that copies from one scanned before it (below, or right in the same row, and itself not at the border)
    takes what that one already became: follow such links until they end. Links are rare enough that the set still
    being followed shrinks at each pass to less than half.
    """
    n, h, w = shape
    frame = np.arange(n * h * w, dtype=np.int64).reshape(n, h, w)
    source, later = frame.copy(), np.zeros((n, h, w), dtype=bool)
    inside = slice(reach + 1, h - reach + 1), slice(reach + 1, w - reach + 1)
    if steps.size == 0:
        return source.ravel()
    across, down = steps[:, 0].astype(np.int64), steps[:, 1].astype(np.int64)
    offset = down * w + across
    source[:, *inside] += offset
    is_inside = np.zeros((h, w), dtype=bool)
    is_inside[inside] = True
    later[:, *inside] = offset > 0
    flat = source.ravel()
    linked = later.ravel() & np.tile(is_inside.ravel(), n)[flat]
    open_ = np.flatnonzero(linked)
    at = flat[open_]
    result = flat.copy()
    while len(open_):
        goes_on = linked[at]
        done = ~goes_on
        result[open_[done]] = flat[at[done]]
        open_, at = open_[goes_on], flat[at[goes_on]]
    return result


def draw_motion_blur(rng: np.random.Generator, shape: Shape, _setting: tuple[float, float]) -> Draws:
    return {"angle": rng.uniform(-45, 45, shape[0])}


def motion_blur(x: NumpyArray, setting: tuple[float, float], draws: Draws) -> NumpyArray:
    """A one-sided Gaussian trail in the direction ``angle`` (n,), degrees from the horizontal; edges repeat."""
    blurred = np.empty(x.shape, dtype=np.float32)
    for i in range(len(x)):
        streak(x[i], setting, float(draws["angle"][i]), blurred[i])
    return planes.grey(blurred)


def streak(picture: NumpyArray, setting: tuple[float, float], angle: float, out: NumpyArray) -> None:
    """Motion blur of one (h, w, ...) picture of any type into ``out``, float32 in the same units.

    ``setting`` = (radius, sigma): 2 radius + 1 steps of a pixel along the angle with Gaussian weights. Steps that
    leave the picture end the trail without reweighting the rest, as published.
    """
    taps = _trail(setting, angle, picture.shape[:2])
    down, across = [d for d, _ in taps], [a for _, a in taps]
    top, left = -min(down), -min(across)
    border = [(top, max(down)), (left, max(across))] + [(0, 0)] * (picture.ndim - 2)
    wide = np.pad(picture.astype(np.float32), border, mode="edge")
    h, w = picture.shape[:2]
    part = np.empty(picture.shape, dtype=np.float32)
    out[...] = 0
    for (d, a), weight in taps.items():
        np.multiply(wide[top + d : top + d + h, left + a : left + a + w], np.float32(weight), out=part)
        np.add(out, part, out=out)


def _trail(setting: tuple[float, float], angle: float, size: tuple[int, int]) -> dict[tuple[int, int], float]:
    """(down, across) -> weight of each whole-pixel offset; several steps may fall on the same pixel."""
    radius, sigma = setting
    width = int(radius) * 2 + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    sine, cosine = width * math.sin(math.radians(angle)), width * math.cos(math.radians(angle))
    length = math.hypot(sine, cosine)
    taps: dict[tuple[int, int], float] = {}
    for step in range(width):
        down, across = -math.ceil(step * sine / length - 0.5), -math.ceil(step * cosine / length - 0.5)
        if abs(down) >= size[0] or abs(across) >= size[1]:
            break
        # A picture moved by +d shows at each pixel what was d before it.
        taps[-down, -across] = taps.get((-down, -across), 0.0) + float(weights[step])
    return taps


def zoom_blur(x: NumpyArray, factors: tuple[float, ...], _draws: Draws) -> NumpyArray:
    """The mean of the picture and of its centre enlarged by each of ``factors``, linear interpolation."""
    _, h, w, c = x.shape
    picture = planes.to_planes(x)
    total = picture.copy()
    for factor in factors:
        rows, columns = (planes.stretch(size, *planes.zoom(size, factor), size) for size in (h, w))
        total += planes.separable(picture, rows, columns)
    total /= len(factors) + 1
    return planes.from_planes(planes.grey(total), c)
