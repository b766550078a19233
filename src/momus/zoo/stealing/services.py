"""Services with a planted model behind them, and what an operator can put between the model and its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples

Answers = Callable[[NumpyArray], NumpyArray]


def served(answers: Answers, samples: Samples, name: str, **settings: Any) -> Any:
    """A function from rows to probabilities (n, k) as a target."""
    from momus.targets.callable_ import callable_target

    return callable_target(
        answers,
        name=name,
        classes=samples.classes,
        output="probabilities",
        columns=tuple(samples.columns),
        samples=samples,
        **settings,
    )


def mumbling(answers: Answers, share: float, seed: int) -> Answers:
    """The service gives another class's answer for ``share`` of all rows, always the same for the same row.

    Which rows those are follows from their last digits, so nobody can tell them by asking again.
    """

    def blurred(x: NumpyArray) -> NumpyArray:
        p = np.array(answers(x))
        turned = _draws(x, seed) < share
        p[turned] = np.roll(p[turned], 1, axis=1)
        return p

    return blurred


def _draws(x: NumpyArray, seed: int) -> NumpyArray:
    """(n,) numbers in [0, 1) that depend on every bit of a row."""
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.uint64).reshape(len(x), -1)
    state = np.full(len(x), 0x9E3779B97F4A7C15 ^ (seed * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF), dtype=np.uint64)
    for column in bits.T:
        state = (state ^ column) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(29)
    return np.asarray((state >> np.uint64(11)).astype(np.float64) / 2.0**53)
