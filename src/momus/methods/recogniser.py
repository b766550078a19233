"""A recogniser of people who never saw the model under test: it compares pictures, and knows no names.

It shares no weights, no training photographs and no design with that model. What it looks at are the directions of
outlines in small cells, or pixels at several scales with the light taken away (columns in standard units for a table).
Which of these tell people apart whatever the photograph, it learns from photographs of *other* people than those it
judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from momus.core.samples import NumpyArray

SCALES = (1.0, 2.0, 4.0)  # widths of the blurs whose differences are compared, in pixels of a 32-pixel side
DIRECTIONS = 9  # of outlines
CELL = 6  # pixels of a 48-pixel side
SHRINK = 0.1  # how far the learned spread within people is drawn towards the overall one


@dataclass(frozen=True)
class Recogniser:
    """Similarity of rows of features: the cosine after a change of coordinates around a middle."""

    middle: NumpyArray
    change: NumpyArray | None

    def similar(self, a: NumpyArray, b: NumpyArray) -> NumpyArray:
        """(n, m) cosines; a row that lies at the middle is like nobody. Rounded, so that equal rows are tied."""
        u, v = ((f - self.middle if self.change is None else (f - self.middle) @ self.change) for f in (a, b))
        return np.asarray(np.round(unit(u) @ unit(v).T, 9))


def unit(rows: NumpyArray) -> NumpyArray:
    """Rows of length 1; what is flat stays zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 1e-9, length, 1.0))


def scales(pictures: NumpyArray) -> NumpyArray:
    """(n, d) of pictures (n, h, w, c): differences of blurs, each divided by the contrast around it."""
    grey, parts = _sized(pictures, 32), []
    for scale in SCALES:
        band = _blur(grey, scale / 2) - _blur(grey, 2 * scale)
        contrast = np.sqrt(_blur(band**2, 3 * scale))
        flat = band / (contrast + 0.5 * contrast.mean(axis=(1, 2), keepdims=True) + 1e-9)
        parts.append(unit(flat.reshape(len(grey), -1)))
    return np.concatenate(parts, axis=1)


def outlines(pictures: NumpyArray) -> NumpyArray:
    """(n, d) of pictures (n, h, w, c): the strength of edges of each direction in each cell (Dalal & Triggs 2005)."""
    grey = _blur(_sized(pictures, 48), 0.7)
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, right)
    strength = strength / (_blur(strength, 8) + 1e-3 * strength.max() + 1e-9)
    turn = np.arctan2(down, right) % (2 * np.pi) / (2 * np.pi) * DIRECTIONS
    below = np.floor(turn).astype(np.int64)
    rest, parts = turn - below, []
    rows, across = (_cells(n) for n in grey.shape[1:])
    for direction in range(DIRECTIONS):
        share = np.where(below % DIRECTIONS == direction, 1 - rest, 0.0)
        share += np.where((below + 1) % DIRECTIONS == direction, rest, 0.0)
        parts.append((rows @ (share * strength) @ across.T).reshape(len(grey), -1))
    return unit(np.asarray(np.sqrt(np.maximum(np.concatenate(parts, axis=1), 0))))


def columns(rows: NumpyArray) -> NumpyArray:
    """(n, d) of table rows; missing values count as 0."""
    return np.asarray(np.nan_to_num(np.asarray(rows, dtype=float)))


def views(x: NumpyArray) -> dict[str, Callable[[NumpyArray], NumpyArray]]:
    """What may be looked at in data of this kind, by name."""
    return {"outlines": outlines, "scales": scales} if x.ndim == 4 else {"columns": columns}


def plain(f: NumpyArray) -> Recogniser:
    """Learns the middle alone; the columns of a table also get one unit."""
    few = f.shape[1] < 200
    return Recogniser(f.mean(axis=0), np.diag(1 / (f.std(axis=0) + 1e-9)) if few else None)


def trained(f: NumpyArray, people: NumpyArray) -> Recogniser | None:
    """Directions in which photographs of one person differ count less; None where hardly anybody has two photographs.

    Principal components, then the inverse root of the spread within people, drawn towards the overall spread so that
    few photographs do not decide on many directions.
    """
    if len(f) < 4:
        return None
    middle = f.mean(axis=0)
    _, s, axes = np.linalg.svd(f - middle, full_matrices=False)
    keep = s > 1e-6 * max(float(s[0]), 1e-12)
    axes = axes[keep]
    z = (f - middle) @ axes.T
    own, pairs = np.zeros_like(z), 0
    for person in np.unique(people):
        mine = people == person
        own[mine] = z[mine] - z[mine].mean(axis=0)
        pairs += int(mine.sum()) - 1
    if pairs < 2 or not keep.any():
        return None
    within, overall = own.T @ own / pairs, float((z**2).sum()) / z.size
    values, vectors = np.linalg.eigh((1 - SHRINK) * within + SHRINK * np.eye(len(within)) * overall)
    return Recogniser(middle, axes.T @ (vectors / np.sqrt(np.maximum(values, 1e-12))))


def _sized(pictures: NumpyArray, side: int) -> NumpyArray:
    """(n, h, w) grey in [0, 1], the longer side ``side`` pixels."""
    grey = np.asarray(pictures[..., :3].mean(axis=-1, dtype=np.float32) / np.float32(255))
    factor = side / max(grey.shape[1:])
    if factor < 1:
        grey = _blur(grey, 0.5 / factor - 0.5)
    return np.asarray(zoom(grey, (1, factor, factor), order=1, grid_mode=True, mode="nearest"))


def _cells(pixels: int) -> NumpyArray:
    """(cells, pixels) soft windows, one CELL wide each; every row sums to 1."""
    middles = np.arange(CELL / 2 - 0.5, pixels, CELL)
    windows = np.exp(-0.5 * ((np.arange(pixels)[None] - middles[:, None]) / (CELL / 2)) ** 2)
    return np.asarray(windows / windows.sum(axis=1, keepdims=True))


def _blur(pictures: NumpyArray, width: float) -> NumpyArray:
    return np.asarray(gaussian_filter(pictures, (0, width, width), truncate=3.0))
