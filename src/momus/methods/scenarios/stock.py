"""What scenarios are made of, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray, Samples


@dataclass(frozen=True)
class Stock:
    """``test``: the rows themselves. ``objects``: pictures (n, s, s, 4) of single things, cut out by their alpha, with
    labels. ``backgrounds``: photographs of places, of any size."""

    test: Samples
    objects: Samples | None = None
    backgrounds: Samples | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.test.x.shape[1], self.test.x.shape[2]


@dataclass(frozen=True)
class Made:
    """``x`` (n, ...) as read; ``y`` (n,) labels of what is in it, None where nothing is; ``kind`` (n,) in words."""

    x: NumpyArray
    y: NumpyArray | None = None
    kind: tuple[str, ...] = ()


def chosen(samples: Samples, n: int, rng: np.random.Generator) -> NumpyArray:
    """``n`` rows in random order, all before any comes again."""
    rounds = [rng.permutation(len(samples)) for _ in range(-(-n // len(samples)))]
    return np.concatenate(rounds)[:n]


def labels(samples: Samples, rows: NumpyArray) -> NumpyArray | None:
    return None if samples.y is None else np.asarray(samples.y)[rows]
