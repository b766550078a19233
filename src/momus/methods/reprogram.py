"""Adversarial reprogramming: one frame around small pictures that makes a fixed model do another task.

White box after Elsayed et al. 2019 (arXiv 1806.11146): frame = tanh(W), one W for all pictures, found by Adam on the
cross-entropy between the task's labels and the model's outputs that stand for them. Black box after Tsai et al. 2020
(arXiv 2007.08714): the same loss from scores alone, its gradient estimated from random directions of a coarse W, and
labels that may be spread over several outputs. The model comes in as callables; nothing here knows a target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Slope
from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.ascent import to_host as host
from momus.methods.reprogram_labels import LabelMap, first, levelled, matched

Array = Any
Scores = Callable[[Array], Array]
Pullback = Callable[[Array, Slope], tuple[Array, Array]]
Mapping = Literal["first", "matched"]


@dataclass(frozen=True)
class Canvas:
    """The model's input (c, h, w) with a square of ``side`` pixels in its middle for the task's picture.

    The program is the rest: one weight a channel and block of ``cell`` x ``cell`` pixels. ``like`` is any native array
    of the model's inputs; everything made here is of its library, type and device.
    """

    shape: tuple[int, int, int]
    side: int
    cell: int
    like: Array

    @property
    def corner(self) -> tuple[int, int]:
        return (self.shape[1] - self.side) // 2, (self.shape[2] - self.side) // 2

    @property
    def grid(self) -> tuple[int, int, int]:
        """Shape of the weights."""
        c, h, w = self.shape
        return c, -(-h // self.cell), -(-w // self.cell)

    def native(self, a: NumpyArray) -> Array:
        xp = array_namespace(self.like)
        return xp.asarray(np.ascontiguousarray(a, dtype=np.float32), dtype=self.like.dtype, device=device(self.like))

    def mask(self) -> NumpyArray:
        """(1, h, w): 1 where the program may write."""
        top, left = self.corner
        m = np.ones((1, *self.shape[1:]), dtype=np.float32)
        m[:, top : top + self.side, left : left + self.side] = 0.0
        return m

    def frame(self, weights: NumpyArray) -> NumpyArray:
        """Weights (..., *grid) to frames (..., c, h, w) in [0, 1], zero where the picture goes."""
        wide = weights.repeat(self.cell, axis=-2).repeat(self.cell, axis=-1)[..., : self.shape[1], : self.shape[2]]
        out: NumpyArray = (0.5 + 0.5 * np.tanh(wide)) * self.mask()
        return out.astype(np.float32)

    def embed(self, pictures: Array, frame: Array) -> Array:
        """Native pictures (n, c, side, side) set into a native frame (c, h, w): the rows the model is asked."""
        xp = array_namespace(pictures)
        top, left = self.corner
        x = xp.asarray(xp.broadcast_to(frame[None, ...], (pictures.shape[0], *self.shape)), copy=True)
        x[:, :, top : top + self.side, left : left + self.side] = pictures
        return x

    def carry_back(self, gradient: NumpyArray, weights: NumpyArray) -> NumpyArray:
        """Gradient by the rows, summed over them (c, h, w), as gradient by the weights."""
        c, gh, gw = self.grid
        full = np.zeros((c, gh * self.cell, gw * self.cell), dtype=np.float64)
        full[:, : self.shape[1], : self.shape[2]] = gradient * self.mask()
        pooled = full.reshape(c, gh, self.cell, gw, self.cell).sum(axis=(2, 4))
        out: NumpyArray = pooled * 0.5 * (1 - np.tanh(weights) ** 2)
        return out


@dataclass
class Program:
    """What an attack learned. ``curve`` holds (rows asked so far, loss, share right) of the minibatches it saw.

    ``flat`` is the share of steps whose gradient was zero or not finite; ``steps`` those that were made.
    """

    weights: NumpyArray
    mapping: LabelMap
    queries: int = 0
    steps: int = 0
    complete: bool = True
    dead: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def flat(self) -> float:
        return self.dead / max(1, self.steps)


class Adam:
    """Adam (arXiv 1412.6980) for one array, with a rate given at each step."""

    def __init__(self, shape: tuple[int, ...], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.m, self.v, self.t, self.betas = np.zeros(shape), np.zeros(shape), 0, betas

    def step(self, gradient: NumpyArray, rate: float) -> NumpyArray:
        """What to add to the weights."""
        self.t += 1
        a, b = self.betas
        self.m = a * self.m + (1 - a) * gradient
        self.v = b * self.v + (1 - b) * gradient**2
        fast = np.sqrt(self.v / (1 - b**self.t)) + 1e-8
        return np.asarray(-rate * (self.m / (1 - a**self.t)) / fast)


@dataclass(frozen=True)
class Plan:
    """How an attack learns.

    ``steps`` of ``batch`` examples; the ``rate`` falls along a half cosine to a hundredth. ``penalty`` weighs the
    squared weights. ``mapping``: outputs by position, or ``matched`` to the labels they rise for, on the first
    ``rematch`` + 1 occasions, equally spaced in the first half. ``per`` outputs a label. ``offsets``: whether gain and
    biases of the labels' scores are learned too. ``directions`` and ``radius``: of the black box's random offsets.
    """

    steps: int
    batch: int
    rate: float = 0.05
    penalty: float = 0.0
    mapping: Mapping = "first"
    per: int = 1
    rematch: int = 0
    offsets: bool = True
    directions: int = 8
    radius: float = 0.5

    def rate_at(self, step: int) -> float:
        return float(self.rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * step / max(1, self.steps)))))

    def matches_at(self, step: int) -> bool:
        """Whether outputs are matched to labels before this step."""
        if step == 0 or self.mapping == "first":
            return step == 0
        every = self.steps / 2 / (self.rematch + 1)
        return any(step == round((i + 1) * every) for i in range(self.rematch))


class _Lesson:
    """One learning run: the examples, the program so far, and what both attacks do alike."""

    def __init__(
        self, scores: Scores, canvas: Canvas, x: Array, y: NumpyArray, labels: int, outputs: int, plan: Plan,
        rng: np.random.Generator, betas: tuple[float, float],
    ) -> None:  # fmt: skip
        self.scores, self.canvas, self.x, self.y, self.plan, self.rng = scores, canvas, x, y, plan, rng
        self.labels, self.outputs = labels, outputs
        start = 0.1 * rng.standard_normal(canvas.grid)
        self.program = Program(start, first(labels, outputs, plan.per))
        self.adam, self.reading = Adam(canvas.grid, betas), Adam((labels + 1,))
        self.size = min(plan.batch, len(y))
        self.left = np.zeros(0, dtype=np.int64)

    def batch(self, step: int) -> tuple[Array, NumpyArray]:
        """The examples of one step, reshuffled each time all were used; before them, labels are matched where due."""
        if self.plan.matches_at(step):
            self._match()
        while len(self.left) < self.size:
            self.left = np.concatenate([self.left, self.rng.permutation(len(self.y))])
        index, self.left = self.left[: self.size], self.left[self.size :]
        return self._rows(index), self.y[index]

    def frames(self, weights: NumpyArray) -> Array:
        return self.canvas.native(self.canvas.frame(weights))

    def learn(self, step: int, outputs: NumpyArray, y: NumpyArray, gradient: NumpyArray) -> None:
        """Notes how the step went, and moves the weights and the reading of the answers."""
        program, rate = self.program, self.plan.rate_at(step)
        right = float((program.mapping.read(outputs).argmax(axis=1) == y).mean())
        program.curve.append((program.queries, float(program.mapping.loss(outputs, y).mean()), right))
        usable = np.isfinite(gradient)
        if not usable.all() or not np.any(gradient):
            program.dead += 1
            gradient = np.where(usable, gradient, 0.0)
        gradient = gradient + 2 * self.plan.penalty * program.weights
        program.weights = program.weights + self.adam.step(gradient, rate)
        if self.plan.offsets and np.isfinite(outputs).all():
            program.mapping = program.mapping.moved(self.reading.step(program.mapping.descent(outputs, y), rate))
        program.steps += 1

    def _rows(self, index: NumpyArray) -> Array:
        xp = array_namespace(self.x)
        return self.x[xp.asarray(index, device=device(self.x))]

    def _match(self) -> None:
        """Matches outputs to labels and levels their scores, on up to 256 examples that are asked once."""
        if self.plan.mapping == "first" and not self.plan.offsets:
            return
        out, y = self._few()
        if self.plan.mapping == "matched":
            self.program.mapping = matched(out, y, self.labels, self.plan.per)
        if self.plan.offsets:
            self.program.mapping = levelled(self.program.mapping, out)
            self.reading = Adam((self.labels + 1,))

    def settle(self) -> None:
        """Fits gain and biases once more to answers under the finished program: what was tried around it blurs them."""
        if not self.plan.offsets:
            return
        out, y = self._few()
        if not np.isfinite(out).all():
            return
        tried = [self.program.mapping, levelled(self.program.mapping, out)]
        for start in tuple(tried):
            mapping, adam = start, Adam((self.labels + 1,))
            for i in range(200):
                mapping = mapping.moved(adam.step(mapping.descent(out, y), 0.1 * (1 - i / 200)))
            tried.append(mapping)
        self.program.mapping = min(tried, key=lambda m: float(m.loss(out, y).mean()))

    def _few(self) -> tuple[NumpyArray, NumpyArray]:
        """Answers to up to 256 examples under the present program, and their labels."""
        few = np.sort(self.rng.permutation(len(self.y))[:256])
        out = host(self.scores(self.canvas.embed(self._rows(few), self.frames(self.program.weights))))
        self.program.queries += len(few)
        return out, self.y[few]


def white_box(
    pullback: Pullback,
    scores: Scores,
    canvas: Canvas,
    x: Array,
    y: NumpyArray,
    *,
    labels: int,
    outputs: int,
    plan: Plan,
    rng: np.random.Generator,
) -> Program:
    """Gradient descent on one frame for all of ``x`` (n, c, side, side) native with labels ``y`` (n,).

    One ``pullback`` of ``plan.batch`` rows a step. A spent budget returns what was learned so far, ``complete`` False.
    """
    lesson = _Lesson(scores, canvas, x, y, labels, outputs, plan, rng, (0.9, 0.999))
    program, xp = lesson.program, array_namespace(x)
    try:
        for step in range(plan.steps):
            xb, yb = lesson.batch(step)
            rows = canvas.embed(xb, lesson.frames(program.weights))
            out, gradient = pullback(rows, _slope(program.mapping, yb))
            program.queries += len(yb)
            summed = host(xp.sum(gradient, axis=0)) / len(yb)
            lesson.learn(step, host(out), yb, canvas.carry_back(summed, program.weights))
        lesson.settle()
    except BudgetSpent:
        program.complete = False
    return program


def _slope(mapping: LabelMap, y: NumpyArray) -> Slope:
    def weigh(outputs: Array, rows: slice) -> Array:
        xp = array_namespace(outputs)
        return mapping.slope(outputs, xp.asarray(y[rows], device=device(outputs)))

    return weigh


def black_box(
    scores: Scores,
    canvas: Canvas,
    x: Array,
    y: NumpyArray,
    *,
    labels: int,
    outputs: int,
    plan: Plan,
    rng: np.random.Generator,
) -> Program:
    """The same descent with scores alone: the gradient is estimated from ``directions`` pairs of opposite offsets.

    Both programs of a pair see the same examples, so that what differs is the program. One call of
    ``2 directions batch`` rows a step.
    """
    lesson = _Lesson(scores, canvas, x, y, labels, outputs, plan, rng, (0.9, 0.99))
    program, xp = lesson.program, array_namespace(x)
    try:
        for step in range(plan.steps):
            xb, yb = lesson.batch(step)
            u = rng.standard_normal((plan.directions, *canvas.grid))
            tried = np.concatenate([program.weights + plan.radius * u, program.weights - plan.radius * u])
            rows = xp.concat([canvas.embed(xb, lesson.frames(w)) for w in tried], axis=0)
            out, y_all = host(scores(rows)), np.tile(yb, len(tried))
            program.queries += len(rows)
            each = program.mapping.loss(out, y_all).reshape(2, plan.directions, -1).mean(axis=2)
            gradient = np.tensordot(each[0] - each[1], u, axes=(0, 0)) / (2 * plan.radius * plan.directions)
            lesson.learn(step, out, y_all, gradient)
        lesson.settle()
    except BudgetSpent:
        program.complete = False
    return program
