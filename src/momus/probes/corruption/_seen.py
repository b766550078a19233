"""Pictures as the target sees them, and its answers to them, batch by batch."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.samples import NumpyArray

_VALUES = 10_000_000  # pixel values handed to the target at once, at most


def seen(target: Predicts, x: NumpyArray) -> NumpyArray:
    """(n, h, w, c) uint8: the pictures at the size at which the target sees them."""
    parts = []
    for i in range(0, len(x), rows(x)):
        part = np.asarray(target.decode(target.encode(x[i : i + rows(x)])))
        if part.dtype != np.uint8:
            unit = part.size == 0 or float(part.max()) <= 1.0
            part = np.rint(np.clip(part * (255.0 if unit else 1.0), 0, 255)).astype(np.uint8)
        parts.append(part)
    return np.concatenate(parts)


def rows(x: NumpyArray) -> int:
    """Pictures to a batch."""
    return int(np.clip(_VALUES // max(1, x[0].size), 1, 512))


def answers(target: Predicts, pictures: NumpyArray) -> NumpyArray:
    """(n,) classes named."""
    return np.asarray(to_numpy(target.predict(target.encode(pictures))).astype(np.int64))
