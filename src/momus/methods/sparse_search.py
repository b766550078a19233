"""Changing few pixels by as much as one likes: random search over scores (Sparse-RS, arXiv 2006.12834).

A candidate takes back some of the changed pixels and gives as many others a corner of the colour cube; fewer and fewer
as the search goes on, by the schedule of Square, which on the digits models turned 3 to 4 inputs in a hundred more than
a slower one. How far a pixel moves is bounded by the data range alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.ascent import Best, Found, rows_for, to_host
from momus.methods.domain import Domain
from momus.methods.objectives import MISCLASSIFIED, Objective
from momus.methods.square_search import random_search, share

Array = Any
Scores = Callable[[Array], Array]
Won = Callable[[Array, NumpyArray], NumpyArray]


def sparse_search(
    scores: Scores,
    x: Array,
    y: Array,
    *,
    pixels: int,
    queries: int = 1000,
    domain: Domain | None = None,
    start: float = 0.8,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
) -> Found:
    """At most ``pixels`` places of a picture (n, c, h, w) changed, in all channels, by at most ``queries`` rows each.

    ``start`` is the share of the changed pixels that the first proposals replace. A spent budget returns the best so
    far, ``complete`` False. Inputs that are wrong to begin with come back unchanged after one query.
    """
    space = (domain or Domain.image()).like(x)
    places = math.prod(x.shape[2:])
    most = min(pixels, places)

    def propose(best: Array, x0: Array, k: NumpyArray, draw: np.random.Generator) -> Array:
        count = np.maximum(1, np.rint(share(k, queries, start) * most)).astype(np.int64)
        return _swapped(best, x0, count, most, draw, space)

    return random_search(scores, Best(x, objective), y, propose, queries, rng, rows or rows_for(x))


def changed(x: Array, x0: Array) -> NumpyArray:
    """(n, places) booleans: the places where any channel differs."""
    xp = array_namespace(x)
    return to_host(xp.any(xp.reshape(x != x0, (*x.shape[:2], math.prod(x.shape[2:]))), axis=1))


def _swapped(best: Array, x0: Array, count: NumpyArray, pixels: int, rng: np.random.Generator, space: Domain) -> Array:
    """Takes back ``count`` of the changed pixels where there are ``pixels`` of them, and changes as many others."""
    xp = array_namespace(x0)
    b, c = x0.shape[:2]
    on = changed(best, x0)
    places = on.shape[1]
    order = rng.random((b, places), dtype=np.float32)
    held = on.sum(axis=1)
    back = np.clip(held + count - pixels, 0, held)
    fresh = np.minimum(pixels - (held - back), places - held)  # pixels that were lost to their own colour come back
    off = _first(np.where(on, order, 2), back)
    add = _first(np.where(on, 2, order), fresh)
    corner = rng.integers(0, 2, (b, c, places)).astype(np.float32)
    span = space.high - space.low
    colour = xp.reshape(space.low + span * xp.asarray(corner, dtype=x0.dtype, device=device(x0)), x0.shape)
    same = xp.max(xp.abs(colour - x0), axis=1, keepdims=True) < 0.25 * span
    colour = xp.where(same, space.low + space.high - colour, colour)  # a pixel that is white already becomes black
    shape = (b, 1, *x0.shape[2:])
    out = xp.where(xp.reshape(xp.asarray(off, device=device(x0)), shape), x0, best)
    return xp.where(xp.reshape(xp.asarray(add, device=device(x0)), shape), colour, out)


def _first(order: NumpyArray, count: NumpyArray) -> NumpyArray:
    """(b, places) booleans: the ``count`` places with the smallest numbers."""
    most = int(count.max(initial=0))
    mask = np.zeros(order.shape, dtype=bool)
    if not most:
        return mask
    index = np.argpartition(order, min(most, order.shape[1] - 1), axis=1)[:, :most]
    index = np.take_along_axis(index, np.argsort(np.take_along_axis(order, index, axis=1), axis=1), axis=1)
    np.put_along_axis(mask, index, np.arange(most)[None, :] < count[:, None], axis=1)
    return mask


@dataclass(frozen=True)
class Fewest:
    """``x`` (n, ...) with as few changed places as were found to suffice, and how many (n,) those are."""

    x: Array
    places: NumpyArray
    complete: bool = True


def take_back(won: Won, x: Array, x0: Array, *, parts: int = 8, rng: np.random.Generator) -> Fewest:
    """Takes changed pixels back, those that the success does not need: in groups, then one by one.

    ``won(points, index)`` says which of the points still succeed. Rows: about ``parts`` a halving of the group size,
    then one a pixel that is left, until a whole round takes nothing back.
    """
    xp = array_namespace(x)
    x = xp.asarray(x, copy=True)
    on = changed(x, x0)
    try:
        size = np.maximum(1, -(-on.sum(axis=1) // parts))
        while len(on):
            before = on.sum()
            _round(won, x, x0, on, size, rng)
            if (size <= 1).all() and on.sum() == before:  # a pixel taken back may have held another in its place
                break
            size = np.maximum(1, size // 2)
    except BudgetSpent:
        return Fewest(x, on.sum(axis=1), False)
    return Fewest(x, on.sum(axis=1))


def _round(won: Won, x: Array, x0: Array, on: NumpyArray, size: NumpyArray, rng: np.random.Generator) -> None:
    """One pass over the changed pixels of every input in groups of ``size``; ``x`` and ``on`` are written in place."""
    xp = array_namespace(x)
    queue = [rng.permutation(np.flatnonzero(row)) for row in on]
    at = np.zeros(len(on), dtype=np.int64)
    while True:
        live = np.flatnonzero(at < [len(q) for q in queue])
        if not len(live):
            return
        less = np.zeros((len(live), on.shape[1]), dtype=bool)
        for row, i in enumerate(live):
            less[row, queue[i][at[i] : at[i] + size[i]]] = True
        native = xp.asarray(live, device=device(x))
        mask = xp.reshape(xp.asarray(less, device=device(x)), (len(live), 1, *x.shape[2:]))
        point = xp.where(mask, x0[native], x[native])
        held = won(point, live)
        keep = np.flatnonzero(held)
        x[native[xp.asarray(keep, device=device(x))]] = point[xp.asarray(keep, device=device(x))]
        on[live[keep]] &= ~less[keep]
        at[live] += size[live]
