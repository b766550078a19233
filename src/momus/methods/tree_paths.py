"""A decision tree read from outside: path finding with the answer as the leaf's name.

Tramèr et al. 2016 (arXiv:1609.02943) change one field at a time and search every line. Here a leaf's box is found with
fewer queries: many fields are changed at once while the answer stays the same (group testing: a box is a product, so a
point lies inside exactly where each of its fields does), points already paid for tell what they can, and a threshold
that one leaf has found is tried before it is searched for again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.tree_boxes import Axes, Box, Oracle, covered

Item = tuple[int, int]  # (field, category) or (field, -1: downwards | -2: upwards)


@dataclass
class Known:
    """What is known of one leaf: values inside, and the nearest ones outside."""

    low: NumpyArray
    high: NumpyArray
    below: NumpyArray
    above: NumpyArray
    kinds: NumpyArray
    not_kinds: NumpyArray


@dataclass
class Finder:
    """Finds leaves from any point. ``precision`` is the share of a field's range to which a threshold is searched.

    ``boxes`` grow as leaves are found, ``marks`` says after how many queries. ``edges`` are thresholds known so far:
    by field, pairs of the last value below and the first above. ``shared`` names answers that more than one leaf gives,
    ``redone`` those whose leaves were found a second time for that reason.
    """

    axes: Axes
    ask: Oracle
    precision: float = 1e-6
    boxes: list[Box] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    edges: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    redone: set[int] = field(default_factory=set)

    cover: NumpyArray = field(default_factory=lambda: np.zeros(0, dtype=int))

    def explore(self, region: Box, starts: NumpyArray) -> None:
        """Leaves of ``region`` until every point that was ever asked lies in one."""
        self.ask.many(starts)
        while True:
            todo = self.open(region)
            if not len(todo):
                return
            i = int(todo[-1])
            self.leaf(self.ask.points[i].copy(), region, int(self.ask.origin[i]))

    def open(self, region: Box) -> NumpyArray:
        """Indices of the asked points of the region that no box holds."""
        fresh = self.ask.points[len(self.cover) :]
        self.cover = np.concatenate([self.cover, covered(self.boxes, fresh)])
        free = np.flatnonzero(self.cover < 0)
        return np.asarray(free[region.holds(self.ask.points[free])])

    def add(self, box: Box) -> Box:
        """Note a box, and which of the points that lay in none it holds."""
        free = np.flatnonzero(self.cover < 0)
        self.cover[free[box.holds(self.ask.points[free])]] = len(self.boxes)
        self.boxes.append(box)
        self.marks.append(len(self.ask))
        return box

    def leaf(self, x: NumpyArray, region: Box, parent: int = -1) -> Box:
        """The box around ``x`` in which all is answered as ``x`` is."""
        self.ask.current = len(self.boxes)
        me = self.ask(x)
        near = self.boxes[parent] if 0 <= parent < len(self.boxes) else None
        known = self._known(x, me, region)
        self._try_neighbours(x, me, known, region, near)
        self._try_all(x, me, known, region)
        low, high = region.low.copy(), region.high.copy()
        for a in np.flatnonzero(~self.axes.coded):
            if np.isfinite(known.below[a]):
                low[a] = self._edge(x, me, known, int(a), -1)
            if np.isfinite(known.above[a]):
                high[a] = self._edge(x, me, known, int(a), -2)
        return self.add(Box(low, high, known.kinds & region.kinds, region.coded, me))

    def _known(self, x: NumpyArray, me: int, region: Box) -> Known:
        """What points paid for before say about the leaf of ``x``."""
        a = len(self.axes)
        points, ids = self.ask.points, self.ask.ids
        inside = region.holds(points)
        mine = points[inside & (ids == me)] if me not in self.shared else x[None]
        others = points[inside & (ids != me)]
        for rows in (mine, x[None]):
            known = Known(rows.min(0), rows.max(0), np.full(a, -np.inf), np.full(a, np.inf),
                          np.zeros_like(region.kinds), np.zeros_like(region.kinds))  # fmt: skip
            for i in np.flatnonzero(self.axes.coded):
                known.kinds[i, rows[:, i].astype(int)] = True
            hull = Box(np.nextafter(known.low, -np.inf), known.high, known.kinds, region.coded)
            if not len(others) or not hull.holds(others).any():
                break
            self.shared.add(me)  # two leaves have this answer: what lies between them is not inside
        self._exclude(known, others)
        return known

    def _exclude(self, known: Known, others: NumpyArray) -> None:
        """A point outside that is inside in every field but one is outside because of that one."""
        if not len(others):
            return
        bad = (others < known.low) | (others > known.high)
        for i in np.flatnonzero(self.axes.coded):
            bad[:, i] = ~known.kinds[i, others[:, i].astype(int)]
        for p, wrong in zip(others[bad.sum(axis=1) == 1], bad[bad.sum(axis=1) == 1], strict=True):
            self._outside(known, int(wrong.argmax()), float(p[wrong.argmax()]))

    def _outside(self, known: Known, a: int, value: float) -> None:
        if self.axes.axes[a].kinds:
            known.not_kinds[a, int(value)] = True
        elif value < known.low[a]:
            known.below[a] = max(known.below[a], value)
        else:
            known.above[a] = min(known.above[a], value)

    def _inside(self, known: Known, a: int, value: float) -> None:
        if self.axes.axes[a].kinds:
            known.kinds[a, int(value)] = True
        else:
            known.low[a], known.high[a] = min(known.low[a], value), max(known.high[a], value)

    def end(self, a: int, side: int, region: Box) -> float:
        """The farthest value of a number in the region."""
        axis = self.axes.axes[a]
        bound = region.low[a] if side == -1 else region.high[a]
        if not np.isfinite(bound):
            return axis.low if side == -1 else axis.high
        if axis.whole:
            return float(np.floor(bound) + (side == -1))
        pairs = [e for e in self.edges.get(a, []) if e[0] <= bound <= e[1]]
        return float(bound) if not pairs else pairs[0][1] if side == -1 else pairs[0][0]

    def _items(self, known: Known, region: Box) -> list[tuple[Item, float]]:
        """Changes whose effect is not known yet, with the value that is tried."""
        found: list[tuple[Item, float]] = []
        for a, axis in enumerate(self.axes.axes):
            if axis.kinds:
                unsure = region.kinds[a] & ~known.kinds[a] & ~known.not_kinds[a]
                found += [((a, int(c)), float(c)) for c in np.flatnonzero(unsure)]
                continue
            low, high = self.end(a, -1, region), self.end(a, -2, region)
            if low < known.low[a] and not np.isfinite(known.below[a]):
                found.append(((a, -1), low))
            if high > known.high[a] and not np.isfinite(known.above[a]):
                found.append(((a, -2), high))
        return found

    def _try_neighbours(self, x: NumpyArray, me: int, known: Known, region: Box, near: Box | None) -> None:
        """Bounds of the leaf that ``x`` was found from, one at a time: siblings share the path to their parent."""
        if near is None:
            return
        for (a, side), _ in self._items(known, region):
            if side >= 0:
                if not near.kinds[a, side] and not known.kinds[a, side] and not known.not_kinds[a, side]:
                    self._probe(x, me, known, [((a, side), float(side))])
                continue
            bound = near.low[a] if side == -1 else near.high[a]
            pair = next((e for e in self.edges.get(a, []) if e[0] <= bound <= e[1]), None)
            if pair is None:
                continue
            value = pair[0] if side == -1 else pair[1]
            beyond = value < known.low[a] if side == -1 else value > known.high[a]
            if beyond and self._in_region(a, value, region):
                self._probe(x, me, known, [((a, side), value)])

    def _in_region(self, a: int, value: float, region: Box) -> bool:
        return bool(region.low[a] < value <= region.high[a])

    def _probe(self, x: NumpyArray, me: int, known: Known, items: list[tuple[Item, float]]) -> bool:
        """Ask with all these changes at once: the same answer puts every one of them inside."""
        y = x.copy()
        for (a, _), value in items:
            y[a] = value
        if self.ask(y) == me:
            for (a, _), value in items:
                self._inside(known, a, value)
            return True
        if len(items) == 1:
            self._outside(known, items[0][0][0], items[0][1])
        return False

    def _try_all(self, x: NumpyArray, me: int, known: Known, region: Box) -> None:
        """Every change, one a field at a time, as many fields together as the answer allows."""
        while True:
            chosen: dict[int, tuple[Item, float]] = {}
            for item in self._items(known, region):
                chosen.setdefault(item[0][0], item)
            if not chosen:
                return
            items = list(chosen.values())
            if me in self.shared:
                for item in items:
                    self._probe(x, me, known, [item])
            else:
                self._settle(x, me, known, items, False)

    def _settle(self, x: NumpyArray, me: int, known: Known, items: list[tuple[Item, float]], bad: bool) -> bool:
        """Group testing by halves; True where no change leaves the leaf. ``bad``: at least one is known to."""
        if bad and len(items) == 1:
            self._outside(known, items[0][0][0], items[0][1])
            return False
        if not bad and self._probe(x, me, known, items):
            return True
        if len(items) == 1:
            return False
        half = len(items) // 2
        first = self._settle(x, me, known, items[:half], False)
        self._settle(x, me, known, items[half:], first)
        return False

    def _edge(self, x: NumpyArray, me: int, known: Known, a: int, side: int) -> float:
        """The threshold on one side, tried at thresholds of other leaves before it is searched for."""
        axis = self.axes.axes[a]
        enough = 1.0 if axis.whole else self.precision * (axis.high - axis.low)

        def ends() -> tuple[float, float]:
            return (known.below[a], known.low[a]) if side == -1 else (known.high[a], known.above[a])

        tried: set[tuple[float, float]] = set()
        while True:
            low, high = ends()
            pairs = self.edges.setdefault(a, [])
            exact = next((e for e in pairs if low >= e[0] and high <= e[1]), None)
            if exact is not None:
                return (exact[0] + exact[1]) / 2
            if high - low <= enough:
                pairs.append((low, high))
                return float(low + high) / 2
            fits = [e for e in pairs if e not in tried and e[0] >= low and e[1] <= high]
            if fits:
                pair = min(fits, key=lambda e: abs(e[0] + e[1] - low - high))
                tried.add(pair)
                outer, inner = (pair[0], pair[1]) if side == -1 else (pair[1], pair[0])
                if not self._at(x, me, known, a, outer):
                    self._at(x, me, known, a, inner)
                continue
            middle = (low + high) / 2
            self._at(x, me, known, a, float(np.floor(middle)) if axis.whole else middle)

    def _at(self, x: NumpyArray, me: int, known: Known, a: int, value: float) -> bool:
        """Ask at one value of one number; what it says is noted."""
        if known.low[a] <= value <= known.high[a]:
            return True
        if value <= known.below[a] or value >= known.above[a]:
            return False
        return self._probe(x, me, known, [((a, -1 if value < known.low[a] else -2), value)])
