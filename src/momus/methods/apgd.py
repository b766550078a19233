"""Auto-PGD (arXiv 2003.01690): gradient ascent that sets its own step size, for NumPy and PyTorch arrays.

The step starts at twice the radius and is halved at checkpoints where the loss rose too seldom or its best did not
move; the iterate then goes back to its best point. A row leaves at the step at which its input is fooled and another
takes its place. One forward and backward pass a step; the last iterate is asked without a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent, ProbeError
from momus.core.samples import NumpyArray
from momus.methods import losses
from momus.methods.ascent import Found, rows_for, to_host
from momus.methods.blend import blend
from momus.methods.domain import Domain, Norm, per_row, row_norm
from momus.methods.objectives import MISCLASSIFIED, Misclassified, Objective, Reached
from momus.methods.pairs import Pullback, Queue, Record, Scores, free_box, ranked, starts

Array = Any
MOMENTUM, RISING = 0.75, 0.75  # share of the plain step; share of rising steps below which the step is halved


def checkpoints(steps: int) -> dict[int, int]:
    """Step -> how many steps since the checkpoint before: first 22 % of all, then 3 % less each, at least 6 %."""
    gap, shrink, least = max(int(0.22 * steps), 1), max(int(0.03 * steps), 1), max(int(0.06 * steps), 1)
    out, at = {}, gap
    while at <= steps:
        out[at] = gap
        gap = max(gap - shrink, least)
        at += gap
    return out


@dataclass
class _Rows:
    """The rows under attack. ``a`` is the free iterate, ``old`` the one before, ``top`` the best point seen."""

    at: NumpyArray
    step: NumpyArray
    to: Array
    y: Array
    x0: Array
    low: Array
    high: Array
    a: Array
    old: Array
    top: Array
    uphill: Array  # gradient at the best point
    best: Array  # loss there
    last: Array  # loss of the step before
    checked: Array  # best loss at the last checkpoint
    halved: Array  # whether the step was halved there
    rises: Array  # how often the loss rose since
    size: Array

    def __len__(self) -> int:
        return len(self.step)

    def take(self, mask: NumpyArray) -> _Rows:
        host = np.flatnonzero(mask)
        native = array_namespace(self.a).asarray(host, device=device(self.a))
        return _Rows(*(_pick(getattr(self, f.name), host, native) for f in fields(self)))

    def join(self, other: _Rows) -> _Rows:
        if not len(self):
            return other
        xp = array_namespace(self.a)
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return _Rows(*(np.concatenate(p) if isinstance(p[0], np.ndarray) else xp.concat(p, axis=0) for p in pairs))


def _pick(v: Array, host: NumpyArray, native: Array) -> Array:
    return v[host] if isinstance(v, np.ndarray) else v[native]


def apgd(
    pullback: Pullback,
    scores: Scores,
    x: Array,
    y: Array,
    *,
    epsilon: float,
    loss: losses.Loss | losses.TargetedLoss = "cross_entropy",
    targets: int = 9,
    steps: int = 100,
    norm: Norm = "linf",
    restarts: int = 1,
    domain: Domain | None = None,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
    outputs: Array | None = None,
) -> Found:
    """Auto-PGD from a random point of the ball; each input stops when the objective is won.

    ``pullback(x, slope)`` gives outputs (b, k) and the gradient of outputs times slope; ``scores(x)`` the outputs
    alone. ``loss`` may be untargeted, or targeted (``toward``, ``difference``, ``targeted_dlr``): then each of the
    ``targets`` best other classes by the untouched ``outputs`` (asked where not given) gets ``restarts`` runs, all of
    the best class first, and the objective must be misclassification. Objectives without classes climb their margin.
    Rounded and one-hot columns follow a free iterate and are asked at its projection. Costs at most (steps + 1) rows a
    run. A spent budget returns the best so far, ``complete`` False.
    """
    record = Record(x, objective)
    attack = _Attack(
        pullback, scores, (domain or Domain.image()).like(x), norm, epsilon, steps, loss, objective, record
    )
    try:
        classes = _classes(scores, x, y, loss, targets, objective, outputs)
        rounds = restarts * (1 if classes is None else classes.shape[1])
        queue = Queue(len(x), rounds, record.over)
        attack.run(x, y, queue, classes, restarts, rows or rows_for(x), int(rng.integers(2**62)))
    except BudgetSpent:
        return record.best.found(False, attack.flat)
    return record.best.found(True, attack.flat)


def _classes(
    scores: Scores, x: Array, y: Array, loss: str, targets: int, objective: Objective, outputs: Array | None
) -> NumpyArray | None:
    """(n, m) target classes, best first; None for a loss without targets."""
    if loss not in ("toward", "difference", "targeted_dlr"):
        return None
    if not isinstance(objective, Misclassified):
        raise ProbeError("targeted losses need classes: choose cross_entropy, margin or dlr")
    if outputs is None:
        rows = rows_for(x)
        parts = [scores(x[i : i + rows]) for i in range(0, len(x), rows)]
        outputs = array_namespace(x).concat(parts, axis=0) if parts else x.reshape(0, 1)
    return ranked(outputs, y, targets)


class _Attack:
    """The loop over a queue of runs, with the settings that stay the same."""

    def __init__(
        self,
        pullback: Pullback,
        scores: Scores,
        space: Domain,
        norm: Norm,
        epsilon: float,
        steps: int,
        loss: losses.Loss | losses.TargetedLoss,
        objective: Objective,
        record: Record,
    ) -> None:
        self.pullback, self.scores, self.space, self.norm, self.epsilon = pullback, scores, space, norm, epsilon
        self.steps, self.loss, self.objective, self.record = steps, loss, objective, record
        self.windows = np.zeros(steps + 1, dtype=np.int64)
        for at, window in checkpoints(steps).items():
            self.windows[at] = window
        self.gradients = self.dead = 0

    @property
    def flat(self) -> float:
        return self.dead / self.gradients if self.gradients else float("nan")

    def run(
        self, x: Array, y: Array, queue: Queue, classes: NumpyArray | None, restarts: int, rows: int, key: int
    ) -> None:
        """Rows whose steps are used up wait in ``last`` for one check without gradient."""
        work = last = None
        while True:
            room = rows - (0 if work is None else len(work))
            at, rounds = queue.next(room) if room else (_NONE, _NONE)
            if len(at):
                new = self._enter(x, y, at, rounds, classes, restarts, key)
                work = new if work is None else work.join(new)
            if work is not None and len(work):
                work = self._climb(work)
                due = work.step >= self.steps
                if due.any():
                    wait = work.take(due)
                    last = wait if last is None else last.join(wait)
                    work = work.take(~due)
            waiting, climbing = 0 if last is None else len(last), 0 if work is None else len(work)
            if last is not None and waiting and (waiting >= rows or not climbing):
                self._finish(last)
                last = None
                if work is not None and climbing:
                    work = work.take(~self.record.over[work.at])
            elif not climbing and room and not len(at):
                return

    def _finish(self, last: _Rows) -> None:
        last = last.take(~self.record.over[last.at])
        if len(last):
            point = self._point(last)
            self.record.see(last.at, point, self.scores(point), last.y)

    def _enter(
        self,
        x: Array,
        y: Array,
        at: NumpyArray,
        rounds: NumpyArray,
        classes: NumpyArray | None,
        restarts: int,
        key: int,
    ) -> _Rows:
        xp = array_namespace(x)
        native = xp.asarray(at, device=device(x))
        x0 = x[native]
        low, high = free_box(self.space, x0, self.epsilon, self.norm)
        a = self._clip(x0 + starts(x0, at, rounds, self.epsilon, self.norm, key) * self.space.scale, x0, low, high)
        to = at if classes is None else classes[at, rounds // restarts]
        flag = xp.zeros(len(at), dtype=xp.bool, device=device(x))
        zero = xp.zeros(len(at), dtype=x.dtype, device=device(x))
        lowest = xp.full_like(zero, -xp.inf)
        return _Rows(
            at=at,
            step=np.zeros(len(at), dtype=np.int64),
            to=xp.asarray(to, device=device(x)),
            y=y[native],
            x0=x0,
            low=low,
            high=high,
            a=a,
            old=a,
            top=a,
            uphill=a,
            best=lowest,
            last=lowest,
            checked=lowest,
            halved=flag | True,
            rises=zero,
            size=zero + 2 * self.epsilon,
        )

    def _clip(self, a: Array, x0: Array, low: Array, high: Array) -> Array:
        xp = array_namespace(a)
        a = xp.minimum(xp.maximum(a, low), high)
        if self.norm == "l2":
            d = self.space.distance(a, x0, "l2")
            shrink = xp.minimum(self.epsilon * (1 - 1e-6) / xp.clip(d, 1e-30, None), xp.ones_like(d))
            inside = x0 + (a - x0) * per_row(shrink, a)
            a = inside if self.space.measured is None else xp.where(self.space.measured, inside, a)
        return a

    def _point(self, work: _Rows) -> Array:
        if not self.space.discrete:
            return work.a
        return self.space.project(work.a, work.x0, self.epsilon, self.norm)

    def _climb(self, work: _Rows) -> _Rows:
        """Asks once, takes out the fooled, looks back where a checkpoint is due, moves the others."""
        point = self._point(work)
        outputs, gradient = self.pullback(point, lambda z, rows: self._slope(z, work.y[rows], work.to[rows]))
        self.record.see(work.at, point, outputs, work.y)
        value = self._value(outputs, work.y, work.to)
        over = self.record.over[work.at]
        if over.any():
            work, kept = work.take(~over), np.flatnonzero(~over)
            native = array_namespace(point).asarray(kept, device=device(point))
            gradient, value = gradient[native], value[native]
        if len(work):
            self._move(work, self._note(work, self._alive(gradient), value))
            work.step = work.step + 1
        return work

    def _slope(self, outputs: Array, y: Array, to: Array) -> Array:
        if self.loss in ("toward", "difference", "targeted_dlr"):
            return losses.slope(self.loss, outputs, y, to)
        return self.objective.slope(outputs, y, self.loss)  # type: ignore[arg-type]

    def _value(self, outputs: Array, y: Array, to: Array) -> Array:
        if isinstance(self.objective, Misclassified):
            return losses.value(self.loss, outputs, y, to)
        if isinstance(self.objective, Reached):
            return -losses.value(self.loss, outputs, y)
        return -self.objective.margin(outputs, y)

    def _alive(self, gradient: Array) -> Array:
        """The gradient with what is not finite set to zero; counts rows that have none."""
        xp = array_namespace(gradient)
        steepest = row_norm(gradient, "linf")
        dead = to_host(~(steepest > 0) | ~xp.isfinite(steepest))
        self.gradients, self.dead = self.gradients + len(dead), self.dead + int(dead.sum())
        return xp.where(xp.isfinite(gradient), gradient, xp.zeros_like(gradient)) if dead.any() else gradient

    def _note(self, work: _Rows, gradient: Array, value: Array) -> Array:
        """Keeps the best point; at a checkpoint halves the step and goes back to it where the climb stalled.

        Returns the gradient to go on with.
        """
        xp = array_namespace(value)
        work.rises = work.rises + xp.astype((value > work.last) & (work.last > -xp.inf), value.dtype)
        work.last = value
        better = value > work.best
        wide = per_row(xp.astype(better, value.dtype), work.a)
        work.top, work.uphill = blend(wide, work.a, work.top), blend(wide, gradient, work.uphill)
        work.best = xp.where(better, value, work.best)
        window = self.windows[work.step]
        if (window > 0).any():
            span = xp.asarray(window, dtype=value.dtype, device=device(value))
            due = span > 0
            stalled = (work.rises <= RISING * span) | (~work.halved & (work.checked >= work.best))
            back = due & stalled
            work.size = xp.where(back, work.size / 2, work.size)
            work.halved = xp.where(due, stalled, work.halved)
            work.checked = xp.where(due, work.best, work.checked)
            work.rises = xp.where(due, xp.zeros_like(value), work.rises)
            wide = per_row(xp.astype(back, value.dtype), work.a)
            gradient, work.a = blend(wide, work.uphill, gradient), blend(wide, work.top, work.a)
        first = work.step == 0
        if first.any():
            start = xp.asarray(first, device=device(value))
            work.checked = xp.where(start, work.best, work.checked)
        return gradient

    def _move(self, work: _Rows, gradient: Array) -> None:
        xp = array_namespace(work.a)
        scale, size = self.space.scale, per_row(work.size, work.a)
        if self.norm == "linf":
            move = size * xp.sign(gradient) * scale
        else:
            scaled = gradient * scale
            move = size * scaled / per_row(xp.clip(row_norm(scaled, "l2"), 1e-30, None), gradient) * scale
        for group in self.space.groups:  # their box is 1 wide where that of a measured column is 2 epsilon
            index = list(group)
            move[:, index] = size / max(2 * self.epsilon, 1e-12) * xp.sign(gradient[:, index])
        ahead = self._clip(work.a + move, work.x0, work.low, work.high)
        first = work.step == 0
        if not first.all():
            share = xp.asarray(np.where(first, 1.0, MOMENTUM), dtype=work.a.dtype, device=device(work.a))
            share = per_row(share, work.a)
            mixed = work.a + share * (ahead - work.a) + (1 - share) * (work.a - work.old)
            ahead = self._clip(mixed, work.x0, work.low, work.high)
        work.old, work.a = work.a, ahead


_NONE = np.zeros(0, dtype=np.int64)
