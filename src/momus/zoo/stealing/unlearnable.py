"""Models that few answers do not give away: their classes jump from row to row, or the service answers some wrongly."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo.stealing.services import Answers, mumbling, served


def cells(samples: Samples, seed: int, size: float = 0.02) -> Any:
    """A class drawn by lot for every small cell of the space."""
    k = len(samples.classes)
    rng = np.random.default_rng(seed)
    salt = rng.integers(1, 2**31, np.asarray(samples.x)[0].size if len(samples) else 1).astype(np.uint64)

    def answers(x: NumpyArray) -> NumpyArray:
        flat = np.floor(np.reshape(x, (len(x), -1)).astype(float) / size).astype(np.int64).astype(np.uint64)
        state = np.full(len(x), 0x9E3779B97F4A7C15, dtype=np.uint64)
        for column, grain in zip(flat.T, salt, strict=True):
            state = (state ^ (column * grain)) * np.uint64(0xBF58476D1CE4E5B9)
            state ^= state >> np.uint64(31)
        return _sure((state % np.uint64(k)).astype(int), k)

    return served(answers, samples, "cells")


def waves(samples: Samples, seed: int, turns: float = 9.0) -> Any:
    """A class that changes ``turns`` times and more along every direction."""
    k = len(samples.classes)
    rng = np.random.default_rng(seed)
    ways = rng.normal(size=(np.asarray(samples.x).shape[1], 5)) * turns

    def answers(x: NumpyArray) -> NumpyArray:
        phase = np.sin(x @ ways).sum(1) * k
        return _sure(np.floor(phase).astype(int) % k, k)

    return served(answers, samples, "waves")


def liar(target: Any, samples: Samples, seed: int, share: float = 0.3) -> Any:
    """``target`` behind a service that gives a share of all rows another class's answer."""

    def answers(x: NumpyArray) -> NumpyArray:
        return np.asarray(target.probabilities(x), dtype=float)

    honest: Answers = answers
    return served(mumbling(honest, share, seed), samples, "liar")


def by_lot(samples: Samples, seed: int) -> NumpyArray:
    """Labels that nothing explains."""
    return np.random.default_rng(seed).integers(0, len(samples.classes), len(samples))


def _sure(labels: NumpyArray, k: int) -> NumpyArray:
    p = np.full((len(labels), k), 0.1 / max(1, k - 1))
    p[np.arange(len(labels)), labels] = 0.9
    return p
