"""Painting an object by trial: no gradients, only the scores of its views. Squares of paint are kept where they help.

The search of Andriushchenko et al. 2020 (arXiv:1912.00049), moved from one picture to the surface of an object: a
proposal is a square of one colour on the texture, smaller and smaller; it stays where it lowers the mean margin over
a few views. The views change now and then, so that paint that only suits some of them is given up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from momus.core.capabilities import Array, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.objectives import Objective
from momus.methods.viewing.eot import Made, Scene, labels, stack

Scores = Callable[[Array], Array]
_SOLID = 12  # colours tried on the whole surface before any square
_KEEP = 12  # proposals that the same views judge
_ENOUGH = 2.0  # margin beyond which a view is won well enough


def paint(
    scores: Scores,
    pool: Sequence[Scene],
    start: NumpyArray,
    surface: NumpyArray,
    *,
    objective: Objective,
    like: Array,
    rng: np.random.Generator,
    queries: int = 4000,
    batch: int = 16,
    progress: Callable[[float], None] | None = None,
) -> Made:
    """The texture (th, tw, c) in [0, 1] with the lowest mean margin over the views of ``pool`` found by random search.

    ``surface`` (th, tw) booleans: texels that lie on the object. Costs at most ``queries`` rows. A spent budget returns
    the best so far, ``complete`` False. ``success`` is the share of the last views won.
    """
    steps = max(queries // max(batch, 1), 0)
    work = _Work(np.clip(start, 0, 1).astype(np.float32), objective, like)
    places = np.argwhere(surface)
    if not steps or not len(pool) or not len(places):
        return work.made(True)
    try:
        step = 0
        while step < steps:
            if step % _KEEP == 0:
                views = [pool[i] for i in rng.permutation(len(pool))[:batch]]
                work.settle(scores, views)
                step += 1
                continue
            work.propose(scores, views, _proposal(work.texture, places, step / steps, step <= _SOLID + 1, rng))
            step += 1
            if progress is not None:
                progress(step / steps)
    except BudgetSpent:
        return work.made(False)
    return work.made(True)


def _proposal(
    texture: NumpyArray, places: NumpyArray, done: float, solid: bool, rng: np.random.Generator
) -> NumpyArray:
    """The texture with one square in a new colour; the whole surface at first."""
    th, tw, c = texture.shape
    colour = rng.random(c) if rng.random() < 0.5 else rng.integers(0, 2, c)
    out = texture.copy()
    if solid:
        out[:] = colour
        return out
    side = max(2, round(max(th, tw) * (0.4 * (1 - done) ** 2 + 0.05)))
    y, x = places[int(rng.integers(len(places)))]
    top, left = max(0, int(y) - side // 2), max(0, int(x) - side // 2)
    out[top : top + side, left : left + side] = colour
    return out


@dataclass
class _Work:
    """The texture under way and its mean margin over the views that judge now."""

    texture: NumpyArray
    objective: Objective
    like: Array
    level: float = np.inf
    won: float = float("nan")
    history: list[tuple[int, float]] = field(default_factory=list)
    queries: int = 0

    def settle(self, scores: Scores, views: Sequence[Scene]) -> None:
        """New views judge: what the texture is worth among them."""
        self.level, self.won = self._judge(scores, views, self.texture)
        self.history.append((len(self.history) + 1, self.won))

    def propose(self, scores: Scores, views: Sequence[Scene], texture: NumpyArray) -> None:
        level, won = self._judge(scores, views, texture)
        if level < self.level:
            self.texture, self.level, self.won = texture, level, won
        self.history.append((len(self.history) + 1, self.won))

    def _judge(self, scores: Scores, views: Sequence[Scene], texture: NumpyArray) -> tuple[float, float]:
        y = labels(views, self.like)
        outputs = scores(stack(views, texture, self.like))
        self.queries += len(views)
        margin = to_numpy(self.objective.margin(outputs, y)).astype(float)
        won = to_numpy(self.objective.won(outputs, y))
        return float(np.maximum(margin, -_ENOUGH).mean()), float(won.mean())

    def made(self, complete: bool) -> Made:
        return Made(self.texture, self.won, tuple(self.history), self.queries, complete, float("nan"))
