"""Digital damage: contrast, elastic transform, pixelation, JPEG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from momus.core.samples import NumpyArray
from momus.methods.corrupt import planes
from momus.methods.corrupt.noise import Draws, Shape


def contrast(x: NumpyArray, factor: float, _draws: Draws) -> NumpyArray:
    """Draws every channel towards its mean over the picture."""
    n, h, w, c = x.shape
    # Whole rows are added up first: adding along three values at a time would take twenty times as long.
    sums = x.reshape(n, h, w * c).sum(axis=1, dtype=np.uint32).reshape(n, 1, w, c).sum(axis=2, keepdims=True)
    flat = np.multiply(x, np.float32(factor), dtype=np.float32)
    flat += (sums / (h * w) * (1 - factor)).astype(np.float32)
    return planes.grey(flat)


def draw_elastic_transform(rng: np.random.Generator, shape: Shape, setting: Any) -> Draws:
    """The raw displacement field, and for the small table the jitter of three points that define an affine map."""
    n, h, w, _ = shape
    if not isinstance(setting, tuple):
        return {"uniform": rng.random((n, 2, h, w), dtype=np.float32) * 2 - 1}
    uniform, jitter = np.empty((n, 2, h, w), dtype=np.float32), np.empty((n, 3, 2))
    for i in range(n):
        jitter[i] = rng.uniform(-1, 1, (3, 2))
        uniform[i] = rng.random((2, h, w), dtype=np.float32) * 2 - 1
    return {"uniform": uniform, "jitter": jitter}


def elastic_transform(x: NumpyArray, setting: Any, draws: Draws) -> NumpyArray:
    """Moves every pixel by a smooth random field (Simard et al. 2003); linear interpolation, borders mirror.

    ``uniform`` (n, 2, h, w) in [-1, 1]: across, then down. Photo table: raw range 0.5% of the height, smoothed with 1%
    of each side, times the amplitude. Small table: amplitude and smoothing are shares of the side, and an affine map
    through three points moved by ``jitter`` (n, 3, 2) in [-1, 1] comes first. Map and field are composed, so the
    picture is interpolated once (the published small pictures are interpolated twice, which blurs them a little).
    """
    h, w = x.shape[1:3]
    if isinstance(setting, tuple):
        amplitude, smoothing, _ = (share * min(h, w) for share in setting)
        sigmas = smoothing, smoothing
    else:
        amplitude, sigmas = setting * h * 0.005, (h * 0.01, w * 0.01)
    field = planes.to_planes(draws["uniform"].transpose(0, 2, 3, 1))
    if amplitude > 0:
        field = planes.separable(
            field, *(planes.gaussian(side, sigma, 3.0, "reflect") for side, sigma in zip((h, w), sigmas, strict=True))
        )
    moved = planes.from_planes(field, 2) * np.float32(amplitude)
    down = np.arange(h, dtype=np.float32)[:, None] + moved[..., 1]
    across = np.arange(w, dtype=np.float32) + moved[..., 0]
    if isinstance(setting, tuple):
        down, across = _affine(down, across, draws["jitter"] * setting[2] * min(h, w), (h, w))
    return _sampled(x, down, across)


def _affine(
    down: NumpyArray, across: NumpyArray, jitter: NumpyArray, size: tuple[int, int]
) -> tuple[NumpyArray, NumpyArray]:
    """Where the points (down, across) of the warped picture lie in the original, both (n, h, w).

    Three corners of a square of two thirds of the side around the middle move by ``jitter`` (n, 3, 2) pixels (across,
    down); the affine map through them takes original to warped, so its inverse is applied here.
    """
    centre, arm = np.array([size[1] // 2, size[0] // 2], dtype=float), min(size) // 3
    before = centre + arm * np.array([[1, 1], [1, -1], [-1, -1]])
    after = before + jitter
    corners = np.concatenate([after, np.ones((*after.shape[:2], 1))], axis=-1)
    inverse = np.linalg.pinv(corners) @ before  # (n, 3, 2); pinv since three jittered corners could fall on one line
    points = np.stack([across, down, np.ones_like(down)], axis=-1)
    origin = points @ inverse[:, None].astype(np.float32)
    return origin[..., 1], origin[..., 0]


def _sampled(x: NumpyArray, down: NumpyArray, across: NumpyArray) -> NumpyArray:
    """Linear interpolation of (n, h, w, c) at (n, h, w) positions; the edge pixel is repeated when mirroring."""
    n, h, w, c = x.shape
    top, left = np.floor(down), np.floor(across)
    part_down, part_across = (down - top).astype(np.float32).ravel(), (across - left).astype(np.float32).ravel()
    top, left = top.astype(np.int64), left.astype(np.int64)
    base = np.arange(n, dtype=np.int64)[:, None, None] * (h * w)
    upper, lower = _mirror(top, h) * w + base, _mirror(top + 1, h) * w + base
    west, east = _mirror(left, w), _mirror(left + 1, w)
    corners = [(row + column).ravel() for row in (upper, lower) for column in (west, east)]
    out = np.empty((c, n * h * w), dtype=np.float32)
    other, side = np.empty(n * h * w, dtype=np.float32), np.empty(n * h * w, dtype=np.float32)
    for channel, made in zip(np.ascontiguousarray(x.reshape(-1, c).T, dtype=np.float32), out, strict=True):
        for target, (first, second) in ((made, corners[:2]), (other, corners[2:])):
            channel.take(first, out=target, mode="clip")
            channel.take(second, out=side, mode="clip")
            side -= target
            side *= part_across
            target += side
        other -= made
        other *= part_down
        made += other
    return np.ascontiguousarray(planes.grey(out).T).reshape(n, h, w, c)


def _mirror(index: NumpyArray, size: int) -> NumpyArray:
    """Indices beyond the border, brought back by mirroring about the outer edge of the edge pixels."""
    if index.min() >= 0 and index.max() < size:
        return index
    index = np.mod(index, 2 * size)
    brought: NumpyArray = np.minimum(index, 2 * size - 1 - index)
    return brought


def pixelate(x: NumpyArray, share: float, _draws: Draws) -> NumpyArray:
    """Averages blocks down to ``share`` of each side, and enlarges without interpolation."""
    _, h, w, _ = x.shape
    least = max(int(w * share), 1), max(int(h * share), 1)
    out = np.empty_like(x)
    for picture, made in zip(x, out, strict=True):
        small = _image(picture).resize(least, Image.Resampling.BOX)
        made[...] = np.asarray(small.resize((w, h), Image.Resampling.NEAREST)).reshape(made.shape)
    return out


def jpeg_compression(x: NumpyArray, quality: int, _draws: Draws) -> NumpyArray:
    """Through baseline JPEG with the encoder's default chroma subsampling and back."""
    out = np.empty_like(x)
    for picture, made in zip(x, out, strict=True):
        stream = io.BytesIO()
        _image(picture).save(stream, "JPEG", quality=quality)
        made[...] = np.asarray(Image.open(stream)).reshape(made.shape)
    return out


def _image(picture: NumpyArray) -> Image.Image:
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
