"""Chance that belongs to a row and not to its place in a batch: the same row comes out the same however it is batched.

Numbers are hashed from (seed, row, place) by the mixing steps of SplitMix64 (Steele, Lea & Flood 2014), whole arrays
at a time. Asking for a longer batch, for its second half or for single rows gives the same numbers for the same rows.
"""

from __future__ import annotations

import numpy as np

from momus.core import seeds
from momus.core.samples import NumpyArray

_STEP, _ONE, _TWO = (np.uint64(v) for v in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def uniform(seed: int, stream: str, rows: NumpyArray, places: NumpyArray | int = 0) -> NumpyArray:
    """Uniform numbers in [0, 1), float64, in the shape to which ``rows`` and ``places`` broadcast.

    ``rows`` and ``places`` are whole numbers from 0; ``stream`` keeps different uses of one seed apart.
    Cost: about ten passes over the output.
    """
    start = np.uint64(seeds.derive(seed, stream))
    with np.errstate(over="ignore"):  # the arithmetic is meant to wrap around
        a = _mixed(start + _STEP * (np.asarray(rows).astype(np.uint64) + np.uint64(1)))
        h = _mixed(a + _STEP * (np.asarray(places).astype(np.uint64) + np.uint64(1)))
    return np.asarray((h >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def generator(seed: int, stream: str, row: int) -> np.random.Generator:
    """A generator of one row's own, for draws too many to hash."""
    return np.random.Generator(np.random.SFC64(seeds.derive(seed, stream, row)))


def _mixed(z: NumpyArray) -> NumpyArray:
    z = (z ^ (z >> np.uint64(30))) * _ONE
    z = (z ^ (z >> np.uint64(27))) * _TWO
    return np.asarray(z ^ (z >> np.uint64(31)))
