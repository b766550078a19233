"""Expectation over transformation (arXiv 1707.07397): one texture that works in many views at once.

Each step renders a batch of scenes drawn from a pool, asks the model for the slope of the objective on the pictures,
and carries it back through camera, light, projection and print to the texture. Printability and smoothness pull beside
it. The texture that did best on scenes held out for validation is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Slope, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.losses import Loss
from momus.methods.objectives import Objective
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import Projection

Array = Any
Pullback = Callable[[Array, Slope], tuple[Array, Array]]
Scores = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Scene:
    """One view of the object before one background. ``label``: what the objective refers to; ``group``: which photo."""

    projection: Projection
    light: Light
    background: NumpyArray
    label: int | float
    group: int = 0

    def render(self, texture: NumpyArray) -> NumpyArray:
        """(th, tw, c) -> the camera's picture (h, w, c) in [0, 1]."""
        return self.light.forward(self.projection.render(self.light.ink(texture), self.background))

    def pull(self, texture: NumpyArray, gradient: NumpyArray) -> NumpyArray:
        """Gradient by the picture (h, w, c) -> gradient by the texture (th, tw, c), at ``texture``."""
        arriving = self.projection.render(self.light.ink(texture), self.background)
        return self.light.ink_back(self.projection.pull(self.light.backward(arriving, gradient)))


def stack(scenes: Sequence[Scene], texture: NumpyArray, like: Array) -> Array:
    """Pictures of the texture in these scenes, (n, c, h, w), in the library and on the device of ``like``."""
    pictures = np.stack([s.render(texture) for s in scenes])
    return native(pictures, like)


def native(pictures: NumpyArray, like: Array) -> Array:
    """(n, h, w, c) NumPy -> canonical (n, c, h, w) in the library and on the device of ``like``."""
    chw = np.ascontiguousarray(np.moveaxis(pictures, -1, 1))
    return array_namespace(like).asarray(chw, dtype=like.dtype, device=device(like))


def labels(scenes: Sequence[Scene], like: Array) -> Array:
    """What the objective refers to in each scene, native."""
    return array_namespace(like).asarray(np.asarray([s.label for s in scenes]), device=device(like))


@dataclass(frozen=True)
class Paper:
    """The terms that keep a texture printable and visible to a camera (Sharif et al. 2016).

    ``palette`` (p, c): colours that a printer can make. ``printability`` and ``smoothness`` say how hard each term
    pulls, in units of the attack's own pull: 0 turns it off.
    """

    palette: NumpyArray
    printability: float = 0.1
    smoothness: float = 0.1


@dataclass(frozen=True, eq=False)
class Made:
    """A texture and how it was reached. ``success`` in [0, 1] on the validation scenes, NaN if never asked.

    ``history``: (step, share of the step's scenes won). ``flat``: share of scenes without any gradient.
    """

    texture: NumpyArray
    success: float
    history: tuple[tuple[int, float], ...]
    queries: int
    complete: bool
    flat: float


def optimise(
    pullback: Pullback,
    scores: Scores,
    pool: Sequence[Scene],
    start: NumpyArray,
    *,
    objective: Objective,
    like: Array,
    rng: np.random.Generator,
    validation: Sequence[Scene] = (),
    steps: int = 200,
    batch: int = 16,
    step_size: float = 0.05,
    rule: Literal["adam", "sign"] = "adam",
    loss: Loss | Literal["focused"] = "focused",
    paper: Paper | None = None,
    mask: NumpyArray | None = None,
    checks: int = 8,
    progress: Callable[[float], None] | None = None,
) -> Made:
    """The texture in [0, 1] that carries most scenes of the pool to the objective.

    ``pullback`` and ``scores`` are the model's; ``like`` is any canonical array of it. ``pool``: scenes to learn from,
    in any mixture of projections, lights, backgrounds and labels; each step takes ``batch`` of them at random.
    ``loss``: one of the outputs, or ``focused``: the margin, weighted towards the scenes that are not won yet, in units
    of the margins themselves, so that neither saturated outputs nor scenes long won lead it. ``mask`` (th, tw): texels
    that may change. ``checks``: how often the validation scenes are asked; without any the last texture is returned.
    Costs steps * batch + checks * len(validation) rows. A spent budget returns the best so far, ``complete`` False.
    """
    if not len(pool) or not start.size:
        return Made(start.astype(np.float32), float("nan"), (), 0, True, float("nan"))
    work = _Work(start, objective, like, paper, mask, rule)
    every = max(1, steps // max(checks, 1))
    order = _Turns(len(pool), rng)
    try:
        for step in range(steps):
            scenes = [pool[i] for i in order.take(min(batch, len(pool)))]
            work.step(pullback, scenes, loss, _decay(step, steps) * step_size)
            if validation and ((step + 1) % every == 0 or step + 1 == steps):
                work.judge(scores, validation)
            if progress is not None:
                progress((step + 1) / steps)
    except BudgetSpent:
        return work.made(False)
    return work.made(True)


def _decay(step: int, steps: int) -> float:
    """Full steps for the first half, then down to a tenth."""
    done = step / max(steps, 1)
    return 1.0 if done < 0.5 else max(0.1, 2 * (1 - done))


class _Turns:
    """Every scene once in random order before any comes again."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.n, self.rng = n, rng
        self.left: list[int] = []

    def take(self, k: int) -> list[int]:
        while len(self.left) < k:
            self.left += [int(i) for i in self.rng.permutation(self.n)]
        out, self.left = self.left[:k], self.left[k:]
        return out


@dataclass
class _Work:
    """The texture under way, Adam's moments, and the best one judged so far."""

    start: NumpyArray
    objective: Objective
    like: Array
    paper: Paper | None
    mask: NumpyArray | None
    rule: str
    history: list[tuple[int, float]] = field(default_factory=list)
    queries: int = 0
    rows: int = 0
    dead: int = 0
    steps: int = 0
    typical: float = 0.0

    def __post_init__(self) -> None:
        self.texture: NumpyArray = np.clip(self.start, 0, 1).astype(np.float32)
        self.best, self.success, self.gap = self.texture, float("nan"), np.inf
        self.first: NumpyArray = np.zeros_like(self.texture)
        self.second: NumpyArray = np.zeros_like(self.texture)

    def step(self, pullback: Pullback, scenes: list[Scene], loss: Loss | Literal["focused"], size: float) -> None:
        """Asks once and moves the texture uphill."""
        x, y = stack(scenes, self.texture, self.like), labels(scenes, self.like)

        def weigh(outputs: Array, rows: slice) -> Array:
            if loss != "focused":
                return self.objective.slope(outputs, y[rows], loss)
            up = self.objective.slope(outputs, y[rows], "margin")
            return up * self._focus(self.objective.margin(outputs, y[rows]))[:, None]

        outputs, gradient = pullback(x, weigh)
        self.queries += len(scenes)
        slopes = np.moveaxis(to_numpy(gradient), 1, -1)
        slopes = np.where(np.isfinite(slopes), slopes, 0.0).astype(np.float32)
        total = np.zeros_like(self.texture)
        for scene, slope in zip(scenes, slopes, strict=True):
            back = scene.pull(self.texture, slope)
            self.rows += 1
            self.dead += not back.any()
            total += back
        self._move(self._unit(total) + self._wishes(), size)
        self.steps += 1
        self.history.append((self.steps, float(to_numpy(self.objective.won(outputs, y)).mean())))

    def _focus(self, margin: Array) -> Array:
        """A weight in [0, 1] for each scene: near 1 while it is not won, falling off once it is."""
        xp = array_namespace(margin)
        size = float(xp.mean(xp.abs(margin)))
        if not np.isfinite(size) or size <= 0:
            return xp.ones_like(margin)
        self.typical = size if self.typical == 0 else 0.9 * self.typical + 0.1 * size
        return 1 / (1 + xp.exp(-xp.clip(1 + 4 * margin / self.typical, -30.0, 30.0)))

    def judge(self, scores: Scores, scenes: Sequence[Scene]) -> None:
        """Keeps the texture if it wins more validation scenes than the best, or as many by a greater margin."""
        won, gap = [], []
        rows = 64
        for i in range(0, len(scenes), rows):
            part = scenes[i : i + rows]
            y = labels(part, self.like)
            outputs = scores(stack(part, self.texture, self.like))
            self.queries += len(part)
            won.append(to_numpy(self.objective.won(outputs, y)))
            gap.append(to_numpy(self.objective.margin(outputs, y)).astype(float))
        share, mean = float(np.concatenate(won).mean()), float(np.concatenate(gap).mean())
        if not self.success >= share or (share == self.success and mean < self.gap):
            self.best, self.success, self.gap = self.texture.copy(), share, mean

    def made(self, complete: bool) -> Made:
        texture = self.texture if np.isnan(self.success) else self.best
        flat = self.dead / self.rows if self.rows else float("nan")
        return Made(texture, self.success, tuple(self.history), self.queries, complete, flat)

    def _unit(self, gradient: NumpyArray) -> NumpyArray:
        """The attack's pull at a root mean square of 1, so that the weights of the other terms mean the same always."""
        if self.mask is not None:
            gradient = gradient * self.mask[..., None]
        size = float(np.sqrt(np.mean(gradient.astype(np.float64) ** 2)))
        return gradient / np.float32(size) if size > 0 and np.isfinite(size) else np.zeros_like(gradient)

    def _wishes(self) -> NumpyArray:
        if self.paper is None:
            return np.zeros_like(self.texture)
        out = np.zeros_like(self.texture)
        if self.paper.printability:
            out -= self.paper.printability * unprintable(self.texture, self.paper.palette)[1]
        if self.paper.smoothness:
            out -= self.paper.smoothness * variation(self.texture)[1]
        return out if self.mask is None else out * self.mask[..., None]

    def _move(self, up: NumpyArray, size: float) -> None:
        if self.rule == "sign":
            move = np.sign(up)
        else:
            t = self.steps + 1
            self.first = 0.9 * self.first + 0.1 * up
            self.second = 0.99 * self.second + 0.01 * up**2
            move = (self.first / (1 - 0.9**t)) / (np.sqrt(self.second / (1 - 0.99**t)) + 1e-8)
        self.texture = np.clip(self.texture + np.float32(size) * move, 0, 1).astype(np.float32)


def unprintable(texture: NumpyArray, palette: NumpyArray) -> tuple[float, NumpyArray]:
    """Mean distance of the texels to the nearest printable colour, and each texel's direction away from it.

    Sharif et al. multiply the distances to all colours of the palette; the nearest one alone has the same zeros and
    does not fade as the palette grows.
    """
    flat = texture.reshape(-1, texture.shape[-1])
    colours = palette.astype(np.float32)
    # |t - p|^2 without |t|^2, which is the same for every colour of a texel.
    nearest = ((colours**2).sum(axis=1) - 2 * (flat @ colours.T)).argmin(axis=1)
    apart = flat - colours[nearest]
    distance = np.sqrt((apart**2).sum(axis=1))
    away = apart / np.maximum(distance, 1e-6)[:, None]
    return float(distance.mean()), away.reshape(texture.shape)


def variation(texture: NumpyArray) -> tuple[float, NumpyArray]:
    """Total variation a texel, mean of sqrt(dx^2 + dy^2) over texels and channels, and its slope times their number."""
    tiny = 1e-8
    dy = np.diff(texture, axis=0, append=texture[-1:])
    dx = np.diff(texture, axis=1, append=texture[:, -1:])
    length = np.sqrt(dx**2 + dy**2 + tiny)
    fx, fy = dx / length, dy / length
    slope = -fx - fy
    slope[1:] += fy[:-1]
    slope[:, 1:] += fx[:, :-1]
    return float((length - np.sqrt(tiny)).mean()), slope.astype(np.float32)


def printable(channels: int = 3, levels: int = 5) -> NumpyArray:
    """(p, c) colours that a print can show: a regular grid of file colours after the full print-and-scan loss."""
    axis = np.linspace(0, 1, levels, dtype=np.float32)
    grid = np.stack(np.meshgrid(*[axis] * channels, indexing="ij"), axis=-1).reshape(-1, channels)
    return Light(loss=1.0).ink(grid)
