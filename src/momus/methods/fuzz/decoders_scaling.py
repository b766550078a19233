"""Image-scaling attacks (Xiao et al., USENIX Security 2019; Quiring et al. 2020): scaled down, another picture shows.

A path that scales without smoothing looks at a few pixels of a large picture and ignores the rest. Which ones is
measured from outside: rows and columns of random brightness go in, and what comes out tells the weights. The attack
then changes those pixels alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import sparse
from scipy.sparse.linalg import splu

from momus.core.samples import NumpyArray
from momus.methods.fuzz.decoders import picture
from momus.methods.fuzz.decoders_png import bmp, png

LOSSLESS = ("png", "bmp")  # in which single pixels stay as they are
_FACTOR, _LARGEST, _SMALLEST = 5, 1_280, 3.0
_PATTERNS, _AT_ONCE = 48, 12
_WINDOW = 16  # pixels of the large picture that one of the small may look at
_UNEXPLAINED = 0.05  # of the spread of a pattern that was kept back: above it the weights are not known
_CHANCE = 0.5  # above it weights say nothing at all; between the two lie kernels that are wider than the window
_SMOOTH = 0.35  # sum of squared weights of a pixel below which every pixel counts and none can be hidden
_VISIBLE = 0.25  # of the way from the one picture to the other, as seen from afar

Read = Callable[[Sequence[bytes]], Sequence[NumpyArray | None]]


@dataclass(frozen=True, slots=True)
class Scaling:
    """small = rows @ large @ columns.T for a large picture of ``side`` x ``side``; ``error`` is what is left open."""

    rows: NumpyArray
    columns: NumpyArray
    side: int
    error: float


@dataclass(frozen=True, slots=True)
class Crafted:
    """A large picture, as uint8 (side, side, 3): people see ``cover``, and the small version is ``hidden``.

    ``visible`` is how far it went from the cover to the hidden picture, as seen from afar; ``changed`` the share of
    pixels that moved by more than 8 of 255.
    """

    image: NumpyArray
    cover: NumpyArray
    hidden: NumpyArray
    visible: float
    changed: float

    @property
    def works(self) -> bool:
        return self.visible <= _VISIBLE


def written(image: NumpyArray, format_: str) -> bytes:
    """A picture (h, w, 3) uint8 as a plain file of a lossless format."""
    return bmp(image) if format_ == "bmp" else png(image)


def measure(read: Read, format_: str, rng: np.random.Generator) -> Scaling | str:
    """The weights by which a path scales; "" where it does not scale or smooths; words where that is not known.

    Cost: up to 99 readings of flat patterns, each of a square picture five times as large as what comes out; 51 where
    the first direction shows that the path smooths.
    """
    flat = np.full((256, 256, 3), 128, np.uint8)
    first = read([written(flat, format_)])[0]
    if first is None:
        return "it makes no picture of a plain grey file"
    if picture(first).ndim != 3:
        return "what it decodes is no picture"
    if picture(first).shape[:2] == (256, 256):
        return ""
    height, width, _ = picture(first).shape
    side = min(_LARGEST, _FACTOR * max(height, width))
    if side < _SMALLEST * max(height, width):
        return f"a picture that is scaled down to {width} x {height} would be too large to try"
    ends = [_grey(a) for a in read([written(np.full((side, side, 3), v, np.uint8), format_) for v in (0, 255)])]
    if ends[0] is None or ends[1] is None:
        return f"it does not read a picture of {side} x {side}"
    if ends[0].shape != (height, width) or ends[1].shape != (height, width):
        return "the size of what it decodes goes with the file"
    dark, span = ends[0], ends[1] - ends[0]
    if np.abs(span).min() <= 1e-6:
        return "it takes black and white for the same"
    found = []
    for axis, count in ((0, height), (1, width)):
        given = rng.integers(0, 2, size=(_PATTERNS, side)).astype(np.float64)
        files = [written(_stripes(line, axis), format_) for line in given]
        answers = [_grey(a) for i in range(0, _PATTERNS, _AT_ONCE) for a in read(files[i : i + _AT_ONCE])]
        if any(a is None or a.shape != (height, width) for a in answers):
            return "it does not read stripes as it reads other pictures"
        seen = np.array([((a - dark) / span).mean(axis=1 - axis) for a in answers if a is not None])
        found.append(_weights(given, seen, count))
        if found[-1][1] <= _CHANCE and np.median((found[-1][0] ** 2).sum(axis=1)) < _SMOOTH:
            return ""
    if max(found[0][1], found[1][1]) > _UNEXPLAINED:
        return "no fixed weights explain how it scales"
    return Scaling(found[0][0], found[1][0], side, max(found[0][1], found[1][1]))


def _grey(answer: NumpyArray | None) -> NumpyArray | None:
    if answer is None or picture(answer).ndim != 3:
        return None
    found: NumpyArray = picture(answer).astype(np.float64).mean(axis=-1)
    return found


def _stripes(line: NumpyArray, axis: int) -> NumpyArray:
    side = len(line)
    band = (255 * line).astype(np.uint8)
    plane = np.broadcast_to(band[:, None] if axis == 0 else band[None, :], (side, side))
    return np.repeat(plane[..., None], 3, axis=-1)


def _weights(given: NumpyArray, seen: NumpyArray, count: int) -> tuple[NumpyArray, float]:
    """(count, side) weights by least squares within the window where each answer follows the input most."""
    kept = len(given) - 8
    x, y = given[:kept] - 0.5, seen[:kept] - 0.5
    follow = np.abs(x.T @ y)  # (side, count)
    near = np.apply_along_axis(lambda c: np.convolve(c**2, np.ones(5), "same"), 0, follow)
    weights = np.zeros((count, given.shape[1]))
    for j in range(count):
        middle = int(near[:, j].argmax())
        low = min(max(0, middle - _WINDOW // 2), given.shape[1] - _WINDOW)
        part = x[:, low : low + _WINDOW]
        weights[j, low : low + _WINDOW] = np.linalg.lstsq(part, y[:, j], rcond=1e-6)[0]
    left = (given[kept:] - 0.5) @ weights.T - (seen[kept:] - 0.5)
    spread = max(float(np.abs(seen[kept:] - 0.5).mean()), 1e-9)
    return weights, float(np.abs(left).mean()) / spread


def craft(scaling: Scaling, cover: Image.Image, hidden: Image.Image) -> Crafted:
    """The picture that scales to ``hidden`` and looks like ``cover``.

    Least change in the sense of squares, put back into [0, 255] and corrected a few times.
    """
    side = scaling.side
    large = np.asarray(cover.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), np.float64)
    # What the path would make of the hidden picture itself, cut at the edges as it cuts.
    other = np.asarray(hidden.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), np.float64)
    rows, columns = sparse.csr_array(scaling.rows), sparse.csr_array(scaling.columns)
    over_rows, over_columns = _solver(rows), _solver(columns)
    made = large.copy()
    for _ in range(12):
        for c in range(3):
            gap = (columns @ (rows @ (other[..., c] - made[..., c])).T).T
            made[..., c] += (columns.T @ over_columns((rows.T @ over_rows(gap)).T)).T
        made = np.clip(made, 0, 255)
    image = np.round(made).astype(np.uint8)
    afar = [_afar(a) for a in (image, large, other)]
    visible = float(np.abs(afar[0] - afar[1]).mean() / max(np.abs(afar[2] - afar[1]).mean(), 1e-9))
    changed = float((np.abs(made - large).max(axis=-1) > 8).mean())
    return Crafted(image, np.round(large).astype(np.uint8), np.round(other).astype(np.uint8), visible, changed)


def _solver(weights: sparse.csr_array) -> Callable[[NumpyArray], NumpyArray]:
    """Solves (weights weights.T) x = b: a narrow band, since each pixel looks at few others."""
    band = sparse.csc_array(weights @ weights.T + 1e-9 * sparse.eye_array(weights.shape[0]))
    found: Callable[[NumpyArray], NumpyArray] = splu(band).solve
    return found


def _afar(image: NumpyArray) -> NumpyArray:
    """The picture as small as it is seen from some distance, every pixel counted."""
    flat = Image.fromarray(np.round(image).astype(np.uint8))
    return np.asarray(flat.resize((48, 48), Image.Resampling.BOX), np.float64)
