"""Searches for the input that a model most likely calls by a given name, all classes at once (Fredrikson et al. 2015).

Both searches stay within a ball around the start, in the coordinates of a space that prefers plausible inputs, and
raise the log-odds of a class: unlike its probability they do not go flat where the model is sure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.inversion_space import Space
from momus.methods.losses import one_hot, softmax

Array = Any
# Rows of z and the class wanted in each -> (log-odds (n,), gradient by z (n, size)).
Rising = Callable[[NumpyArray, NumpyArray], tuple[NumpyArray, NumpyArray]]
# Rows of z -> what a caller can compute from the answer, log-odds (n, classes).
Answers = Callable[[NumpyArray], NumpyArray]
OVERSTATED = 3.0  # how far guesses are exaggerated where all answers at the start are flat; less where only some are
HEARD = 0.05  # share of the first round's pairs that must tell something of a class, or it counts as deaf
DONE = 0.02  # a class's search is over when its step is this small a part of the ball


@dataclass
class Likeness:
    """What a search came back with: ``z`` (classes, size), and how it went.

    ``trail`` holds (rows asked so far, z) at several points of the search. ``steps`` (classes,) counts what each class
    took. ``flat`` is the share of directions that told nothing. ``complete`` False: the budget ended first.
    """

    z: NumpyArray
    steps: NumpyArray
    trail: list[tuple[int, NumpyArray]] = field(default_factory=list)
    flat: float = 0.0
    complete: bool = True


def odds_slope(scores: Array, y: NumpyArray) -> Array:
    """Derivative of a class's log-odds by the scores: 1 for it, minus the softmax of the others. Never flat."""
    xp = array_namespace(scores)
    own = one_hot(xp.asarray(y, device=device(scores)), scores.shape[1], xp)
    rest = softmax(xp.where(own, xp.full_like(scores, -1e9), scores))
    return xp.where(own, xp.ones_like(scores), -rest)


def log_odds(scores: NumpyArray, y: NumpyArray) -> NumpyArray:
    """(n,) score of class ``y`` minus the log of the summed exponentials of the others."""
    rest = np.array(scores, dtype=float)
    own = rest[np.arange(len(y)), y].copy()
    rest[np.arange(len(y)), y] = -np.inf
    top = rest.max(axis=1)
    return np.asarray(own - top - np.log(np.exp(rest - top[:, None]).sum(axis=1)))


def climb(rising: Rising, space: Space, classes: NumpyArray, *, steps: int, radius: float, marks: int = 6) -> Likeness:
    """Normalised gradient ascent in z, every class for itself in one batch; the ball is ``radius`` root(size) wide.

    The step starts at a sixth of the ball and is halved for a class whenever its log-odds fall; a class whose step is
    under DONE of the ball leaves the batch.
    """
    n, ball = len(classes), radius * np.sqrt(space.size)
    z, best = np.zeros((n, space.size)), np.full(n, -np.inf)
    out = Likeness(z.copy(), np.zeros(n, dtype=np.int64))
    size, asked, dead, at = np.full(n, ball / 6), 0, 0, set(np.geomspace(1, max(1, steps), marks).astype(int))
    active = np.arange(n)
    for step in range(steps):
        if not len(active):
            break
        try:
            value, gradient = rising(z[active], classes[active])
        except BudgetSpent:
            out.complete = False
            break
        asked += len(active)
        out.steps[active] += 1
        value, gradient = np.nan_to_num(value, nan=-np.inf), np.nan_to_num(gradient)
        rose = value > best[active]
        best[active[rose]], out.z[active[rose]] = value[rose], z[active[rose]]
        size[active[~rose]] /= 2
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        dead += int((length == 0).sum())
        moved = z[active] + size[active, None] * gradient / np.where(length > 0, length, 1.0)
        z[active] = within(moved, ball)
        if step + 1 in at:
            out.trail.append((asked, out.z.copy()))
        active = active[size[active] > DONE * ball]
    out.flat = dead / asked if asked else 0.0
    out.trail.append((asked, out.z.copy()))
    return out


def seen(probabilities: NumpyArray, decimals: int | None, top: int | None) -> NumpyArray:
    """(n, k) log-odds as a caller can reckon them: rounded, and classes that an answer leaves out count as 0.

    0 and 1 are taken half a unit of the last decimal inside.
    """
    p = np.array(probabilities, dtype=float)
    if decimals is not None:
        p = np.round(p, decimals)
    if top is not None and top < p.shape[1]:
        np.put_along_axis(p, np.argsort(-p, axis=1, kind="stable")[:, top:], 0.0, axis=1)
    floor = 0.5 * 10.0 ** -(7 if decimals is None else decimals)
    p = np.clip(p, floor, 1 - floor) if floor < 0.5 else np.where(p > 0.5, 0.75, 0.25)
    return np.asarray(np.log(p) - np.log1p(-p))


def listen(
    answers: Answers, space: Space, classes: NumpyArray, *, queries: int, rounds: int, radius: float,
    rng: np.random.Generator,
) -> Likeness:  # fmt: skip
    """Learns every class's likeness from the same answers: each answer tells of all classes, so none is asked in vain.

    Pairs of inputs, a random push z and its opposite around a common centre, are asked; what the answers differ by
    adds up, push by push, to the direction in which a class's log-odds rise (as in evolution strategies,
    arXiv:1703.03864, and in reverse correlation). The first round is centred on the start. Where it
    told next to nothing of some class (rounded answers, or cut to the top classes), the other rounds are centred on the
    guesses so far, exaggerated: there its answer moves.
    """
    n, ball = len(classes), radius * np.sqrt(space.size)
    total = np.zeros((n, space.size))
    told = np.zeros(n)
    out = Likeness(total.copy(), np.zeros(n, dtype=np.int64))
    asked, pairs, silent = 0, max(1, queries // (2 * max(1, rounds))), 0.0
    for turn in range(max(1, rounds)):
        centre = OVERSTATED * silent * out.z
        who = np.arange(pairs) % n if turn else None
        push = rng.standard_normal((pairs, space.size))
        for part in np.array_split(np.arange(pairs), max(1, pairs // 128)):
            here = centre[who[part]] if who is not None else 0.0
            try:
                both = answers(np.concatenate([here + push[part], here - push[part]]))
            except BudgetSpent:
                out.complete = False
                break
            asked += len(both)
            apart = (both[: len(part)] - both[len(part) :])[:, classes]
            told += (apart != 0).sum(axis=0)
            total += apart.T @ push[part]
        length = np.linalg.norm(total, axis=1, keepdims=True)
        out.z = ball * total / np.where(length > 0, length, 1.0)
        out.trail.append((asked, out.z.copy()))
        out.flat = float(1 - told.sum() / max(1, n * asked / 2))
        if not turn and (told < HEARD * asked / 2).any():
            silent = out.flat
        if not out.complete:
            break
    out.steps[:] = asked
    return out


def nudge(
    gradient: Callable[[NumpyArray, NumpyArray], NumpyArray], x: NumpyArray, wanted: NumpyArray, *, epsilon: float,
    steps: int,
) -> NumpyArray:  # fmt: skip
    """``x`` (n, ...) in [0, 1], no value moved by more than ``epsilon``, towards the classes ``wanted``.

    What nobody sees and the model does: a recogniser that follows it looks at the same things as the model.
    """
    out = x.copy()
    for _ in range(steps):
        move = np.sign(gradient(out, wanted)) * (2.5 * epsilon / steps)
        out = np.clip(np.clip(out + move, x - epsilon, x + epsilon), 0, 1).astype(x.dtype)
    return out


def within(z: NumpyArray, ball: float) -> NumpyArray:
    """Rows of z, shortened to ``ball`` where they are longer."""
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return np.asarray(z * np.minimum(1.0, ball / np.where(length > 0, length, 1.0)))
