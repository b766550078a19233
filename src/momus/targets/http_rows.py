"""Rows of a target as a served model is sent them: tensors, columns by name, pictures and sound as files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from momus.core.samples import Column, NumpyArray
from momus.targets.spaces import Modality, meant, raw_values


@dataclass(frozen=True)
class Sheet:
    """How rows look on the wire: their modality, the columns of a table, the rate of sound."""

    modality: Modality
    columns: tuple[Column, ...] = ()
    rate: int | None = None

    @cached_property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]

    @cached_property
    def _meanings(self) -> list[NumpyArray | None]:
        return raw_values(self.columns)

    @property
    def named(self) -> bool:
        """Whether rows have columns with names that were read from a file."""
        return self.modality == "table" and bool(self.columns)

    @cached_property
    def numeric(self) -> bool:
        """Whether every column is sent as a floating-point number: then the rows are one array."""
        return all(m is None and c.kind == "numeric" for c, m in zip(self.columns, self._meanings, strict=True))

    def column(self, fed: NumpyArray, j: int) -> NumpyArray:
        """One column as its author wrote it: texts, truth values, whole numbers, else floats.

        ``fed`` holds codes only where a column's values are texts; numbers are what they mean already.
        """
        values, meanings = fed[:, j], self._meanings[j]
        if meanings is not None and meanings.dtype == object:
            return meant(values, meanings)
        if meanings is not None and meanings.dtype == bool:
            return _kept_missing(values, values >= 0.5)
        whole = self.columns[j].kind != "numeric" and bool((values[~np.isnan(values)] % 1 == 0).all())
        if whole and np.abs(np.nan_to_num(values)).max(initial=0.0) < 2**53:
            return _kept_missing(values, np.nan_to_num(values).astype(np.int64))
        return values

    def table(self, fed: NumpyArray) -> Any:
        """The rows as one array or list of lists, each value in its column's own kind."""
        if not self.named or self.numeric:
            return np.ascontiguousarray(fed)
        made = np.empty(fed.shape, dtype=object)
        for j in range(fed.shape[1]):
            made[:, j] = self.column(fed, j).tolist()
        if fed.dtype.kind == "f":
            made[np.isnan(fed)] = None
        return made.tolist()

    def records(self, fed: NumpyArray) -> list[dict[str, Any]]:
        """One object a row, from column to value."""
        rows = self.table(fed)
        return [dict(zip(self.names, row, strict=True)) for row in (rows.tolist() if hasattr(rows, "tolist") else rows)]

    def plain(self, fed: NumpyArray) -> Any:
        """Rows for a body of JSON: the table in its columns' kinds, texts as they are, all else as numbers."""
        if self.modality == "text":
            return [str(t) for t in fed]
        return self.table(fed) if self.modality == "table" else np.ascontiguousarray(fed)

    def file(self, row: NumpyArray) -> tuple[bytes, str]:
        """One row as a caller would upload it, with its type: PNG, WAV or plain text. Both formats lose nothing."""
        if self.modality == "text":
            return str(row).encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8"
        if self.modality == "audio":
            return sound(np.asarray(row), self.rate or 16_000), "audio/wav"
        return picture(np.asarray(row)), "image/png"


def _kept_missing(values: NumpyArray, made: NumpyArray) -> NumpyArray:
    missing = np.isnan(values)
    if not missing.any():
        return made
    found = made.astype(object)
    found[missing] = None
    return found


def picture(row: NumpyArray) -> bytes:
    """Pixels (h, w, c) or (c, h, w), whole steps of 255 or in [0, 1], as PNG."""
    from PIL import Image

    a = np.asarray(row)
    if a.dtype != np.uint8:
        a = np.rint(np.clip(a, 0, 1) * 255).astype(np.uint8)
    if a.ndim == 3 and a.shape[-1] not in (1, 3, 4):
        a = np.moveaxis(a, 0, -1)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(a[..., 0] if a.ndim == 3 and a.shape[-1] == 1 else a)).save(
        stream, "PNG", compress_level=1
    )
    return stream.getvalue()


def sound(row: NumpyArray, rate: int) -> bytes:
    """Samples in [-1, 1] as WAV with 32-bit floats."""
    from scipy.io import wavfile

    stream = io.BytesIO()
    wavfile.write(stream, rate, np.asarray(row, np.float32))
    return stream.getvalue()


def split(fed: NumpyArray, size: int) -> Sequence[NumpyArray]:
    """Parts of at most ``size`` rows, in order."""
    return [fed[i : i + size] for i in range(0, len(fed), size)]
