"""Uniform draws that depend on a key and two counters alone: one game or a thousand draw the same numbers.

A generator with a state would have to be asked once a game. A mixing function of (key, draw, coin) is asked for all
games in one line of NumPy, can be rewound by rewinding a counter, and touches no generator of anybody else's.
The mixing is SplitMix64's (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray

_MASK = (1 << 64) - 1
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_UNIT = 2.0**-53


def mix(a: int, b: int = 0) -> int:
    """A whole number below 2**64 out of two others."""
    z = (a + _GOLDEN * (b + 1)) & _MASK
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return z ^ (z >> 31)


def uniform(key: int, draw: int, coin: int) -> float:
    """A number in [0, 1) for one coin of one draw of one game."""
    return (mix(mix(key, draw), coin) >> 11) * _UNIT


def mix_many(a: NumpyArray, b: NumpyArray) -> NumpyArray:
    """:func:`mix` of arrays of uint64, any shapes that broadcast."""
    with np.errstate(over="ignore"):
        z = a + np.uint64(_GOLDEN) * (b + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
        mixed: NumpyArray = z ^ (z >> np.uint64(31))
    return mixed


def uniforms(keys: NumpyArray, draws: NumpyArray, coins: int, first: int = 0) -> NumpyArray:
    """(n, coins) numbers in [0, 1): row i is what :func:`uniform` gives for keys[i], draws[i] and each coin."""
    mixed = mix_many(keys, draws.astype(np.uint64))
    which = np.arange(first, first + coins, dtype=np.uint64)
    return (mix_many(mixed[:, None], which[None, :]) >> np.uint64(11)).astype(np.float64) * _UNIT
