"""Decision-based search (HopSkipJump, arXiv 1904.02144): nothing but "won" or "not won" is known of a point.

From a point that wins, an input walks to the boundary, asks about random directions around that boundary point, jumps
along the direction most of whose answers were "won", and walks back towards the original. Everything an iteration asks
about all inputs goes out together, so that a remote model sees a few hundred calls and not a few thousand.

What differs from the paper, each measured (docs/design/011): the search starts from the nearest other input that wins,
where the caller has some; directions of one round are orthogonal; their length is 5 percent of the distance to the
original; pictures are also asked along smooth directions (as in arXiv 2005.14137), each input using whichever kind
brought it further last time; and under Linf an estimate leans on the ones before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.ascent import to_host
from momus.methods.directions import Directions
from momus.methods.domain import Domain, Norm, per_row
from momus.methods.table_rules_repair import repair

Array = Any
# Points (b, ...) and which input each belongs to (b,) -> (b,) NumPy booleans.
Won = Callable[[Array, NumpyArray], NumpyArray]

PROBE = 0.05  # length of a probe as a share of the distance to the original
HALVINGS = 10  # of the way back to the original: to a thousandth of it
MEMORY = 0.6  # weight of the earlier estimates under Linf; under L2 the walk itself remembers, and it brings nothing
TRIED = 8  # starting points an input
SPARE = 14  # rows kept for the jump and the way back after a round of probes


@dataclass(frozen=True)
class Nearest:
    """The nearest winning point of every input.

    ``x`` (n, ...) is the input itself where none was found. ``distance`` (n,) is 0 for inputs that win untouched and
    inf where nothing was found; ``fooled`` (n,) says which have one. ``queries`` (n,) counts rows. ``trail`` holds
    (queries (n,), distance (n,)) after each iteration. ``complete`` is False where the budget ended before the search.
    """

    x: Array
    fooled: NumpyArray
    distance: NumpyArray
    queries: NumpyArray
    complete: bool = True
    trail: tuple[tuple[NumpyArray, NumpyArray], ...] = field(default=(), repr=False)


def rows_a_call(x: Array) -> int:
    """Points that go out together: at most 4,096 and 4 million values."""
    return int(min(4096, max(8, 4_000_000 // max(1, math.prod(x.shape[1:])))))


def hop_skip_jump(
    won: Won,
    x: Array,
    *,
    norm: Norm = "l2",
    queries: int = 2400,
    probes: int | None = None,
    domain: Domain | None = None,
    starts: Array | None = None,
    usable: NumpyArray | None = None,
    rng: np.random.Generator,
    rows: int | None = None,
) -> Nearest:
    """Nearest winning points under ``norm``, with at most ``queries`` rows an input; the first asks the input itself.

    ``starts`` (m, ...) are other points, ``usable`` (n, m) booleans which of them may win for which input (default:
    all); the nearest eight are asked. Without one that wins, random and plain points of the domain are. ``probes`` is
    the number of directions of the first iteration, growing with its square root (default a 24th of ``queries``, 10 to
    100). Measured columns alone are moved: categories stay. An input that wins untouched comes back as it was.

    The numbers of one input do not depend on the others, nor on ``rows``, the points that go out in one call.
    """
    search = _Search(won, x, norm, queries, domain or Domain.image(), rng, rows or rows_a_call(x))
    first = probes or max(10, min(100, queries // 24))
    try:
        search.begin()
        search.enter(starts, usable)
        for t in range(1, 1000):
            if not search.iterate(t, int(first * math.sqrt(t))):
                break
    except BudgetSpent:
        return search.found(complete=False)
    return search.found(complete=True)


def coarse(rng: np.random.Generator, shape: tuple[int, ...], block: int) -> NumpyArray:
    """Uniform numbers, the same over blocks of a picture."""
    fine = shape[2:] if len(shape) == 4 else ()
    small = shape if not fine else (*shape[:2], *(-(-s // block) for s in fine))
    drawn = rng.random(small, dtype=np.float32)
    for axis in range(2, 2 + len(fine)):
        drawn = np.repeat(drawn, block, axis=axis)
    return drawn[tuple(slice(0, s) for s in shape)]


class _Search:
    """State of all inputs. ``best`` and ``distance`` hold the nearest winning point; -1 ... n are positions in x."""

    def __init__(
        self, won: Won, x: Array, norm: Norm, queries: int, domain: Domain, rng: np.random.Generator, rows: int
    ) -> None:
        self.xp, self.won, self.x, self.norm = array_namespace(x), won, x, norm
        self.queries, self.rows = queries, rows
        self.space = domain.like(x)
        self.low, self.high = self.space.bounds(x, math.inf, "linf")
        n = x.shape[0]
        self.best = self.xp.asarray(x, copy=True)
        self.distance = np.full(n, np.inf)
        self.spent = np.zeros(n, dtype=np.int64)
        self.seeds = [np.random.default_rng(int(s)) for s in rng.integers(0, 2**62, size=n)]
        self.directions = Directions(x, self.space)
        self.gain = np.full((n, self.directions.kinds), np.inf)
        self.leaning: Array = self.xp.zeros_like(x) if norm == "linf" else None
        self.trail: list[tuple[NumpyArray, NumpyArray]] = []

    def found(self, complete: bool) -> Nearest:
        self.mark()
        return Nearest(self.best, np.isfinite(self.distance), self.distance, self.spent, complete, tuple(self.trail))

    def mark(self) -> None:
        self.trail.append((self.spent.copy(), self.distance.copy()))

    def left(self, at: NumpyArray) -> NumpyArray:
        return np.asarray(self.queries - self.spent[at])

    def native(self, v: Any, dtype: Any = None) -> Array:
        return self.xp.asarray(v, dtype=dtype, device=device(self.x))

    def scaled(self, v: NumpyArray) -> Array:
        """(b,) NumPy numbers as a native column that broadcasts over points."""
        return per_row(self.native(v, self.x.dtype), self.x)

    def legal(self, points: Array, at: NumpyArray) -> Array:
        """Inside the domain of the inputs ``at``: range, columns out of reach, whole numbers."""
        index = self.native(at)
        out = self.xp.minimum(self.xp.maximum(points, self.low[index]), self.high[index])
        return self.rounded(out, self.x[index])

    def rounded(self, points: Array, x0: Array) -> Array:
        if self.space.whole is None:
            return points
        return self.xp.where(self.space.whole, x0 + self.xp.round(points - x0), points)

    def ruled(self, points: Array, at: NumpyArray) -> Array:
        """What the card's rules between columns make of the points; the search itself walks on unrepaired ones."""
        if not self.space.rules:
            return points
        index = self.native(at)
        return repair(
            self.space.rules, points, self.x[index], low=self.low[index], high=self.high[index],
            whole=self.space.whole, groups=self.space.groups,
        )  # fmt: skip

    def ask(self, points: Array, at: NumpyArray) -> NumpyArray:
        """(b,) booleans; counts the rows and keeps what wins nearer than before."""
        won = np.zeros(len(at), dtype=bool)
        for i in range(0, len(at), self.rows):
            part = slice(i, i + self.rows)
            asked = self.ruled(points[part], at[part])
            won[part] = self.won(asked, at[part])
            np.add.at(self.spent, at[part], 1)
            self.keep(asked, at[part], won[part])
        return won

    def keep(self, points: Array, at: NumpyArray, won: NumpyArray) -> None:
        hits = np.flatnonzero(won)
        if not len(hits):
            return
        near = points[self.native(hits)]
        far = to_host(self.space.distance(near, self.x[self.native(at[hits])], self.norm)).astype(float)
        for j in np.argsort(-far, kind="stable"):  # the nearest of an input comes last
            i = int(at[hits[j]])
            if far[j] < self.distance[i]:
                self.distance[i] = far[j]
                self.best[i] = near[int(j)]

    def begin(self) -> None:
        """Asks every input itself; those that win already are done."""
        at = np.flatnonzero(self.left(np.arange(len(self.distance))) > 0)
        self.ask(self.x[self.native(at)], at)
        self.mark()

    def enter(self, starts: Array | None, usable: NumpyArray | None) -> None:
        """A first winning point near the boundary for every input: other inputs first, then points of no meaning."""
        waiting = np.flatnonzero(~np.isfinite(self.distance))
        size = max(1, self.rows // TRIED)
        if starts is not None and len(starts):
            for i in range(0, len(waiting), size):
                self.approach(*self.others(waiting[i : i + size], starts, usable))
        for attempt in range(8):
            waiting = waiting[~np.isfinite(self.distance[waiting])]
            for i in range(0, len(waiting), size):
                self.approach(*self.noise(waiting[i : i + size], attempt))
        self.walk_back(self.searching())
        self.mark()

    def searching(self, spare: int = 0) -> NumpyArray:
        """Inputs that have a winning point, do not win untouched, and may still ask."""
        on = np.isfinite(self.distance) & (self.distance > 0) & (self.queries - self.spent > spare)
        return np.flatnonzero(on)

    def others(self, at: NumpyArray, starts: Array, usable: NumpyArray | None) -> tuple[Array, NumpyArray]:
        """The nearest of the points ``starts`` for each input."""
        picked, owners = [], []
        for i in at:
            where = np.arange(len(starts)) if usable is None else np.flatnonzero(usable[i])
            several = np.full(len(where), i)
            there = self.legal(starts[self.native(where)], several)
            far = to_host(self.space.distance(there, self.x[int(i)][None], self.norm)).astype(float)
            far = np.where(np.isfinite(far), far, np.inf)
            order = np.argsort(far, kind="stable")[: min(TRIED, int(self.left(at[:1] * 0 + i)[0]))]
            order = order[(far[order] > 0) & np.isfinite(far[order])]
            picked.append(there[self.native(order)])
            owners.append(np.full(len(order), i))
        return self.xp.concat(picked, axis=0), np.concatenate(owners)

    def noise(self, at: NumpyArray, attempt: int) -> tuple[Array, NumpyArray]:
        """Points of no meaning: the ends of the range, uniform noise, then noise at the ends, fine and in blocks."""
        picked, owners = [], []
        block = (1, 1, 4, 8, 1, 2, 16, 8)[attempt]
        for i in at:
            count = min(TRIED, int(self.left(np.array([i]))[0]))
            share = coarse(self.seeds[i], (TRIED, *self.x.shape[1:]), block)[:count]
            if attempt % 4:
                share = np.where(share < 0.5, np.float32(0), np.float32(1))
            if attempt == 0:
                share[0:1], share[1:2] = np.float32(0), np.float32(1)
            low, high = self.low[int(i)][None], self.high[int(i)][None]
            points = low + (high - low) * self.native(share, self.x.dtype)
            owners.append(np.full(count, i))
            picked.append(self.legal(points, owners[-1]))
        return self.xp.concat(picked, axis=0), np.concatenate(owners)

    def approach(self, points: Array, at: NumpyArray) -> None:
        """Asks the points, and halves four times the way back from those that win; :meth:`keep` holds the nearest."""
        if not len(at):
            return
        won = self.ask(points, at)
        index = np.flatnonzero(won)
        points, at = points[self.native(index)], at[index]
        self.halve(points, at, 4)

    def walk_back(self, at: NumpyArray) -> None:
        self.halve(self.best[self.native(at)], at, HALVINGS)

    def halve(self, far: Array, at: NumpyArray, times: int, *, hold: bool = False) -> None:
        """Halves the way from winning points to their originals; leaves out who may not ask any more.

        With ``hold`` whole-number columns stay at the far end: they jump, and would jump over the boundary.
        """
        reach = to_host(self.space.distance(far, self.x[self.native(at)], self.norm)).astype(float)
        lost, won = np.zeros(len(at)), np.ones(len(at))
        for _ in range(times):
            share = np.cumsum(np.ones(len(at)))  # several points of one input share what it may still ask
            order = np.argsort(at, kind="stable")
            first = np.searchsorted(at[order], at[order], side="left")
            rank = np.empty(len(at))
            rank[order] = share - 1 - first
            go = np.flatnonzero(rank < self.left(at))
            if not len(go):
                return
            middle = (lost[go] + won[go]) / 2
            ends = far[self.native(go)]
            points = self.between(ends, at[go], middle, reach[go])
            points = self.xp.where(self.space.whole, ends, points) if hold else points
            hit = self.ask(points, at[go])
            won[go], lost[go] = np.where(hit, middle, won[go]), np.where(hit, lost[go], middle)

    def between(self, far: Array, at: NumpyArray, share: NumpyArray, reach: NumpyArray) -> Array:
        """Points with at most ``share`` of the distance: on the way back (L2), or cut to that radius (Linf)."""
        x0 = self.x[self.native(at)]
        if self.norm == "l2":
            return self.rounded(x0 + (far - x0) * self.scaled(share), x0)
        radius = self.scaled(share * reach) * self.space.scale
        return self.rounded(self.xp.minimum(self.xp.maximum(far, x0 - radius), x0 + radius), x0)

    def iterate(self, t: int, count: int) -> bool:
        """One round for every input: probes, jump, way back. False where nobody may ask enough any more."""
        at = self.searching(SPARE + 10)
        if not len(at):
            return False
        kinds = np.argmax(self.gain[at], axis=1)
        before, rows = self.distance[at].copy(), self.spent[at].copy()
        there = self.best[self.native(at)]
        towards = self.estimate(there, at, np.minimum(count, self.left(at) - SPARE), kinds)
        far, landed = self.jump(there, towards, at, before / math.sqrt(t))
        self.halve(far, at[landed], HALVINGS, hold=self.space.whole is not None and t % 2 == 0)
        self.gain[at, kinds] = (1 - self.distance[at] / before) / (self.spent[at] - rows)
        self.mark()
        return True

    def estimate(self, there: Array, at: NumpyArray, counts: NumpyArray, kinds: NumpyArray) -> Array:
        """Directions (b, ...) of norm 1, in units of each column's scale, along which winning is most likely."""
        xp = self.xp
        sums = xp.zeros_like(there), xp.zeros_like(there)
        answers = np.zeros(len(at))
        for batch in self.batches(there, at, counts, kinds):
            owner = np.concatenate([np.full(len(p), j) for j, p in batch])
            points = batch[0][1] if len(batch) == 1 else xp.concat([p for _, p in batch], axis=0)
            sign = np.where(self.ask(points, at[owner]), 1.0, -1.0)
            np.add.at(answers, owner, sign)
            start = 0
            for j, part in batch:
                moved = xp.reshape(part - there[j][None], (len(part), -1))
                moved = xp.where(xp.isnan(moved), xp.zeros_like(moved), moved)
                weight = self.native(sign[start : start + len(part)], self.x.dtype)
                sums[0][j] = sums[0][j] + xp.reshape(weight @ moved, there.shape[1:])
                sums[1][j] = sums[1][j] + xp.reshape(xp.sum(moved, axis=0), there.shape[1:])
                start += len(part)
        mean = answers / np.maximum(counts, 1)
        one_sided = np.abs(mean) == 1
        slope = self.scaled(np.where(one_sided, 0.0, 1.0)) * sums[0]
        slope = (slope + self.scaled(np.where(one_sided, mean, -mean)) * sums[1]) / self.space.scale
        slope = self.unit(self.directions.even(slope, self.scaled(self.reach(there, at))))
        if self.norm == "linf":
            index = self.native(at)
            self.leaning[index] = slope * self.scaled(np.sqrt(counts)) + MEMORY * self.leaning[index]
            slope = xp.sign(self.leaning[index])
        return slope

    def unit(self, slope: Array) -> Array:
        length = self.xp.sqrt(self.xp.sum(slope * slope, axis=tuple(range(1, slope.ndim))))
        return slope / per_row(self.xp.clip(length, 1e-30, None), slope)

    def reach(self, there: Array, at: NumpyArray) -> NumpyArray:
        """(b,) lengths of the probes."""
        return PROBE * to_host(self.space.distance(there, self.x[self.native(at)], "l2")).astype(float)

    def batches(
        self, there: Array, at: NumpyArray, counts: NumpyArray, kinds: NumpyArray
    ) -> Iterator[list[tuple[int, Array]]]:
        """The probes of all inputs as lists of (position, points), each list as many rows as one call takes."""
        length = self.reach(there, at)
        held: list[tuple[int, Array]] = []
        size = 0
        for j, i in enumerate(at):
            low, high, x0 = self.low[int(i)][None], self.high[int(i)][None], self.x[int(i)][None]
            for offsets in self.directions.draw(int(counts[j]), int(kinds[j]), length[j], self.seeds[i], self.rows):
                points = self.xp.minimum(self.xp.maximum(there[j][None] + offsets, low), high)
                points = self.rounded(points, x0)
                if size + len(points) > self.rows:
                    yield held
                    held, size = [], 0
                held.append((j, points))
                size += len(points)
        if held:
            yield held

    def jump(self, there: Array, towards: Array, at: NumpyArray, size: NumpyArray) -> tuple[Array, NumpyArray]:
        """Steps along ``towards``, halved until they win: the winning points, and the positions that have one."""
        size, todo = size.copy(), np.arange(len(at))
        landed: list[NumpyArray] = []
        points: list[Array] = [there[:0]]
        for _ in range(SPARE - 2):
            todo = todo[self.left(at[todo]) > 0]
            if not len(todo):
                break
            index = self.native(todo)
            step = towards[index] * self.scaled(size[todo]) * self.space.scale
            tried = self.legal(there[index] + step, at[todo])
            won = self.ask(tried, at[todo])
            landed.append(todo[won])
            points.append(tried[self.native(np.flatnonzero(won))])
            size[todo[~won]] /= 2
            todo = todo[~won]
        return self.xp.concat(points, axis=0), np.concatenate([np.zeros(0, dtype=np.int64), *landed])
