"""Fast linear operations on blocks of pictures: a separable filter is two sparse matrices.

A block is held as (h, k, w) float32, k = pictures x channels. A sparse matrix on the left of the (h, k w) view filters
all columns in contiguous runs of k w values; swapping h and w and multiplying again filters the rows. Zooms, Gaussian
blurs and stretches all take this road, whatever their borders do, since a border rule is only a choice of indices.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import sparse

from momus.core.samples import NumpyArray

# Sums that are whole numbers on paper (a flat area under a blur) come out a few millionths short in float32 and would
# be cut to the grey level below; a thousandth of a level is far more than that error and far less than is visible.
_NUDGE = np.float32(1e-3)


def to_planes(x: NumpyArray) -> NumpyArray:
    """(n, h, w, c) of any type -> (h, n c, w) float32."""
    n, h, w, c = x.shape
    return np.ascontiguousarray(x.transpose(1, 0, 3, 2), dtype=np.float32).reshape(h, n * c, w)


def from_planes(p: NumpyArray, channels: int) -> NumpyArray:
    """(h, n c, w) -> (n, h, w, c), a contiguous copy of the same type."""
    h, k, w = p.shape
    return np.ascontiguousarray(p.reshape(h, k // channels, channels, w).transpose(1, 0, 3, 2))


def grey(a: NumpyArray) -> NumpyArray:
    """Grey levels as floats -> uint8, clipped and cut (not rounded) as the published pictures are. Overwrites ``a``."""
    a += _NUDGE
    np.clip(a, 0, 255, out=a)
    return a.astype(np.uint8)


def separable(p: NumpyArray, rows: Any, columns: Any) -> NumpyArray:
    """``rows`` (h', h) on the columns and ``columns`` (w', w) on the rows of every plane: (h, k, w) -> (h', k, w')."""
    h, k, w = p.shape
    tall = (rows @ p.reshape(h, k * w)).reshape(rows.shape[0], k, w)
    turned = np.ascontiguousarray(tall.transpose(2, 1, 0))
    wide = (columns @ turned.reshape(w, k * rows.shape[0])).reshape(columns.shape[0], k, rows.shape[0])
    return np.ascontiguousarray(wide.transpose(2, 1, 0))


@lru_cache(maxsize=64)
def gaussian(size: int, sigma: float, truncate: float, border: Literal["nearest", "reflect"]) -> Any:
    """(size, size) Gaussian filter cut at ``truncate`` sigmas; beyond the border the edge repeats or mirrors."""
    reach = int(truncate * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2) if reach else np.ones(1)
    weights /= weights.sum()
    taps = np.arange(size)[:, None] + offsets
    if border == "nearest":
        taps = np.clip(taps, 0, size - 1)
    else:
        taps = np.mod(taps, 2 * size)
        taps = np.where(taps >= size, 2 * size - 1 - taps, taps)
    where = np.repeat(np.arange(size), len(offsets)), taps.ravel()
    return sparse.csr_array((np.tile(weights, size).astype(np.float32), where), shape=(size, size))


@lru_cache(maxsize=256)
def stretch(size: int, first: int, used: int, made: int, kept: int) -> Any:
    """(kept, size) linear interpolation: entries ``first`` to ``first + used`` stretched to ``made``, ends on ends.

    Only the first ``kept`` of the ``made`` entries are computed.
    """
    at = np.arange(kept) * ((used - 1) / max(made - 1, 1))
    low = np.minimum(at.astype(np.intp), max(used - 2, 0))
    part = at - low
    high = np.minimum(low + 1, used - 1)
    where = np.tile(np.arange(kept), 2), np.concatenate([low, high]) + first
    weights = np.concatenate([1 - part, part]).astype(np.float32)
    return sparse.csr_array((weights, where), shape=(kept, size))


def zoom(size: int, factor: float) -> tuple[int, int, int]:
    """(first, used, made): the centre crop that a zoom by ``factor`` enlarges, and the size it is enlarged to."""
    used = int(np.ceil(size / factor))
    return (size - used) // 2, used, round(used * factor)
