"""Which input is attacked in which round: a queue that forgets an input as soon as it is fooled.

A round is a target class or a restart. All inputs go through one round before the next, so that the rounds most likely
to succeed come first; where few inputs are left, later rounds fill the batch, and every call stays worth its overhead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray
from momus.methods.ascent import Best, random_start, to_host
from momus.methods.domain import Domain, Norm
from momus.methods.objectives import Objective

Array = Any
# What a target offers: outputs and the gradient of outputs times slope; outputs alone.
Pullback = Callable[[Array, Callable[[Array, slice], Array]], tuple[Array, Array]]
Scores = Callable[[Array], Array]


class Queue:
    """Pairs (input, round), each input once a round. ``over`` (n,) booleans is shared: who is fooled already."""

    def __init__(self, n: int, rounds: int, over: NumpyArray) -> None:
        self.n, self.over, self.rounds = n, over, rounds
        self.input = self.round = 0

    def next(self, count: int) -> tuple[NumpyArray, NumpyArray]:
        """Inputs and rounds of up to ``count`` pairs whose input still stands."""
        inputs: list[NumpyArray] = []
        rounds: list[NumpyArray] = []
        while count > 0 and self.round < self.rounds:
            standing = self.input + np.flatnonzero(~self.over[self.input :])[:count]
            inputs.append(standing)
            rounds.append(np.full(len(standing), self.round, dtype=np.int64))
            if len(standing) < count:
                self.input, self.round = 0, self.round + 1
            else:
                self.input = int(standing[-1]) + 1
            count -= len(standing)
        nothing = np.zeros(0, dtype=np.int64)
        return np.concatenate([nothing, *inputs]), np.concatenate([nothing, *rounds])


class Record:
    """The best example of every input where several rows of a batch may belong to one input."""

    def __init__(self, x: Array, objective: Objective) -> None:
        self.best = Best(x, objective)
        self.over = np.zeros(len(x), dtype=bool)

    def see(self, at: NumpyArray, x: Array, outputs: Array, y: Array) -> None:
        """Keeps what is better than before for the inputs ``at`` (b,), one query each."""
        if len(np.unique(at)) < len(at):
            objective = self.best.objective
            won, margin = to_host(objective.won(outputs, y)), to_host(objective.margin(outputs, y))
            order = np.lexsort((margin, ~won, at))
            first = order[np.concatenate([[True], np.diff(at[order]) > 0])]
            np.add.at(self.best.queries, np.delete(at, first), 1)
            native = _native(first, x)
            at, x, outputs, y = at[first], x[native], outputs[native], y[native]
        self.over[at] |= self.best.see(_native(at, x), x, outputs, y)


def ranked(outputs: Array, y: Array, count: int) -> NumpyArray:
    """(n, m) classes other than ``y``, the highest scored first, at most ``count`` of them."""
    z = to_host(outputs).astype(np.float64)
    z[np.arange(len(z)), to_host(y)] = -np.inf
    return np.argsort(-z, axis=1, kind="stable")[:, : max(0, min(count, z.shape[1] - 1))]


def starts(x: Array, at: NumpyArray, rounds: NumpyArray, epsilon: float, norm: Norm, key: int) -> Array:
    """Random offsets inside the ball for the rows ``x`` (b, ...), each drawn from its own (input, round).

    So the numbers of a row depend neither on the batch it is in nor on which other inputs have fallen.
    """
    xp = array_namespace(x)
    rows = [
        random_start(x[i : i + 1], epsilon, norm, np.random.default_rng([key, int(r), int(a)]))
        for i, (a, r) in enumerate(zip(at, rounds, strict=True))
    ]
    return xp.concat(rows, axis=0)


def free_box(space: Domain, x0: Array, epsilon: float, norm: Norm) -> tuple[Array, Array]:
    """Bounds of a free iterate: measured columns as the domain says, one-hot columns free between 0 and 1."""
    low, high = space.bounds(x0, epsilon, norm)
    for group in space.groups:
        low[:, list(group)], high[:, list(group)] = 0.0, 1.0
    return low, high


def _native(index: NumpyArray, x: Array) -> Array:
    return array_namespace(x).asarray(index, device=device(x))
