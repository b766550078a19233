"""Random search with scores only, for sound: Square's idea (arXiv 1912.00049) with stretches of tone for windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray
from momus.methods.ascent import Best, Found, rows_for
from momus.methods.domain import Domain, Norm
from momus.methods.objectives import MISCLASSIFIED, Objective
from momus.methods.square_search import random_search, share

Array = Any
LOWEST, HIGHEST = 1 / 400, 0.5  # cycles a sample: 40 Hz to 8 kHz at a rate of 16 kHz
SHORTEST = 8


def sound_search(
    scores: Callable[[Array], Array],
    x: Array,
    y: Array,
    *,
    epsilon: float,
    queries: int = 1000,
    norm: Norm = "linf",
    domain: Domain | None = None,
    start: float = 0.8,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
) -> Found:
    """Clips (n, t), at most ``queries`` model rows each, the clean one included.

    The first proposal is one tone over the whole clip; later ones put a tone of another pitch, or noise, over a stretch
    that shrinks on Square's schedule, every sample on a corner of the ball. A detector of sound listens to frequencies,
    which noise that changes sign at random from sample to sample hardly moves. A spent budget returns the best so far.
    """
    space = (domain or Domain.sound()).like(x)

    def propose(best: Array, x0: Array, k: NumpyArray, draw: np.random.Generator) -> Array:
        shares = np.where(k == 1, 1.0, share(k, queries, start))
        wave, inside = _stretches(shares, x0.shape[1], draw)
        if norm == "l2":
            wave = wave / np.sqrt(np.maximum(inside.sum(axis=1, keepdims=True), 1))
        xp = array_namespace(x0)
        native = xp.asarray(epsilon * wave, dtype=x0.dtype, device=device(x0))
        moved = xp.where(xp.asarray(inside, device=device(x0)), x0 + native, best)
        return space.project(moved, x0, epsilon, norm)

    return random_search(scores, Best(x, objective), y, propose, queries, rng, rows or rows_for(x))


def _stretches(shares: NumpyArray, t: int, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
    """(b, t) waves of height 1, a square wave or random signs a row, and (b, t) booleans: where they go."""
    b = len(shares)
    size = np.clip(np.rint(shares * t), min(SHORTEST, t), t).astype(np.int64)
    first = (rng.random(b) * (t - size + 1)).astype(np.int64)
    at = np.arange(t)
    inside = (at >= first[:, None]) & (at < (first + size)[:, None])
    pitch = LOWEST * (HIGHEST / LOWEST) ** rng.random((b, 1))
    tone = np.sin(2 * np.pi * (pitch * at + rng.random((b, 1))))
    noise = rng.random((b, t)) - 0.5
    wave = np.where(rng.random((b, 1)) < 0.75, tone, noise)
    return np.where(wave < 0, -1.0, 1.0), inside
