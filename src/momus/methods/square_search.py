"""Random search with scores only: Square (arXiv 1912.00049) for images, the same idea for tables with constraints.

One query a step: the last accepted margin is kept, never asked again. A row leaves when it is fooled and another takes
its place. Windows reach the last row and column, and a window that would change nothing has its signs turned round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.ascent import Best, Found, rows_for, to_host
from momus.methods.blend import blend
from momus.methods.domain import Domain, Norm, per_row, row_norm
from momus.methods.objectives import MISCLASSIFIED, Objective

Array = Any
Scores = Callable[[Array], Array]
# (best examples, originals, steps done, rng) -> candidates of the same shape
Propose = Callable[[Array, Array, NumpyArray, np.random.Generator], Array]

# The share of pixels halves at these steps of 10,000 (Andriushchenko et al. 2020, section 4.1).
_HALVINGS = np.array([10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000])


def share(step: NumpyArray, queries: int, start: float) -> NumpyArray:
    """Share of the input that a proposal at ``step`` changes: the paper's schedule, rescaled to the query budget."""
    at = (np.asarray(step) / max(queries, 1) * 10_000).astype(int)
    return np.asarray(start / 2.0 ** np.searchsorted(_HALVINGS, at, side="left"))


def square(
    scores: Scores,
    x: Array,
    y: Array,
    *,
    epsilon: float,
    queries: int = 1000,
    norm: Norm = "linf",
    domain: Domain | None = None,
    start: float = 0.8,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
    horizon: int | None = None,
    ahead: int = 0,
) -> Found:
    """Square attack on images (n, c, h, w), at most ``queries`` model rows an input (the clean one counts).

    ``start`` is the share of pixels in the first window; windows shrink over ``horizon`` queries, which are ``queries``
    unless told. With ``ahead`` rows or fewer left, proposals to come are asked along: faster, but some of them in vain
    and on top of ``queries``. ``domain`` must be an image range. A spent budget returns the best so far,
    ``complete`` False. Inputs that are wrong to begin with come back unchanged after one query.
    """
    space = (domain or Domain.image()).like(x)
    step = _Corners() if norm == "linf" else _squares_l2

    def propose(best: Array, x0: Array, k: NumpyArray, draw: np.random.Generator) -> Array:
        return step(best, x0, k, draw, space, epsilon, share(k, horizon or queries, start))

    return random_search(scores, Best(x, objective), y, propose, queries, rng, rows or rows_for(x), ahead)


def table_search(
    scores: Scores,
    x: Array,
    y: Array,
    *,
    epsilon: float,
    domain: Domain,
    queries: int = 1000,
    norm: Norm = "linf",
    start: float = 0.8,
    rng: np.random.Generator,
    rows: int | None = None,
    objective: Objective = MISCLASSIFIED,
) -> Found:
    """Random search over the rows of a table (n, d) inside ``domain``; at most ``queries`` model rows an input.

    A step moves a random subset of the measured columns to a corner of the ball or to a random place inside it, and now
    and then switches a category. Candidates are projected, so integers, one-hot groups and immutable columns hold.
    """
    space = domain.like(x)
    features = _Features(domain)

    def propose(best: Array, x0: Array, k: NumpyArray, draw: np.random.Generator) -> Array:
        return features.propose(best, x0, draw, space, epsilon, norm, share(k, queries, start))

    return random_search(scores, Best(x, objective), y, propose, queries, rng, rows or rows_for(x))


def random_search(
    scores: Scores,
    best: Best,
    y: Array,
    propose: Propose,
    queries: int,
    rng: np.random.Generator,
    rows: int,
    ahead: int = 0,
) -> Found:
    """The loop both share. Step 0 asks the input itself, every later step one proposal, accepted if no worse.

    The rows at work are kept apart and written to ``best`` when their set changes, which on hard inputs is seldom.
    Where fewer are left than ``ahead``, up to eight proposals from the same point are asked at once; what follows the
    first accepted one is forgotten, so that the search is the same and only some rows are asked in vain.
    """
    x = best.start
    n, entered = x.shape[0], 0
    index = np.zeros(0, dtype=np.int64)
    k = np.zeros(0, dtype=np.int64)
    work = _Held(best, y, index)
    try:
        while entered < n or len(index):
            new = np.arange(entered, min(n, entered + rows - len(index)))
            entered += len(new)
            if len(new):
                work.write()
                index, k = np.concatenate([index, new]), np.concatenate([k, np.zeros(len(new), dtype=np.int64)])
                work = _Held(best, y, index)
            at_once = 1
            if ahead and k.min() > 1:
                at_once = max(1, min(8, ahead // len(index), queries - int(k.max())))
            candidate = work.current
            if k.max(initial=0) > 0:
                x0, now = work.repeated(at_once)
                steps = (k + np.arange(at_once)[:, None]).ravel()
                candidate = propose(now, x0, steps, rng)
                if len(new):
                    first = best.xp.asarray(k == 0, device=device(x))
                    candidate = best.xp.where(per_row(first, x), x0, candidate)
            fooled, tried = work.see(candidate, scores(candidate), at_once)
            best.queries[index] += at_once
            k = k + tried
            stay = ~fooled & (k < queries)
            if not stay.all():
                work.write()
                index, k = index[stay], k[stay]
                work = _Held(best, y, index)
    except BudgetSpent:
        work.write()
        return best.found(False)
    return best.found(True)


class _Held:
    """The rows at work: their originals, and the best of each so far."""

    def __init__(self, best: Best, y: Array, index: NumpyArray) -> None:
        self.best = best
        self.at = best.xp.asarray(index, device=device(best.x))
        self.x0, self.y, self.current = best.start[self.at], y[self.at], best.x[self.at]
        self.margin, self.fooled = to_host(best.margin[self.at]).copy(), np.zeros(len(index), dtype=bool)
        self.wide, self.times = self.x0, 1

    def repeated(self, times: int) -> tuple[Array, Array]:
        """Originals and best, each ``times`` times over; the originals as the same array until the set changes."""
        if times == 1:
            return self.x0, self.current
        if times != self.times:
            self.wide, self.times = self.best.xp.concat([self.x0] * times, axis=0), times
        return self.wide, self.best.xp.concat([self.current] * times, axis=0)

    def see(self, x: Array, scores: Array, times: int) -> tuple[NumpyArray, NumpyArray]:
        """Keeps the first of ``times`` proposals that is no worse; (b,) who is fooled now, and how many were tried."""
        xp, objective, b = self.best.xp, self.best.objective, len(self.margin)
        y = self.y if times == 1 else xp.concat([self.y] * times, axis=0)
        won = to_host(objective.won(scores, y)).reshape(times, b)
        value = to_host(objective.margin(scores, y)).astype(self.margin.dtype, copy=False).reshape(times, b)
        better = won | (value <= self.margin)
        first, kept = better.argmax(axis=0), np.flatnonzero(better.any(axis=0))
        if len(kept):
            rows = first[kept]
            to, source = (xp.asarray(i, device=device(x)) for i in (kept, rows * b + kept))
            self.current[to] = x[source]
            self.margin[kept], self.fooled[kept] = value[rows, kept], won[rows, kept]
        tried = np.full(b, times)
        tried[kept] = first[kept] + 1
        return self.fooled.copy(), tried

    def write(self) -> None:
        best = self.best
        best.x[self.at] = self.current
        best.margin[self.at] = best.xp.asarray(self.margin, device=device(best.x))
        best.fooled[self.at] = best.xp.asarray(self.fooled, device=device(best.x))


def _windows(size: NumpyArray, h: int, w: int, x: Array, rng: np.random.Generator) -> Array:
    """(b, 1, h, w) ones in one square of side ``size`` a row, anywhere, the last row and column included; else 0."""
    xp = array_namespace(x)
    top = (rng.random(len(size)) * (h - np.minimum(size, h) + 1)).astype(np.int64)
    left = (rng.random(len(size)) * (w - np.minimum(size, w) + 1)).astype(np.int64)
    rows, columns = np.arange(h), np.arange(w)
    down = (rows >= top[:, None]) & (rows < (top + size)[:, None])
    across = (columns >= left[:, None]) & (columns < (left + size)[:, None])
    down, across = (xp.asarray(v.astype(np.float32), dtype=x.dtype, device=device(x)) for v in (down, across))
    return (down[:, :, None] * across[:, None, :])[:, None]


def _sides(shares: NumpyArray, h: int, w: int) -> NumpyArray:
    """Window sides for shares of the picture: at least 1 pixel and smaller than the shorter side (unless that is 1)."""
    sides: NumpyArray = np.rint(np.sqrt(shares * h * w)).astype(np.int64)
    return np.clip(sides, 1, max(1, min(h, w) - 1))


def _signs(shape: tuple[int, ...], x: Array, rng: np.random.Generator) -> Array:
    xp = array_namespace(x)
    return xp.asarray(rng.integers(0, 2, shape).astype(np.float32) * 2 - 1, dtype=x.dtype, device=device(x))


class _Corners:
    """Proposals under Linf; the corners of the ball are worked out once for a set of originals."""

    def __init__(self) -> None:
        self.x0: Array = None
        self.bottom: Array = None
        self.top: Array = None

    def __call__(
        self,
        best: Array,
        x0: Array,
        k: NumpyArray,
        rng: np.random.Generator,
        space: Domain,
        epsilon: float,
        shares: NumpyArray,
    ) -> Array:
        if x0 is not self.x0:
            xp, reach = array_namespace(x0), epsilon * space.scale
            self.x0 = x0
            self.bottom, self.top = (xp.clip(x0 + v, space.low, space.high) for v in (-reach, reach))
        return _squares_linf(best, self.bottom, self.top, k, rng, shares)


def _squares_linf(
    best: Array, bottom: Array, top: Array, k: NumpyArray, rng: np.random.Generator, shares: NumpyArray
) -> Array:
    """Vertical stripes at step 1, then windows whose pixels sit on a corner of the ball, one sign a channel."""
    xp = array_namespace(best)
    b, c, h, w = best.shape
    mask = _windows(_sides(shares, h, w), h, w, best, rng)
    up = (_signs((b, c, 1, 1), best, rng) + 1) / 2
    out = blend(mask, blend(up, top, bottom), best)
    idle = to_host(xp.max(xp.abs(out - best), axis=(1, 2, 3)) == 0)
    if idle.any():
        at = xp.asarray(np.flatnonzero(idle), device=device(best))
        out[at] = blend(mask[at], blend(up[at], bottom[at], top[at]), best[at])
    if (k == 1).any():
        start = xp.asarray(np.flatnonzero(k == 1), device=device(best))
        stripes = (_signs((int((k == 1).sum()), c, 1, w), best, rng) + 1) / 2
        out[start] = blend(stripes, top[start], bottom[start])
    return out


def _squares_l2(
    best: Array, x0: Array, k: NumpyArray, rng: np.random.Generator, space: Domain, epsilon: float, shares: NumpyArray
) -> Array:
    """Moves the whole L2 budget of a second window, and what clipping left over, into the first one."""
    xp = array_namespace(x0)
    b, c, h, w = x0.shape
    size = _sides(shares, h, w)
    into, outof = _windows(size, h, w, x0, rng), _windows(size, h, w, x0, rng)
    d = best - x0
    kept, inside = d * (1 - xp.maximum(into, outof)), d * into
    # A bump that falls off from the middle of the window, one sign a channel, mixed with what stood there before.
    bump = into * _signs((b, c, 1, 1), x0, rng) * _bump(into)
    mixed = bump / per_row(xp.clip(row_norm(bump, "l2"), 1e-12, None), x0)
    mixed = mixed + inside / per_row(xp.clip(row_norm(inside, "l2"), 1e-12, None), x0)
    room = xp.sqrt(xp.clip(epsilon**2 - row_norm(kept, "l2") ** 2, 0, None))
    fresh = mixed * per_row(room / xp.clip(row_norm(mixed, "l2"), 1e-12, None), x0)
    return space.project(x0 + kept + fresh, x0, epsilon, "l2")


def _bump(mask: Array) -> Array:
    """(b, 1, h, w) weights inside the windows of ``mask``: 1 / distance-like falling off from each window's middle."""
    xp, f = array_namespace(mask), mask
    count = xp.clip(xp.sum(f, axis=(1, 2, 3)), 1, None)
    rows = xp.arange(mask.shape[2], dtype=mask.dtype, device=device(mask))[None, None, :, None]
    columns = xp.arange(mask.shape[3], dtype=mask.dtype, device=device(mask))[None, None, None, :]
    top = per_row(xp.sum(f * rows, axis=(1, 2, 3)) / count, mask)
    left = per_row(xp.sum(f * columns, axis=(1, 2, 3)) / count, mask)
    return f / (1.0 + xp.abs(rows - top) + xp.abs(columns - left))


class _Features:
    """The columns of a table as things that can be moved: measured ones and categories."""

    def __init__(self, domain: Domain) -> None:
        self.measured = None if domain.measured is None else np.asarray(domain.measured)
        self.groups, self.codes, self.switches = domain.groups, domain.codes, domain.switches
        self.categories = [len(g) for g in domain.groups] + [len(v) for _, v in domain.codes]

    def propose(
        self,
        best: Array,
        x0: Array,
        rng: np.random.Generator,
        space: Domain,
        epsilon: float,
        norm: Norm,
        shares: NumpyArray,
    ) -> Array:
        xp = array_namespace(x0)
        b, d = x0.shape
        movable = np.ones(d, dtype=bool) if self.measured is None else self.measured
        pick = self._subset(b, movable, shares, rng)
        turn = rng.random(b) < self._category_share(int(movable.sum()))
        pick &= ~(turn & (rng.random(b) < 0.5))[:, None]  # half of the category steps move nothing else
        corner = rng.random((b, 1)) < 0.5
        move = np.where(corner, np.where(rng.random((b, d)) < 0.5, -1.0, 1.0), rng.uniform(-1, 1, (b, d))) * epsilon
        if norm == "l2":
            move = move / np.sqrt(np.maximum(pick.sum(axis=1), 1))[:, None]
        native = xp.asarray(move, dtype=x0.dtype, device=device(x0)) * space.scale
        out = xp.where(xp.asarray(pick, device=device(x0)), x0 + native, best)
        if self.categories and self.switches > 0 and turn.any():
            self._switch(out, x0, turn, rng)
        return space.project(out, x0, epsilon, norm)

    def _category_share(self, measured: int) -> float:
        """How often a step switches a category: as often as categories are among the columns, at least one in five."""
        if not self.categories:
            return 0.0
        return max(0.2, len(self.categories) / (len(self.categories) + measured))

    def _subset(self, b: int, movable: NumpyArray, shares: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """(b, d) booleans: each movable column with probability ``shares``, one of them for certain."""
        where = np.flatnonzero(movable)
        pick = np.zeros((b, len(movable)), dtype=bool)
        if len(where):
            pick[:, where] = rng.random((b, len(where))) < shares[:, None]
            pick[np.arange(b), where[rng.integers(0, len(where), b)]] = True
        return pick

    def _switch(self, out: Array, x0: Array, rows: NumpyArray, rng: np.random.Generator) -> None:
        """Switches one category of the rows marked; where that is one too many, all other categories go back."""
        xp = array_namespace(x0)
        which = rng.integers(0, len(self.categories), len(rows))
        value = (rng.random(len(rows)) * np.array(self.categories)[which]).astype(np.int64)
        full = rows if self.switches == 1 else rows & (rng.random(len(rows)) < 1 / self.switches)
        for j in range(len(self.categories)):
            columns = self._columns(j)
            for row_mask, write in ((full & (which != j), None), (rows & (which == j), value)):
                at = np.flatnonzero(row_mask)
                if not len(at):
                    continue
                native = xp.asarray(at, device=device(x0))
                if write is None:
                    new = x0[native][:, columns]
                else:
                    new = xp.asarray(self._written(j, write[at]), dtype=x0.dtype, device=device(x0))
                for i, column in enumerate(columns):
                    out[native, column] = new[:, i]

    def _columns(self, j: int) -> list[int]:
        return list(self.groups[j]) if j < len(self.groups) else [self.codes[j - len(self.groups)][0]]

    def _written(self, j: int, value: NumpyArray) -> NumpyArray:
        """(m, columns of category j): a one-hot row or a code."""
        if j < len(self.groups):
            return np.eye(len(self.groups[j]))[value]
        return np.array(self.codes[j - len(self.groups)][1])[value][:, None]
