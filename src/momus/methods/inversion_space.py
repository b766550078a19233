"""Where a search for a class's likeness may go: smooth pictures, or rows of a table, around a starting point.

A space is the attack's prior. Its coordinates z are many small pushes, each scaled by how much it matters in natural
data, so that a straight step in z is a plausible change of the input. ``lift`` brings z to inputs in the model's
canonical form, ``pull`` brings a gradient by the inputs back to z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.fft import dctn, idctn

from momus.core.samples import Column, ColumnKind, NumpyArray

FALL = 0.5  # how fast waves lose weight as they get shorter; natural pictures fall as 1.0, which hides fine features
CONTRAST = 0.25  # standard deviation of a drawn picture, in units of its range
COLOUR = 0.4  # weight of colour beside brightness
_WHOLE = (ColumnKind.INTEGER, ColumnKind.ORDINAL, ColumnKind.BINARY)


class Space(Protocol):
    """Coordinates for inputs: ``start`` is what z = 0 stands for, one canonical input."""

    @property
    def start(self) -> NumpyArray: ...

    @property
    def size(self) -> int: ...

    def lift(self, z: NumpyArray, /) -> NumpyArray: ...

    def pull(self, gradient: NumpyArray, /) -> NumpyArray: ...


@dataclass(frozen=True)
class Waves:
    """Pictures (c, h, w) in [0, 1] as sums of cosine waves, at most ``most`` along the longer side.

    Keeping to long waves, and giving the longer ones more weight, takes the place of a denoising step.
    """

    start: NumpyArray
    most: int = 32

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Waves down and across."""
        h, w = self.start.shape[1:]
        return max(1, min(h, round(self.most * h / max(h, w)))), max(1, min(w, round(self.most * w / max(h, w))))

    @cached_property
    def weights(self) -> NumpyArray:
        """(c, down, across): CONTRAST overall, falling as FALL with the waves' number."""
        c, h, w = self.start.shape
        down, across = np.meshgrid(*(np.arange(n) for n in self.counts), indexing="ij")
        fall = (1 + np.hypot(down, across * max(1.0, h / w))) ** -FALL
        colour = np.array([1.0, *[COLOUR] * (c - 1)])[:, None, None]
        raw = fall[None] * colour
        return np.asarray(raw * CONTRAST * np.sqrt(h * w / (fall**2).sum()) * np.sqrt(c if c > 1 else 1))

    @cached_property
    def mixing(self) -> NumpyArray:
        """(c, c) orthonormal: brightness first, then colours."""
        c = self.start.shape[0]
        first = np.eye(c)
        first[:, 0] = 1.0
        q, r = np.linalg.qr(first)
        return np.asarray(q * np.sign(np.diag(r)))

    @property
    def size(self) -> int:
        return int(self.start.shape[0] * self.counts[0] * self.counts[1])

    def lift(self, z: NumpyArray, /) -> NumpyArray:
        down, across = self.counts
        full = np.zeros((len(z), *self.start.shape), dtype=np.float32)
        waves = z.reshape(len(z), -1, down, across) * self.weights
        full[:, :, :down, :across] = np.einsum("ij,njhw->nihw", self.mixing, waves)
        made = idctn(full, axes=(2, 3), norm="ortho", overwrite_x=True)
        return np.asarray(np.clip(made + self.start, 0, 1), dtype=np.float32)

    def pull(self, gradient: NumpyArray, /) -> NumpyArray:
        down, across = self.counts
        waves = dctn(np.asarray(gradient, dtype=np.float32), axes=(2, 3), norm="ortho")[:, :, :down, :across]
        mixed = np.einsum("ij,nihw->njhw", self.mixing, waves) * self.weights
        return np.asarray(mixed.reshape(len(gradient), -1), dtype=float)


@dataclass(frozen=True)
class Rows:
    """Rows of numbers between ``low`` and ``high``; a step of 1 in z moves a column by its ``scale``.

    Whole columns are rounded when they are asked (the search keeps the unrounded value); ``held`` columns stay put.
    """

    start: NumpyArray
    low: NumpyArray
    high: NumpyArray
    scale: NumpyArray
    whole: NumpyArray

    @property
    def size(self) -> int:
        return len(self.start)

    def lift(self, z: NumpyArray, /) -> NumpyArray:
        x = np.clip(self.start + z * self.scale, self.low, self.high)
        return np.asarray(np.where(self.whole, np.round(x), x))

    def pull(self, gradient: NumpyArray, /) -> NumpyArray:
        return np.asarray(gradient, dtype=float) * self.scale


def rows_space(columns: Sequence[Column], data: NumpyArray, others: NumpyArray | None) -> Rows:
    """From the declared ranges, or those of ``data`` where none are; centre and scale are those of ``others``.

    Without rows of others the middle of each range is the start and a quarter of it the scale. Columns of categories
    stay at the commonest value that is known of them.
    """
    known = data if others is None else others
    columns = columns or tuple(Column(name=str(i)) for i in range(data.shape[1]))
    low = np.array([np.nanmin(data[:, i]) if c.low is None else c.low for i, c in enumerate(columns)])
    high = np.array([np.nanmax(data[:, i]) if c.high is None else c.high for i, c in enumerate(columns)])
    if others is None:
        start, scale = (low + high) / 2, (high - low) / 4
    else:
        start, scale = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    for i, c in enumerate(columns):
        if c.kind is ColumnKind.CATEGORICAL:
            values, counts = np.unique(known[:, i][~np.isnan(known[:, i])], return_counts=True)
            start[i], scale[i] = values[int(counts.argmax())] if len(values) else 0.0, 0.0
    whole = np.array([c.kind in _WHOLE for c in columns])
    return Rows(np.clip(start, low, high), low, high, scale, whole)
