"""Projected gradient ascent (PGD, arXiv 1706.06083), written once for NumPy and PyTorch arrays.

The model comes in as two callables, so nothing here knows a target. A row leaves the batch at the step at which it is
fooled and another takes its place, so that every call asks about as many rows as fit the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.domain import Domain, Norm, per_row, row_norm
from momus.methods.objectives import MISCLASSIFIED, Objective

Array = Any
LossGradient = Callable[[Array, Array], tuple[Array, Array]]
Scores = Callable[[Array], Array]


@dataclass(frozen=True)
class Found:
    """What an attack came back with.

    ``x`` (n, ...) holds the fooling example, or else the one with the lowest margin seen. ``fooled`` (n,) and
    ``margin`` (n,) belong to it; the margin of a row that was never asked is +inf. ``queries`` (n,) NumPy counts model
    rows spent on each input. ``complete`` is False where the budget ended first. ``flat`` is the share of gradients
    that were zero or not finite, NaN for attacks that use none.
    """

    x: Array
    fooled: Array
    margin: Array
    queries: NumpyArray
    complete: bool = True
    flat: float = float("nan")


def rows_for(x: Array) -> int:
    """How many rows one call should ask: about 50,000 input values, between 8 and 4,096 rows.

    Measured on CPUs: activations of larger batches fall out of the cache and cost up to twice as much a row.
    Accelerators want more; there every row of a batch up to 2 million values goes in one call.
    """
    values = max(1, int(np.prod(x.shape[1:])))
    on_cpu = "cpu" in str(device(x))
    return int(min(4096, max(8, (50_000 if on_cpu else 2_000_000) // values)))


def random_start(x: Array, epsilon: float, norm: Norm, rng: np.random.Generator) -> Array:
    """Offsets drawn uniformly from the ball of radius ``epsilon``, the same numbers for every array library."""
    xp = array_namespace(x)
    size, values = tuple(x.shape), int(np.prod(x.shape[1:]))
    if norm == "linf":
        d = rng.random(size, dtype=np.float32) * np.float32(2 * epsilon) - np.float32(epsilon)
    else:
        d = np.empty(size, dtype=np.float32)
        for i in range(len(d)):  # row by row: the numbers of a row must not depend on how rows are batched
            direction = rng.standard_normal(size[1:], dtype=np.float32)
            d[i] = direction * (epsilon * rng.random() ** (1 / values) / max(np.linalg.norm(direction), 1e-12))
    return xp.asarray(d, dtype=x.dtype, device=device(x))


@dataclass
class _Work:
    """The rows under attack. ``a`` is the free iterate; what is asked is its projection."""

    index: Array
    x0: Array
    a: Array
    low: Array
    high: Array
    y: Array
    step: NumpyArray

    def take(self, keep: Array, kept: NumpyArray) -> _Work:
        return _Work(
            self.index[keep],
            self.x0[keep],
            self.a[keep],
            self.low[keep],
            self.high[keep],
            self.y[keep],
            self.step[kept],
        )

    def join(self, other: _Work) -> _Work:
        xp = array_namespace(self.a)

        def both(a: Array, b: Array) -> Array:
            return xp.concat([a, b], axis=0)

        return _Work(
            both(self.index, other.index),
            both(self.x0, other.x0),
            both(self.a, other.a),
            both(self.low, other.low),
            both(self.high, other.high),
            both(self.y, other.y),
            np.concatenate([self.step, other.step]),
        )

    def __len__(self) -> int:
        return len(self.step)


class Best:
    """Best example so far of every input, kept in one array that is written in place."""

    def __init__(self, x: Array, objective: Objective = MISCLASSIFIED) -> None:
        xp = array_namespace(x)
        self.xp = xp
        self.objective = objective
        self.start = x
        self.x = xp.asarray(x, copy=True)
        self.margin = xp.full((x.shape[0],), xp.inf, dtype=x.dtype, device=device(x))
        self.fooled = xp.zeros((x.shape[0],), dtype=xp.bool, device=device(x))
        self.queries = np.zeros(x.shape[0], dtype=np.int64)

    def see(self, index: Array, x: Array, scores: Array, y: Array, *, ties: bool = False) -> NumpyArray:
        """Keeps what is better than before (with ``ties`` also what is as good); returns (b,) who is fooled now."""
        found = self.objective.won(scores, y)
        value = self.xp.astype(self.objective.margin(scores, y), self.margin.dtype)
        before = self.margin[index]
        better = found | (value <= before if ties else value < before)
        at = index[better]
        self.x[at] = x[better]
        self.margin[at] = value[better]
        self.fooled[at] = found[better]
        self.queries[to_host(index)] += 1
        return to_host(found)

    def found(self, complete: bool, flat: float = float("nan")) -> Found:
        return Found(self.x, self.fooled, self.margin, self.queries, complete, flat)


def to_host(a: Array) -> NumpyArray:
    """NumPy view or copy of a native array."""
    return np.asarray(a.cpu() if hasattr(a, "cpu") else a)


def pgd(
    loss_gradient: LossGradient,
    scores: Scores,
    x: Array,
    y: Array,
    *,
    epsilon: float,
    steps: int = 40,
    step_size: float | None = None,
    norm: Norm = "linf",
    restarts: int = 1,
    domain: Domain | None = None,
    rng: np.random.Generator,
    rows: int | None = None,
    random: bool = True,
    objective: Objective = MISCLASSIFIED,
) -> Found:
    """Projected gradient ascent from a random point of the ball; each input stops when the objective is won.

    ``loss_gradient(x, y)`` gives ((b, k) logits, gradient of a loss to be raised); ``scores(x)`` gives the logits alone
    and is asked once at the end. ``step_size`` in units of epsilon's scale; default 2.5 epsilon / steps, at least
    epsilon / 10. Rounded and one-hot columns follow a free iterate and are asked at its projection (straight-through).
    Costs at most ``restarts * (steps + 1)`` rows an input. A spent budget returns the best so far, ``complete`` False.
    """
    xp = array_namespace(x)
    space = (domain or Domain.image()).like(x)
    best = Best(x, objective)
    size = step_size if step_size is not None else max(epsilon / 10, 2.5 * epsilon / max(steps, 1))
    climb = _Climb(loss_gradient, scores, space, norm, epsilon, steps, size, rows or rows_for(x), random)
    todo = xp.arange(x.shape[0], dtype=xp.int64, device=device(x))
    try:
        for _ in range(restarts):
            if len(todo) == 0:
                break
            climb.run(best, x, y, todo, rng)
            todo = todo[~best.fooled[todo]]
    except BudgetSpent:
        return best.found(False, climb.flat)
    return best.found(True, climb.flat)


class _Climb:
    """One restart over a queue of inputs, with the settings that stay the same."""

    def __init__(
        self,
        loss_gradient: LossGradient,
        scores: Scores,
        space: Domain,
        norm: Norm,
        epsilon: float,
        steps: int,
        size: float,
        rows: int,
        random: bool,
    ) -> None:
        self.loss_gradient, self.scores, self.space = loss_gradient, scores, space
        self.norm, self.epsilon, self.steps, self.size = norm, epsilon, steps, size
        self.rows, self.random = rows, random
        self.gradients = self.dead = 0

    @property
    def flat(self) -> float:
        return self.dead / self.gradients if self.gradients else float("nan")

    def run(self, best: Best, x: Array, y: Array, todo: Array, rng: np.random.Generator) -> None:
        """Attacks the inputs ``todo``; rows whose steps are used up wait in ``last`` for one check without gradient."""
        work = last = nobody = self._enter(x, y, todo[:0], rng)
        start = 0
        while len(work) or len(last) or start < len(todo):
            if len(work) < self.rows and start < len(todo):
                new = self._enter(x, y, todo[start : start + self.rows - len(work)], rng)
                start += len(new)
                work = work.join(new)
            if len(work):
                work = self._step(best, work)
                due = work.step >= self.steps
                if due.any():
                    wait, go = np.flatnonzero(due), np.flatnonzero(~due)
                    last = last.join(work.take(wait, wait))
                    work = work.take(go, go)
            if len(last) >= self.rows or (len(last) and not len(work) and start >= len(todo)):
                point = self._point(last)
                best.see(last.index, point, self.scores(point), last.y)
                last = nobody

    def _enter(self, x: Array, y: Array, index: Array, rng: np.random.Generator) -> _Work:
        x0 = x[index]
        low, high = self._box(x0)
        a = x0
        if self.random and len(index):
            a = a + random_start(x0, self.epsilon, self.norm, rng) * self.space.scale
        work = _Work(index, x0, a, low, high, y[index], np.zeros(len(index), dtype=np.int64))
        work.a = self._clip(work, a)
        return work

    def _box(self, x0: Array) -> tuple[Array, Array]:
        """Bounds of the free iterate: measured columns as the domain says, one-hot columns free between 0 and 1."""
        low, high = self.space.bounds(x0, self.epsilon, self.norm)
        for group in self.space.groups:
            low[:, list(group)], high[:, list(group)] = 0.0, 1.0
        return low, high

    def _clip(self, work: _Work, a: Array) -> Array:
        xp = array_namespace(a)
        a = xp.minimum(xp.maximum(a, work.low), work.high)
        if self.norm == "l2":
            d = self.space.distance(a, work.x0, "l2")
            shrink = xp.minimum(self.epsilon * (1 - 1e-6) / xp.clip(d, 1e-30, None), xp.ones_like(d))
            inside = work.x0 + (a - work.x0) * per_row(shrink, a)
            a = inside if self.space.measured is None else xp.where(self.space.measured, inside, a)
        return a

    def _point(self, work: _Work) -> Array:
        if not self.space.discrete:
            return work.a
        return self.space.project(work.a, work.x0, self.epsilon, self.norm)

    def _step(self, best: Best, work: _Work) -> _Work:
        """Asks once, takes out the fooled, moves the others."""
        xp = array_namespace(work.a)
        point = self._point(work)
        logits, gradient = self.loss_gradient(point, work.y)
        kept = ~best.see(work.index, point, logits, work.y)
        if not kept.all():
            keep = xp.asarray(kept, device=device(point))
            work, gradient = work.take(keep, kept), gradient[keep]
        if not len(work):
            return work
        steepest = row_norm(gradient, "linf")
        dead = to_host(~(steepest > 0) | ~xp.isfinite(steepest))
        self.gradients, self.dead = self.gradients + len(dead), self.dead + int(dead.sum())
        if dead.any():
            gradient = xp.where(xp.isfinite(gradient), gradient, xp.zeros_like(gradient))
        work.a = self._clip(work, work.a + self._direction(gradient))
        work.step = work.step + 1
        return work

    def _direction(self, gradient: Array) -> Array:
        """Steepest ascent of length ``size`` in scaled units; one-hot columns move a tenth of their range a step."""
        xp = array_namespace(gradient)
        scaled = gradient * self.space.scale
        if self.norm == "linf":
            move = self.size * xp.sign(gradient) * self.space.scale
        else:
            length = per_row(xp.clip(row_norm(scaled, "l2"), 1e-30, None), gradient)
            move = self.size * scaled / length * self.space.scale
        for group in self.space.groups:
            move[:, list(group)] = 0.1 * xp.sign(gradient[:, list(group)])
        return move
