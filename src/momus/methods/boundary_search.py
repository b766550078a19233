"""Equations from answers that say little: where a rounded probability, or the class, flips on the way between two rows.

At a flip the model's own number is known: between 0.49 and 0.50 it is 0.495, between two classes scores are equal.
A binary search finds the place to the last bit, so rounding costs queries and no precision. Sources: Lowd & Meek 2005
(ACRE learning) for classes alone; the flips of rounded probabilities are the same search at other levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.equation_solving import LinearCopy
from momus.methods.linear_design import Design

Ask = Callable[[NumpyArray], NumpyArray]  # rows (n, d) -> answers (n, k); raises where the quota ends
MOST = 0.98  # levels beyond this probability, or below its complement, lie where a logit is badly known


@dataclass
class Flips:
    """Places between two rows (s, d) where the answer changes: ``low`` and ``high`` are the rows next to the place.

    ``first`` and ``second`` are the classes on either side; ``logit`` is the second class's there (0 between classes).
    """

    low: NumpyArray
    high: NumpyArray
    first: NumpyArray
    second: NumpyArray
    logit: NumpyArray

    def __len__(self) -> int:
        return len(self.logit)

    def features(self, design: Design) -> NumpyArray:
        """(s, m + 1): in the middle of the last step."""
        return (design.features(self.low) + design.features(self.high)) / 2


def join(parts: list[Flips]) -> Flips:
    """All places in one."""
    return Flips(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("low", "high", "first", "second", "logit")))


def ends(
    design: Design, ask: Ask, n: int, rng: np.random.Generator, *, tries: int = 12
) -> tuple[NumpyArray, NumpyArray, NumpyArray, NumpyArray]:
    """Up to ``n`` pairs of rows (with their answers) that agree in all but smooth columns and differ in the answer.

    Rows wander further from the usual one while too few answers differ. Two queries a try.
    """
    found: list[tuple[NumpyArray, NumpyArray, NumpyArray, NumpyArray]] = []
    have, reach = 0, 1.5
    # A whole number between two others is rounded, and the way would not be straight: it stays put where it can.
    moves = design.numbers[design.smooth] if design.smooth.any() else design.numbers
    for _ in range(tries):
        a = design.drawn(n - have, rng, reach)
        b = a.copy()
        b[:, moves] = design.drawn(n - have, rng, reach)[:, moves]
        said_a, said_b = ask(a), ask(b)
        differ = (said_a != said_b).any(axis=1)
        found.append((a[differ], b[differ], said_a[differ], said_b[differ]))
        have += int(differ.sum())
        if have >= n:
            break
        if differ.mean() < 0.5:
            reach *= 1.6
    a, b, said_a, said_b = (np.concatenate(x) for x in zip(*found, strict=True))
    return a[:n], b[:n], said_a[:n], said_b[:n]


def flips(
    design: Design,
    ask: Ask,
    pairs: tuple[NumpyArray, NumpyArray, NumpyArray, NumpyArray],
    decimals: int | None,
    *,
    steps: int = 44,
) -> Flips:
    """The place on each segment, by ``steps`` halvings.

    With ``decimals`` answers are two-class probabilities rounded to so many, and the level is the half step between
    those of the two ends that is nearest to one half. Without, answers are one-hot classes.
    """
    a, b, said_a, said_b = pairs
    low, high = a.copy(), b.copy()
    if decimals is None:
        first, second = said_a.argmax(axis=1), said_b.argmax(axis=1)
        level = np.full(len(a), 0.5)
    else:
        first, second = np.zeros(len(a), dtype=int), np.ones(len(a), dtype=int)
        level = _levels(said_a[:, 1], said_b[:, 1], decimals)
    over = said_a[:, -1] > level
    for _ in range(steps):
        middle = _between(design, low, high)
        moved = (middle != low).any(axis=1) & (middle != high).any(axis=1)
        if not moved.any():
            break
        at = np.flatnonzero(moved)
        said = ask(middle[at])
        if decimals is None:
            near = said.argmax(axis=1) == first[at]
            second[at[~near]] = said.argmax(axis=1)[~near]
        else:
            near = (said[:, 1] > level[at]) == over[at]
        low[at[near]], high[at[~near]] = middle[at[near]], middle[at[~near]]
    return Flips(low, high, first, second, np.log(level / (1 - level)))


def _levels(a: NumpyArray, b: NumpyArray, decimals: int) -> NumpyArray:
    """A half step of the rounding between two answers, well away from 0 and 1 where it can be."""
    unit = 10.0**-decimals
    low, high = np.minimum(a, b), np.maximum(a, b)
    wanted = np.clip(0.5, np.maximum(low, 1 - MOST), np.minimum(high, MOST))
    wanted = np.clip((np.floor(wanted / unit) + 0.5) * unit, low + unit / 2, high - unit / 2)
    return np.asarray(np.clip(wanted, unit / 2, 1 - unit / 2))


def _between(design: Design, low: NumpyArray, high: NumpyArray) -> NumpyArray:
    """Rows halfway, whole numbers rounded: equal to one of the two where nothing lies between."""
    middle = low.copy()
    half = (low[:, design.numbers] + high[:, design.numbers]) / 2
    whole = ~design.smooth
    half[:, whole] = np.floor(half[:, whole])
    middle[:, design.numbers] = half
    return middle


def level_copy(design: Design, found: Flips) -> LinearCopy:
    """A two-class model from places where its logit is known."""
    a = found.features(design)
    w = np.linalg.lstsq(a, found.logit, rcond=1e-13)[0]
    return LinearCopy(design, np.column_stack([np.zeros_like(w), w]))


def class_copy(design: Design, found: Flips, k: int, rows: NumpyArray, classes: NumpyArray) -> LinearCopy:
    """Weights up to one scale from places where two classes tie: the null vector of the equations.

    ``rows`` (n, d) with the ``classes`` answered settle which side is which. A class that no flip names never wins.
    """
    named = np.unique(np.concatenate([found.first, found.second]))
    index = np.full(k, -1)
    index[named] = np.arange(len(named))
    a = found.features(design)
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    m, c = a.shape[1], len(named)
    equations = np.zeros((len(a), c, m))
    at = np.arange(len(a))
    equations[at, index[found.first]] += a
    equations[at, index[found.second]] -= a
    flat = equations[:, 1:].reshape(len(a), -1)  # the first named class is the reference
    values, vectors = np.linalg.svd(flat, full_matrices=True)[1:]
    rank = int((values > 1e-7 * values[0]).sum())
    free = vectors[min(rank, len(vectors) - 1) :]
    known = index[classes] >= 0
    best = _settled(free.reshape(len(free), c - 1, m), design.features(rows[known]), index[classes[known]])
    w = np.zeros((m, k))
    w[0] = -1e6 * max(float(np.abs(best).max()), 1.0)
    w[:, named[0]] = 0.0
    w[:, named[1:]] = best.T
    return LinearCopy(design, w)


def _settled(free: NumpyArray, features: NumpyArray, classes: NumpyArray) -> NumpyArray:
    """The weights (c - 1, m), of all that the equations leave ``free`` (r, c - 1, m), that fit the classes answered.

    One free direction needs no more than its sign. More are left where some category never met a boundary.
    """
    from scipy.optimize import minimize

    parts = np.einsum("nm,rcm->ncr", features, free)
    parts = np.concatenate([np.zeros_like(parts[:, :1]), parts], axis=1)
    at = np.arange(len(classes))

    def loss(u: NumpyArray) -> tuple[float, NumpyArray]:
        z = parts @ u
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        slope = p.copy()
        slope[at, classes] -= 1
        value = -float(np.log(np.maximum(p[at, classes], 1e-300)).mean()) + 1e-4 * float(u @ u)
        return value, np.einsum("nc,ncr->r", slope, parts) / len(at) + 2e-4 * u

    found = minimize(loss, np.zeros(len(free)), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    found = found if np.abs(found).max() > 0 else np.ones(len(free))
    return np.asarray(np.einsum("r,rcm->cm", found / np.abs(found).max(), free))


def missed(copy: LinearCopy, found: Flips, rows: NumpyArray) -> float:
    """Median error of held-out flips, in units of the scores' spread over ``rows``: 0 for a linear model."""
    if not len(found):
        return 0.0
    z = found.features(copy.design) @ copy.weights
    at = np.arange(len(z))
    off = z[at, found.second] - z[at, found.first] - found.logit
    scores = copy.scores(rows)
    usual = scores[:, found.second[0]] - scores[:, found.first[0]]
    return float(np.median(np.abs(off)) / max(float(usual.std()), 1e-12))
