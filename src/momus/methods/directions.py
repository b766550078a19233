"""Random directions to ask about around a point: orthogonal among themselves, smooth ones too for pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray
from momus.methods.domain import Domain

Array = Any
LARGEST = 4096  # up to this many dimensions a cosine basis is kept (64 MB); beyond, random signs are as good
SMOOTH = 32  # largest side of the coarse grid that smooth directions are made of


@cache
def cosines(n: int) -> NumpyArray:
    """(n, n) float32 orthonormal cosine basis, one vector a row, the slowest first."""
    angle = np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n
    basis = np.cos(angle) * math.sqrt(2 / n)
    basis[0] /= math.sqrt(2)
    return np.asarray(basis, dtype=np.float32)


class Directions:
    """Directions for points like those of ``x``. Kind 0 is smooth where there are two ``kinds``; the last is any.

    A row of the cosine basis with every sign drawn anew is noise, and rows that share the signs are orthogonal: fewer
    probes say as much as more independent ones. Whole-number columns move by one or not at all.
    """

    def __init__(self, x: Array, space: Domain) -> None:
        self.x, self.space, self.xp = x, space, array_namespace(x)
        self.shape = tuple(x.shape[1:])
        self.grid: tuple[int, int, int] | None = None
        self.bases: dict[int, Array] = {}
        if len(self.shape) == 3 and min(self.shape[1:]) >= 12:
            c, h, w = self.shape
            self.grid = (c, min((h + 1) // 2, SMOOTH), min((w + 1) // 2, SMOOTH))
            self.down, self.across = self._slow(h, self.grid[1]), self._slow(w, self.grid[2])

    @property
    def kinds(self) -> int:
        return 1 if self.grid is None else 2

    def _slow(self, n: int, kept: int) -> Array:
        return self.xp.asarray(cosines(n)[:kept], dtype=self.x.dtype, device=device(self.x))

    def draw(self, count: int, kind: int, length: float, rng: np.random.Generator, rows: int) -> Iterator[Array]:
        """``count`` offsets of the given length, in the units of the data, at most ``rows`` at a time."""
        smooth = self.grid is not None and kind == 0
        values = math.prod(self.grid if smooth and self.grid else self.shape)
        few = values <= LARGEST
        block = min(values, 1024) if few else 16
        for start in range(0, count, block):
            size = min(block, count - start)
            unit = self._orthogonal(size, values, rng) if few else self._signs(size, values, rng)
            offsets = self._enlarged(unit) if smooth else self.xp.reshape(unit, (size, *self.shape))
            offsets = self._whole(offsets * length * self.space.scale, rng)
            for i in range(0, size, rows):
                yield offsets[i : i + rows]

    def _orthogonal(self, size: int, values: int, rng: np.random.Generator) -> Array:
        if values not in self.bases:
            self.bases[values] = self._native(cosines(values))
        picked = self.xp.asarray(rng.permutation(values)[:size], device=device(self.x))
        signs = rng.integers(0, 2, values).astype(np.float32) * 2 - 1
        return self.bases[values][picked] * self._native(signs)

    def _signs(self, size: int, values: int, rng: np.random.Generator) -> Array:
        bits = np.unpackbits(np.frombuffer(rng.bytes(-(-size * values // 8)), dtype=np.uint8))[: size * values]
        return (self._native(bits.reshape(size, values)) * 2 - 1) / math.sqrt(values)

    def _enlarged(self, unit: Array) -> Array:
        """Coefficients of the slow cosines as pictures of the full size: an isometry, so lengths stay."""
        assert self.grid is not None
        coarse = self.xp.reshape(unit, (len(unit), *self.grid))
        return self.xp.matmul(self.xp.matmul(self.down.T, coarse), self.across)

    def _whole(self, offsets: Array, rng: np.random.Generator) -> Array:
        """Whole-number columns by one or not at all, and in every other row not at all: they drown out the rest."""
        if self.space.whole is None:
            return offsets
        steps = rng.integers(-1, 2, tuple(offsets.shape))
        steps[::2] = 0
        return self.xp.where(self.space.whole, self._native(steps), offsets)

    def even(self, slope: Array, length: Array) -> Array:
        """``slope`` (scaled units) as if whole-number columns had been moved as far as the others, by ``length``."""
        if self.space.whole is None:
            return slope
        wanted = length**2 / math.prod(self.shape)
        return self.xp.where(self.space.whole, slope * wanted * 3 * self.space.scale**2, slope)

    def _native(self, a: NumpyArray) -> Array:
        return self.xp.asarray(a, dtype=self.x.dtype, device=device(self.x))
