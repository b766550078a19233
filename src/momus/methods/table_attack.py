"""A black-box attack on the rows of a table, for models that give scores, values, or labels alone.

Inside the radius it mixes four kinds of steps: rows of other classes drawn in as far as the radius lets them, random
subsets of columns at corners of the ball or anywhere in it (the schedule of Square, arXiv 1912.00049), single columns
and categories, and corners whose signs were learnt from what helped the other inputs. What was turned is then brought
nearer: radii shrink while the search goes on inside them, changes are taken back, and at last every changed column is
tried as it was. Every candidate is projected into the domain, so immutable columns, whole numbers, categories, ranges
and rules hold at every step. Where only labels are known the search starts from turned rows outside the radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.ascent import Found, rows_for, to_host
from momus.methods.domain import Domain, Norm
from momus.methods.objectives import MISCLASSIFIED, Objective
from momus.methods.square_search import _Features, share

Array = Any
Outputs = Callable[[Array], Array]


@dataclass(frozen=True)
class Settings:
    """What stays the same during one attack.

    ``queries`` model rows an input until it is turned, ``refine`` more to bring a turned one nearer. ``graded``: the
    outputs tell how near success is; False for labels alone.
    """

    epsilon: float
    queries: int = 1000
    refine: int = 300
    norm: Norm = "linf"
    graded: bool = True


def table_attack(
    outputs: Outputs,
    x: Array,
    y: Array,
    *,
    settings: Settings,
    domain: Domain,
    donors: Array | None = None,
    objective: Objective = MISCLASSIFIED,
    rng: np.random.Generator,
    rows: int | None = None,
) -> Found:
    """Examples inside ``settings.epsilon`` of ``x`` (n, d) that win the ``objective``, as near as they were found.

    ``donors`` (m, d) are rows to begin from, of any class. At most ``queries + refine`` model rows an input, asked
    ``rows`` at a time, which changes nothing in the result. A spent budget returns the best so far, ``complete`` False.
    """
    work = _Work(outputs, x, y, settings, domain, donors, objective, rng, rows or rows_for(x))
    try:
        work.run()
    except BudgetSpent:
        return work.found(False)
    return work.found(True)


class _Moves(_Features):
    """Proposals inside a radius of its own for every row."""

    def __init__(self, domain: Domain, space: Domain, norm: Norm, labels: int) -> None:
        super().__init__(domain)
        self.space, self.norm = space, norm
        d = len(domain.names) or len(np.asarray(domain.scale))
        self.lean = np.zeros((labels, d))  # where accepted steps went, by label: upwards or downwards
        self.movable = np.ones(d, dtype=bool) if self.measured is None else self.measured

    def step(
        self,
        at: Array,
        x0: Array,
        label: NumpyArray,
        radius: NumpyArray,
        shares: NumpyArray,
        rng: np.random.Generator,
    ) -> Array:
        """One candidate a row: some columns moved, now and then a category, the rest as in ``at``."""
        xp = array_namespace(x0)
        b, d = x0.shape
        kind = rng.random(b)
        shares = np.where(kind < 0.35, 0.0, shares)  # the subset draws one column for certain
        pick = self._subset(b, self.movable, shares, rng)
        turn = rng.random(b) < self._category_share(int(self.movable.sum()))
        pick &= ~(turn & (rng.random(b) < 0.5))[:, None]
        up = np.full((b, d), 0.5)
        learnt = kind > 0.75
        up[learnt] = 1 / (1 + np.exp(-np.clip(self.lean[label[learnt]], -3, 3)))
        sign = np.where(rng.random((b, d)) < up, 1.0, -1.0)
        corner = learnt[:, None] | (rng.random((b, 1)) < 0.5)
        move = np.where(corner, sign, sign * rng.random((b, d))) * _finite(radius)[:, None]
        if self.norm == "l2":
            move = move / np.sqrt(np.maximum(pick.sum(axis=1), 1))[:, None]
        native = xp.asarray(move, dtype=x0.dtype, device=device(x0)) * self.space.scale
        out = xp.where(xp.asarray(pick, device=device(x0)), x0 + native, at)
        if self.categories and self.switches > 0 and turn.any():
            self._switch(out, x0, turn, rng)
        return self.within(out, x0, radius)

    def within(self, x: Array, x0: Array, radius: NumpyArray) -> Array:
        native = array_namespace(x).asarray(radius, dtype=x.dtype, device=device(x))
        return self.space.project(x, x0, native, self.norm)

    def learn(self, before: NumpyArray, after: NumpyArray, label: NumpyArray) -> None:
        """Remembers where steps that helped went; what is old fades."""
        if len(label):
            self.lean *= 0.995
            np.add.at(self.lean, label, 0.2 * np.sign(np.nan_to_num(after - before)))


class _Work:
    """The state of all inputs: where they are, what they spent, the nearest turned row of each."""

    def __init__(
        self,
        outputs: Outputs,
        x: Array,
        y: Array,
        settings: Settings,
        domain: Domain,
        donors: Array | None,
        objective: Objective,
        rng: np.random.Generator,
        rows: int,
    ) -> None:
        self.outputs, self.x0, self.y, self.s = outputs, x, y, settings
        self.xp, self.objective, self.rng, self.rows = array_namespace(x), objective, rng, rows
        self.space, self.donors = domain.like(x), donors
        n = x.shape[0]
        reference = to_host(y)
        classes = reference.dtype.kind in "iu"
        self.label = np.maximum(reference, 0).astype(np.int64) if classes else np.zeros(n, dtype=np.int64)
        self.moves = _Moves(domain, self.space, settings.norm, int(self.label.max(initial=0)) + 1)
        self.best = self.xp.asarray(x, copy=True)
        self.margin = np.full(n, np.inf)
        self.size = np.full(n, np.inf)  # of ``best`` where it is turned
        self.columns = np.full(n, np.inf)
        self.far = self.xp.asarray(x, copy=True)  # labels alone: a turned row outside the radius
        self.reach = np.full(n, np.inf)
        self.queries = np.zeros(n, dtype=np.int64)
        self.won_after = np.zeros(n, dtype=np.int64)

    @property
    def turned(self) -> NumpyArray:
        return np.asarray(np.isfinite(self.size))

    def run(self) -> None:
        self._see(np.arange(len(self.size)), self.x0)
        self._borrow()
        if self.s.graded:
            self._climb(np.full(len(self.size), self.s.epsilon), self.s.queries)
        else:
            self._come_in()
        self.limit = self.queries + self.s.refine
        if self.s.graded:
            self._nearer_by_search()
        else:
            self._contract(lambda: self.turned & (self.queries < self.limit), 0.6)
        self._fewer()

    def found(self, complete: bool) -> Found:
        def native(a: NumpyArray) -> Array:
            return self.xp.asarray(a, device=device(self.x0))

        margin = self.xp.asarray(self.margin, dtype=self.x0.dtype, device=device(self.x0))
        spent = np.where(self.turned, self.won_after, self.queries)
        return Found(self.best, native(self.turned), margin, spent, complete)

    def _ask(self, index: NumpyArray, x: Array) -> tuple[NumpyArray, NumpyArray]:
        margins, wins = [], []
        for i in range(0, len(index), self.rows):
            part = slice(i, i + self.rows)
            at = self.xp.asarray(index[part], device=device(self.x0))
            out = self.outputs(x[part])
            margins.append(to_host(self.objective.margin(out, self.y[at])).astype(float))
            wins.append(to_host(self.objective.won(out, self.y[at])))
            self.queries[index[part]] += 1
        return np.concatenate(margins), np.concatenate(wins)

    def _see(self, index: NumpyArray, x: Array) -> tuple[NumpyArray, NumpyArray]:
        """Asks and keeps: the nearest turned row inside epsilon, or else the one with the lowest margin."""
        if not len(index):
            return np.zeros(0), np.zeros(0, dtype=bool)
        margin, won = self._ask(index, x)
        at = self.xp.asarray(index, device=device(self.x0))
        original = self.x0[at]
        size = to_host(self.space.distance(x, original, self.s.norm)).astype(float)
        changed = self._changed(x, original)
        inside = size <= self.s.epsilon * (1 + 1e-9) + 1e-12
        nearer = (size < self.size[index] * (1 - 1e-9)) | ((size <= self.size[index]) & (changed < self.columns[index]))
        better = np.where(won & inside, nearer, ~self.turned[index] & inside & (margin <= self.margin[index]))
        first = won & inside & ~self.turned[index]
        self.won_after[index[first]] = self.queries[index[first]]
        self._keep(self.best, index, x, better)
        won_now = index[better & won]
        self.size[won_now], self.columns[won_now] = size[better & won], changed[better & won]
        self.margin[index[better]] = margin[better]
        away = won & (size < self.reach[index])
        self._keep(self.far, index, x, away)
        self.reach[index[away]] = size[away]
        return margin, won

    def _keep(self, where: Array, index: NumpyArray, x: Array, mask: NumpyArray) -> None:
        if mask.any():
            to = self.xp.asarray(index[mask], device=device(x))
            where[to] = x[self.xp.asarray(np.flatnonzero(mask), device=device(x))]

    def _changed(self, x: Array, original: Array) -> NumpyArray:
        """How many columns differ; a one-hot group counts once."""
        a, b = to_host(x), to_host(original)
        differs = (a != b) & ~(np.isnan(a) & np.isnan(b))
        count = differs.sum(axis=1).astype(float)
        for group in self.space.groups:
            each = differs[:, list(group)]
            count += each.any(axis=1) - each.sum(axis=1)
        return np.asarray(count)

    def _rows(self, a: Array, index: NumpyArray) -> Array:
        return a[self.xp.asarray(index, device=device(a))]

    def _borrow(self) -> None:
        """Rows of the reference drawn in as far as the radius lets them; for labels alone also as they are."""
        if self.donors is None or not len(self.donors):
            return
        tries = max(1, min(len(self.donors), self.s.queries // 20, 30))
        for _ in range(tries):
            index = np.flatnonzero(~self.turned & (self.queries < self.s.queries))
            if not len(index):
                return
            picked = self._rows(self.donors, self.rng.integers(0, len(self.donors), len(index)))
            x0 = self._rows(self.x0, index)
            radius = np.full(len(index), self.s.epsilon)
            if not self.s.graded:  # from afar where nothing turned is known yet, else from half the way
                radius = np.where(np.isfinite(self.reach[index]), self.reach[index] * 0.7, 1e30)
            self._see(index, self.moves.within(picked, x0, radius))

    def _climb(self, radius: NumpyArray, queries: int) -> None:
        """Random search on the margin; a row leaves when it is turned. Restarts where nothing helped for long."""
        n = len(self.size)
        here, margin = self.xp.asarray(self.best, copy=True), self.margin.copy()
        idle = np.zeros(n, dtype=np.int64)
        patience = max(200, queries // 2)
        while True:
            index = np.flatnonzero(~self.turned & (self.queries < queries))
            if not len(index):
                return
            again = index[idle[index] > patience]
            idle[again], margin[again] = 0, np.inf
            x0, at, label = self._rows(self.x0, index), self._rows(here, index), self.label[index]
            shares = share(self.queries[index], queries, 0.8)
            candidate = self.moves.step(
                at, x0, label, radius[index], np.where(np.isinf(margin[index]), 0.8, shares), self.rng
            )
            value, _ = self._see(index, candidate)
            accept, helped = value <= margin[index], value < margin[index]
            lasting = helped & np.isfinite(margin[index])
            self.moves.learn(to_host(at)[lasting], to_host(candidate)[lasting], label[lasting])
            self._keep(here, index, candidate, accept)
            margin[index] = np.where(accept, value, margin[index])
            idle[index] = np.where(helped, 0, idle[index] + 1)

    def _come_in(self) -> None:
        """Labels alone: random places until something turns, then ever nearer until inside the radius."""
        for radius in (self.s.epsilon, 4 * self.s.epsilon, 16 * self.s.epsilon, 1e30):
            for _ in range(max(2, self.s.queries // 40)):
                index = np.flatnonzero(~np.isfinite(self.reach) & (self.queries < self.s.queries))
                if not len(index):
                    break
                x0, label = self._rows(self.x0, index), self.label[index]
                wide = np.full(len(index), min(radius, 1e30))
                self._see(index, self.moves.step(x0, x0, label, wide, np.full(len(index), 0.8), self.rng))
        self._contract(lambda: ~self.turned & np.isfinite(self.reach) & (self.queries < self.s.queries), 0.5)

    def _contract(self, who: Callable[[], NumpyArray], start: float) -> None:
        """Steps that keep a row turned and bring it nearer: a smaller radius, columns taken back, others moved."""
        shrink = np.full(len(self.size), start)
        while True:
            index = np.flatnonzero(who())
            if not len(index):
                return
            inside = self.turned[index]
            at = self.xp.where(
                self.xp.asarray(inside, device=device(self.x0))[:, None],
                self._rows(self.best, index),
                self._rows(self.far, index),
            )
            size = np.where(inside, self.size[index], self.reach[index])
            x0 = self._rows(self.x0, index)
            tried = self._tried(at, x0, size * shrink[index], self.label[index])
            nearer = self.moves.within(tried, x0, size * shrink[index])
            before = size.copy()
            self._see(index, nearer)
            after = np.where(self.turned[index], self.size[index], self.reach[index])
            success = after < before * (1 - 1e-9)
            self.moves.learn(to_host(x0)[success], to_host(nearer)[success], self.label[index][success])
            # Half, then a quarter, an eighth less ... after a failure; a little bolder after a success.
            cut = 1 - shrink[index]
            cut = np.where(success, np.minimum(0.5, cut * 1.3), np.where(cut < 0.01, 0.4, cut * 0.75))
            shrink[index] = 1 - cut

    def _tried(self, at: Array, x0: Array, radius: NumpyArray, label: NumpyArray) -> Array:
        """``at``, or with some columns taken back, or with some moved, anywhere or where it helped before."""
        b, d = x0.shape
        kind = self.rng.random(b)
        back = (self.rng.random((b, d)) < self.rng.choice([0.1, 0.3, 0.5], (b, 1))) & (kind < 0.3)[:, None]
        free = self.moves._subset(b, self.moves.movable, np.full(b, 0.25), self.rng) & (kind > 0.5)[:, None]
        for group in self.space.groups:  # a group goes back as a whole
            back[:, list(group)] = back[:, [group[0]]]
        up = 1 / (1 + np.exp(-np.clip(self.moves.lean[label], -3, 3)))
        learnt = np.where(self.rng.random((b, d)) < up, 1.0, -1.0)
        move = np.where((kind > 0.65)[:, None], learnt, self.rng.uniform(-1, 1, (b, d))) * _finite(radius)[:, None]
        native = self.xp.asarray(move, dtype=x0.dtype, device=device(x0)) * self.space.scale
        out = self.xp.where(self.xp.asarray(free, device=device(x0)), x0 + native, at)
        return self.xp.where(self.xp.asarray(back, device=device(x0)), x0, out)

    def _nearer_by_search(self) -> None:
        """The climb again inside ever smaller radii, begun from the turned row drawn into the radius."""
        n = len(self.size)
        goal = np.where(self.turned, self.size, 0.0) * 0.5
        here, margin, idle = self.xp.asarray(self.best, copy=True), np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        fresh, step = np.ones(n, dtype=bool), np.full(n, 0.5)
        patience = np.maximum(10, self.s.refine // 12)
        while True:
            index = np.flatnonzero(self.turned & (self.queries < self.limit - self._last()) & (self.size > 1e-9))
            if not len(index):
                return
            x0, radius, label = self._rows(self.x0, index), goal[index], self.label[index]
            at = self._rows(here, index)
            moved = self.moves.step(at, x0, label, radius, np.full(len(index), 0.1), self.rng)
            drawn = self.moves.within(self._rows(self.best, index), x0, radius)
            mask = self.xp.asarray(fresh[index], device=device(x0))[:, None]
            candidate = self.xp.where(mask, drawn, moved)
            value, won = self._see(index, candidate)
            accept = fresh[index] | (value <= margin[index])
            self._keep(here, index, candidate, accept)
            idle[index] = np.where(value < margin[index], 0, idle[index] + 1)
            margin[index] = np.where(accept, value, margin[index])
            stuck = ~won & (idle[index] > patience)
            # Turned: try a step further in. Stuck: a smaller step from where it is.
            step[index] = np.where(
                won, np.minimum(0.5, step[index] * 1.2), np.where(stuck, step[index] / 2, step[index])
            )
            step[index] = np.where(step[index] < 0.01, 0.25, step[index])
            renewed = won | stuck
            fresh[index] = renewed
            goal[index] = np.where(renewed, self.size[index] * (1 - step[index]), goal[index])
            margin[index] = np.where(renewed, np.inf, margin[index])
            idle[index] = np.where(renewed, 0, idle[index])

    def _last(self) -> int:
        """Queries kept for taking columns back one at a time."""
        return int(min(self.x0.shape[1], self.s.refine // 4))

    def _fewer(self) -> None:
        """Every changed column tried as it was, the smallest change first; kept where the row stays turned."""
        host0 = to_host(self.x0)
        units = [list(g) for g in self.space.groups]
        units += [[j] for j in range(host0.shape[1]) if not any(j in u for u in units)]
        scale = np.broadcast_to(np.asarray(to_host(self.space.scale), dtype=float), host0.shape[1:])
        change = np.nan_to_num(np.abs(to_host(self.best) - host0)) / scale
        weight = np.stack([change[:, u].max(axis=1) for u in units], axis=1)
        weight = np.where(weight > 0, weight, np.inf)
        order = np.argsort(weight, axis=1, kind="stable")
        for k in range(len(units)):
            rank = order[:, k]
            open_ = self.turned & np.isfinite(weight[np.arange(len(rank)), rank]) & (self.queries < self.limit)
            index = np.flatnonzero(open_)
            if not len(index):
                return
            x0 = self._rows(self.x0, index)
            back = np.zeros(tuple(x0.shape), dtype=bool)
            for i, j in enumerate(rank[index]):
                back[i, units[j]] = True
            tried = self.xp.where(self.xp.asarray(back, device=device(x0)), x0, self._rows(self.best, index))
            self._see(index, self.moves.within(tried, x0, np.full(len(index), self.s.epsilon)))


def _finite(radius: NumpyArray) -> NumpyArray:
    """A radius to draw from: without one, thirty scales."""
    return np.minimum(radius, 30.0)
