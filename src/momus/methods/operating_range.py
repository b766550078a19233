"""The declared operating range: which rows lie in which of its bins."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import describe


def bin_name(column: str, b: object) -> str:
    """``age = 18 to 30``, ``sex = 1``."""
    return f"{column} = " + (f"{b[0]:g} to {b[1]:g}" if isinstance(b, list | tuple) else str(b))


def column_values(samples: Samples, name: str) -> NumpyArray | None:
    """Values of a group, a table column (category names where it has some) or a folded one-hot group."""
    if name in samples.groups:
        return np.asarray(samples.groups[name])
    seen = describe(samples)
    if name not in seen.names:
        return None
    j = seen.names.index(name)
    names = seen.labels[j]
    if names is None:
        return seen.values[:, j]
    codes = np.where(np.isfinite(seen.values[:, j]), seen.values[:, j], len(names)).astype(int)
    words: NumpyArray = np.asarray([*names, "missing"], dtype=object)[codes]
    return words


def in_bin(values: NumpyArray, b: object, *, closed: bool) -> NumpyArray:
    """Mask of the values in a bin: [low, high), with its upper end where ``closed``, or one category."""
    if isinstance(b, list | tuple):
        try:
            numbers = values.astype(float)
        except ValueError:
            return np.zeros(len(values), dtype=bool)
        low, high = float(b[0]), float(b[1])
        return (numbers >= low) & ((numbers <= high) if closed else (numbers < high))
    if values.dtype.kind in "fiu" and isinstance(b, int | float):
        return np.asarray(values == b)
    return np.asarray(values.astype(str) == str(b))
