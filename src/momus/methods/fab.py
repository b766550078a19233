"""FAB (arXiv 1907.02044): walks along the decision boundary towards the original, for the smallest change that fools.

Every step goes to the hyperplane that the model's linearisation puts where two classes are equal, and is pulled towards
the projection of the original onto it; a point that fools is noted and moved a tenth of the way back. The projections
are exact within the data range. Points are asked with their gradient only where the gradient is likely to be needed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods import losses
from momus.methods.ascent import Found, rows_for, to_host
from momus.methods.blend import blend
from momus.methods.domain import Domain, Norm, per_row
from momus.methods.objectives import MISCLASSIFIED, Misclassified, Objective
from momus.methods.pairs import Pullback, Queue, Scores, ranked, starts

Array = Any
OVERSHOOT, PULL, BACK = 1.05, 0.1, 0.9  # past the hyperplane, most weight of the original, how far back after success
HALVINGS = 10
TINY = 1e-12
_USUAL = np.array([False, False, True, True])  # after no no, no yes, yes no, yes yes: what most often comes next


@dataclass(frozen=True)
class Nearest(Found):
    """``fooled`` means within the radius asked for; ``distance`` (n,) is that of the nearest fooling example, or inf.

    ``x`` holds that example also where it lies outside the radius.
    """

    distance: Array = None


def to_hyperplane(t: Array, w: Array, c: Array, box: tuple[Array, Array], scale: Array | float, norm: Norm) -> Array:
    """The shortest move d (b, ...) from ``t`` inside the box (low, high) with ``sum(w * d) == c`` (b,).

    Exact: the move is ``min(quick * level, room)`` entry by entry, and the level solves a rising, concave, piecewise
    linear equation. Newton's steps from 0 never pass its root and land on it after as many as there are pieces in
    between, about five. Where the box does not reach the plane every entry goes as far as it can.
    """
    xp = array_namespace(t)
    towards = xp.sign(w) * per_row(xp.sign(c), w)
    room = xp.maximum(towards * (box[1] - t), towards * (box[0] - t))
    weight, most = xp.abs(w), xp.abs(c)
    quick = weight * scale**2 if norm == "l2" else scale
    rate = weight * quick
    level, moved, rest = xp.zeros_like(c), xp.zeros_like(t), xp.ones_like(c)
    for _ in range(64):
        speed = _dot(rate, xp.sign(room - moved), xp)  # rates of what has room left
        lacking = most - _dot(weight, moved, xp)
        go = (lacking > 1e-5 * most) & (speed > 0)
        if not bool(xp.any(go)):
            break
        level = xp.where(go, level + lacking / xp.where(speed > 0, speed, rest), level)
        moved = xp.minimum(quick * per_row(level, t), room)
    return towards * moved


def _dot(a: Array, b: Array, xp: Any) -> Array:
    """(n,) inner products of rows, without a product array in between."""
    n = a.shape[0]
    return xp.vecdot(xp.reshape(a, (n, -1)), xp.reshape(b, (n, -1))) if n else xp.zeros_like(a[:, 0])


@dataclass
class _Rows:
    """The pairs under attack, ``a`` to be asked next.

    ``known`` rows have been looked at where they are and wait for a gradient alone. ``history`` tells whether the last
    two looks found a fooling point, as two bits, and ``memory`` (b, 4) what came after each history the last time.
    """

    at: NumpyArray
    step: NumpyArray
    known: NumpyArray
    history: NumpyArray
    memory: NumpyArray
    to: Array
    y: Array
    x0: Array
    low: Array
    high: Array
    a: Array

    def __len__(self) -> int:
        return len(self.step)

    @property
    def prone(self) -> NumpyArray:
        """(b,) who is likely to fool at the next look. Walks along a boundary repeat themselves."""
        return self.memory[np.arange(len(self)), self.history]

    def learn(self, rows: NumpyArray, fools: NumpyArray) -> None:
        self.memory[rows, self.history[rows]] = fools
        self.history[rows] = (2 * self.history[rows] + fools) % 4

    def take(self, mask: NumpyArray) -> _Rows:
        host = np.flatnonzero(mask)
        native = array_namespace(self.a).asarray(host, device=device(self.a))
        values = (getattr(self, f.name) for f in fields(self))
        return _Rows(*(v[host] if isinstance(v, np.ndarray) else v[native] for v in values))

    def join(self, other: _Rows) -> _Rows:
        xp = array_namespace(self.a)
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return _Rows(*(np.concatenate(p) if isinstance(p[0], np.ndarray) else xp.concat(p, axis=0) for p in pairs))


class _Kept:
    """The nearest fooling example of every input."""

    def __init__(self, x: Array) -> None:
        xp = array_namespace(x)
        self.x = xp.asarray(x, copy=True)
        self.distance = np.full(len(x), np.inf)
        self.over = np.zeros(len(x), dtype=bool)
        self.queries = np.zeros(len(x), dtype=np.int64)

    def keep(self, at: NumpyArray, x: Array, distance: NumpyArray) -> None:
        order = np.lexsort((distance, at))
        first = order[np.concatenate([np.ones(min(1, len(at)), dtype=bool), np.diff(at[order]) > 0])]
        first = first[distance[first] < self.distance[at[first]]]
        xp = array_namespace(x)
        native, rows = (xp.asarray(i, device=device(x)) for i in (at[first], first))
        self.x[native] = x[rows]
        self.distance[at[first]] = distance[first]


def fab(
    pullback: Pullback,
    scores: Scores,
    x: Array,
    y: Array,
    *,
    epsilon: float,
    stop: bool = True,
    targets: int = 9,
    steps: int = 100,
    norm: Norm = "linf",
    restarts: int = 1,
    domain: Domain | None = None,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
    outputs: Array | None = None,
) -> Nearest:
    """The nearest fooling example of each input, towards each of the ``targets`` best other classes in turn.

    ``pullback(x, slope)`` gives outputs (b, k) and the gradient of outputs times slope; ``scores(x)`` the outputs
    alone; ``outputs`` are those of ``x`` itself, asked where not given. With ``stop`` an input leaves as soon as an
    example within ``epsilon`` is known; without, all steps are taken for the smallest distance. Objectives without
    classes have one boundary and one run. Ends with a search on the line back to the original. Costs at most
    2 (steps + 1) targets restarts rows an input. A spent budget returns the best so far, ``complete`` False.
    """
    kept = _Kept(x)
    space = (domain or Domain.image()).like(x)
    attack = _Walk(pullback, scores, space, norm, epsilon, stop, steps, restarts, objective, kept)
    xp, complete = array_namespace(x), True
    try:
        classes = None
        if isinstance(objective, Misclassified):
            if outputs is None and len(x):
                many = rows_for(x)
                outputs = xp.concat([scores(x[i : i + many]) for i in range(0, len(x), many)], axis=0)
            classes = ranked(x.reshape(0, 1) if outputs is None else outputs, y, targets)
        queue = Queue(len(x), restarts * (1 if classes is None else classes.shape[1]), kept.over)
        attack.run(x, y, queue, classes, rows or rows_for(x), int(rng.integers(2**62)))
        if not space.discrete:
            attack.back_home(x, y, rows or rows_for(x))
    except BudgetSpent:
        complete = False
    inside = kept.distance <= epsilon * (1 + 1e-6)
    fooled = xp.asarray(inside, device=device(x))
    margin = xp.where(fooled, xp.asarray(0.0, dtype=x.dtype, device=device(x)), xp.inf)
    distance = xp.asarray(kept.distance, dtype=x.dtype, device=device(x))
    return Nearest(kept.x, fooled, margin, kept.queries, complete, attack.flat, distance)


class _Walk:
    """The loop over a queue of runs, with the settings that stay the same."""

    def __init__(
        self,
        pullback: Pullback,
        scores: Scores,
        space: Domain,
        norm: Norm,
        epsilon: float,
        stop: bool,
        steps: int,
        restarts: int,
        objective: Objective,
        kept: _Kept,
    ) -> None:
        self.pullback, self.scores, self.space, self.norm, self.epsilon = pullback, scores, space, norm, epsilon
        self.stop, self.steps, self.restarts, self.objective, self.kept = stop, steps, restarts, objective, kept
        self.gradients = self.dead = 0

    @property
    def flat(self) -> float:
        return self.dead / self.gradients if self.gradients else float("nan")

    def run(self, x: Array, y: Array, queue: Queue, classes: NumpyArray | None, rows: int, key: int) -> None:
        work: _Rows | None = None
        while True:
            at, rounds = queue.next(rows - (0 if work is None else len(work)))
            if len(at):
                new = self._enter(x, y, at, rounds, classes, key)
                work = new if work is None else work.join(new)
            if work is None or not len(work):
                return
            self._look(work)
            work = self._standing(work)
            if len(work):
                self._walk(work)
                work = self._standing(work)

    def _standing(self, work: _Rows) -> _Rows:
        done = self.kept.over[work.at] | (work.known & (work.step >= self.steps))
        return work.take(~done) if done.any() else work

    def _enter(
        self, x: Array, y: Array, at: NumpyArray, rounds: NumpyArray, classes: NumpyArray | None, key: int
    ) -> _Rows:
        xp = array_namespace(x)
        native = xp.asarray(at, device=device(x))
        x0 = a = x[native]
        low, high = self.space.bounds(x0, 0.0, "l2")
        again = rounds % self.restarts > 0
        if again.any():  # as far as half the distance known, or half of epsilon
            reach = np.where(again, 0.5 * np.minimum(self.kept.distance[at], self.epsilon), 0.0)
            share = per_row(xp.asarray(reach, dtype=x.dtype, device=device(x)), x0)
            a = x0 + starts(x0, at, rounds, 1.0, self.norm, key) * share * self.space.scale
            a = xp.minimum(xp.maximum(a, low), high)
        to = at if classes is None else classes[at, rounds // self.restarts]
        zeros = np.zeros(len(at), dtype=np.int64)
        memory = np.tile(_USUAL, (len(at), 1))
        return _Rows(
            at, zeros, zeros == 0, zeros.copy(), memory, xp.asarray(to, device=device(x)), y[native], x0, low, high, a
        )

    def _point(self, work: _Rows) -> Array:
        """What is asked for the free iterate: whole-number columns at the nearest whole change."""
        if self.space.whole is None:
            return work.a
        xp = array_namespace(work.a)
        return xp.where(self.space.whole, work.x0 + xp.round(work.a - work.x0), work.a)

    def _look(self, work: _Rows) -> None:
        """Asks without gradient those that will hardly need one: they are likely to fool, or their steps are over."""
        lean = np.flatnonzero(~work.known & (work.prone | (work.step >= self.steps)))
        if not len(lean):
            return
        native = array_namespace(work.a).asarray(lean, device=device(work.a))
        outputs = self.scores(self._point(work)[native])
        self._count(work.at[lean])
        fools = np.zeros(len(work), dtype=bool)
        fools[lean] = self._fools(outputs, work.y[native])
        self._note(work, fools)
        work.known[lean] = True
        work.learn(lean, fools[lean])

    def _walk(self, work: _Rows) -> None:
        """Asks for outputs and gradients. What newly fools is noted and moved back, all else goes to its hyperplane."""
        xp = array_namespace(work.a)
        outputs, gradient = self.pullback(
            self._point(work), lambda z, rows: self._slope(z, work.y[rows], work.to[rows])
        )
        self._count(work.at)
        fools = ~work.known & self._fools(outputs, work.y)
        ahead = self._step(work, gradient, self._value(outputs, work.y, work.to))
        if fools.any():
            self._note(work, fools)
            stay = xp.asarray(fools, dtype=ahead.dtype, device=device(ahead))
            ahead = blend(per_row(stay, ahead), work.a, ahead)
        work.a = ahead
        work.step = work.step + ~fools
        fresh = np.flatnonzero(~work.known)
        work.learn(fresh, fools[fresh])
        work.known = fools

    def _fools(self, outputs: Array, y: Array) -> NumpyArray:
        """Beyond the boundary by more than rounding: what lies on it fools in one batch and not in the next."""
        xp = array_namespace(outputs)
        slack = 1e-6 * xp.max(xp.abs(outputs), axis=1)
        return to_host(self.objective.won(outputs, y) & (self.objective.margin(outputs, y) <= -slack))

    def _count(self, at: NumpyArray) -> None:
        self.kept.queries += np.bincount(at, minlength=len(self.kept.queries))

    def _note(self, work: _Rows, fools: NumpyArray) -> None:
        """Keeps the points that fool where they are nearer than before, and moves them back."""
        if not fools.any():
            return
        xp = array_namespace(work.a)
        native = xp.asarray(np.flatnonzero(fools), device=device(work.a))
        point = self._point(work)[native]
        distance = to_host(self.space.distance(point, work.x0[native], self.norm)).astype(float)
        self.kept.keep(work.at[fools], point, distance)
        if self.stop:
            self.kept.over |= self.kept.distance <= self.epsilon
        share = xp.asarray(np.where(fools, BACK, 1.0), dtype=work.a.dtype, device=device(work.a))
        work.a = work.x0 + (work.a - work.x0) * per_row(share, work.a)

    def _slope(self, outputs: Array, y: Array, to: Array) -> Array:
        if isinstance(self.objective, Misclassified):
            return losses.slope("difference", outputs, y, to)
        return self.objective.slope(outputs, y, "margin")

    def _value(self, outputs: Array, y: Array, to: Array) -> Array:
        """What is 0 on the boundary and positive beyond it."""
        if isinstance(self.objective, Misclassified):
            return losses.value("difference", outputs, y, to)
        return -self.objective.margin(outputs, y)

    def _step(self, work: _Rows, gradient: Array, value: Array) -> Array:
        """Past the linearised boundary, both from here and from the original, mixed by how far away the two are."""
        xp = array_namespace(work.a)
        axes = tuple(range(1, gradient.ndim))
        size = xp.sum(xp.abs(gradient), axis=axes)
        bad = to_host(~(size > 0) | ~xp.isfinite(size))
        self.gradients, self.dead = self.gradients + len(bad), self.dead + int(bad.sum())
        if bad.any():
            gradient = xp.where(xp.isfinite(gradient), gradient, xp.zeros_like(gradient))
        box, scale = (work.low, work.high), self.space.scale
        lacks = _dot(gradient, work.a - work.x0, xp) - value  # what the original lacks to the plane
        here = to_hyperplane(work.a, gradient, -value, box, scale, self.norm)
        there = to_hyperplane(work.x0, gradient, lacks, box, scale, self.norm)
        zero = xp.zeros_like(here)
        near, far = self.space.distance(here, zero, self.norm), self.space.distance(there, zero, self.norm)
        pull = per_row(xp.clip(near / xp.clip(near + far, TINY, None), 0.0, PULL), here)
        ahead, home = work.a + OVERSHOOT * here, work.x0 + OVERSHOOT * there
        return xp.minimum(xp.maximum(ahead + (home - ahead) * pull, work.low), work.high)

    def back_home(self, x: Array, y: Array, rows: int) -> None:
        """Halves the way from each example back to its original; not where one that is near enough is known.

        Ends a last halving's width beyond the boundary: a point on the very boundary is fooling in one batch and not in
        the next.
        """
        todo = np.flatnonzero(np.isfinite(self.kept.distance) & ~self.kept.over)
        for i in range(0, len(todo), rows):
            at = todo[i : i + rows]
            low, high = np.zeros(len(at)), np.ones(len(at))
            for _ in range(HALVINGS):
                share = (low + high) / 2
                fools = self._on_the_way(x, y, at, share)[0]
                low, high = np.where(fools, low, share), np.where(fools, share, high)
            fools, point, distance = self._on_the_way(x, y, at, np.minimum(high + 0.5**HALVINGS, 1.0))
            native = array_namespace(x).asarray(np.flatnonzero(fools), device=device(x))
            self.kept.keep(at[fools], point[native], distance[fools])

    def _on_the_way(
        self, x: Array, y: Array, at: NumpyArray, share: NumpyArray
    ) -> tuple[NumpyArray, Array, NumpyArray]:
        """Whether the points at ``share`` of the way to the examples fool, the points, and their distances."""
        xp = array_namespace(x)
        native = xp.asarray(at, device=device(x))
        x0 = x[native]
        point = x0 + (self.kept.x[native] - x0) * per_row(xp.asarray(share, dtype=x.dtype, device=device(x)), x0)
        fools = self._fools(self.scores(point), y[native])
        self._count(at)
        return fools, point, to_host(self.space.distance(point, x0, self.norm)).astype(float)
