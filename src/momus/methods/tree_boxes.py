"""What a tree is to somebody outside: boxes over a form's fields, one answer in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.theft_rows import Ranges


@dataclass(frozen=True)
class Axis:
    """One field of a form. ``low``/``high`` bound a number; ``kinds`` counts the choices of a category (0: a number).

    ``columns`` are those of a flat row: one, or all of a one-hot group. ``values`` are a category's codes.
    """

    columns: tuple[int, ...]
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    kinds: int = 0
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Axes:
    """The fields of a row. A *point* (a,) holds a number for each field: its value, or the index of its category."""

    ranges: Ranges
    axes: tuple[Axis, ...]
    rest: NumpyArray  # a row with every column that is no field: those that cannot move

    def __len__(self) -> int:
        return len(self.axes)

    @property
    def coded(self) -> NumpyArray:
        """(a,) bool: fields that hold a category."""
        kinds: NumpyArray = np.array([a.kinds for a in self.axes])
        return np.asarray(kinds > 0)

    @property
    def most(self) -> int:
        """The greatest number of categories of a field."""
        return max([1, *(a.kinds for a in self.axes)])

    def rows(self, points: NumpyArray) -> NumpyArray:
        """Flat rows (n, d); a missing number (NaN) in a point is missing in the row."""
        out = np.tile(self.rest, (len(points), 1))
        for i, axis in enumerate(self.axes):
            column = points[:, i]
            gone = np.isnan(column)
            if len(axis.columns) > 1:
                out[:, list(axis.columns)] = 0.0
                index = np.where(gone, 0, column).astype(int)
                out[np.arange(len(points)), np.asarray(axis.columns)[index]] = 1.0
                out[np.ix_(np.flatnonzero(gone), np.asarray(axis.columns))] = np.nan
            elif axis.kinds:
                codes = np.asarray(axis.values)[np.where(gone, 0, column).astype(int)]
                out[:, axis.columns[0]] = np.where(gone, np.nan, codes)
            else:
                out[:, axis.columns[0]] = column
        return out

    def points(self, rows: NumpyArray) -> NumpyArray:
        """The way back: (n, a). A code that no category has counts as the nearest."""
        out = np.empty((len(rows), len(self.axes)))
        for i, axis in enumerate(self.axes):
            if len(axis.columns) > 1:
                out[:, i] = rows[:, list(axis.columns)].argmax(axis=1)
            elif axis.kinds:
                gaps = np.abs(rows[:, axis.columns[0]][:, None] - np.asarray(axis.values))
                out[:, i] = gaps.argmin(axis=1)
            else:
                out[:, i] = rows[:, axis.columns[0]]
        return out

    def middle(self) -> NumpyArray:
        """The point in the middle of all ranges."""
        return np.asarray(self.points(self.ranges.middle()[None])[0])

    def whole_space(self) -> Box:
        """All there is."""
        a = len(self.axes)
        kinds = np.zeros((a, self.most), dtype=bool)
        for i, axis in enumerate(self.axes):
            kinds[i, : axis.kinds] = True
        return Box(np.full(a, -np.inf), np.full(a, np.inf), kinds, self.coded)


@dataclass(frozen=True)
class Box:
    """Points with ``low < value <= high`` in every number and a category that ``kinds`` (a, most) allows.

    ``answer`` numbers the answer given inside, -1 where none is known.
    """

    low: NumpyArray
    high: NumpyArray
    kinds: NumpyArray
    coded: NumpyArray
    answer: int = -1

    def holds(self, points: NumpyArray) -> NumpyArray:
        """(n,) bool."""
        inside = ((points > self.low) & (points <= self.high)) | self.coded
        for i in np.flatnonzero(self.coded):
            inside[:, i] = self.kinds[i, points[:, i].astype(int)]
        return np.asarray(inside.all(axis=1))

    def meets(self, other: Box) -> bool:
        """Whether the two have a point in common."""
        numbers = ~self.coded
        low, high = np.maximum(self.low, other.low), np.minimum(self.high, other.high)
        if not (low < high)[numbers].all():
            return False
        return bool((self.kinds & other.kinds)[self.coded].any(axis=1).all())

    def within(self, other: Box) -> bool:
        """Whether every point of this box is one of the other."""
        numbers = ~self.coded
        if not ((self.low >= other.low) & (self.high <= other.high))[numbers].all():
            return False
        return not (self.kinds & ~other.kinds)[self.coded].any()

    def cut(self, axis: int, at: float | NumpyArray) -> tuple[Box, Box]:
        """Both sides of a threshold, or of a mask of categories."""
        if self.coded[axis]:
            first, second = self.kinds.copy(), self.kinds.copy()
            first[axis] &= np.asarray(at, dtype=bool)
            second[axis] &= ~np.asarray(at, dtype=bool)
            return Box(self.low, self.high, first, self.coded), Box(self.low, self.high, second, self.coded)
        high, low = self.high.copy(), self.low.copy()
        high[axis] = low[axis] = float(at)
        return Box(self.low, high, self.kinds, self.coded), Box(low, self.high, self.kinds, self.coded)

    def draw(self, axes: Axes, n: int, rng: np.random.Generator) -> NumpyArray:
        """(n, a) random points inside; whole numbers where a field holds such."""
        out = np.empty((n, len(axes)))
        for i, axis in enumerate(axes.axes):
            if axis.kinds:
                out[:, i] = rng.choice(np.flatnonzero(self.kinds[i]), n)
                continue
            low, high = max(self.low[i], axis.low), min(self.high[i], axis.high)
            if axis.whole:
                first = np.ceil(axis.low) if self.low[i] < axis.low else np.floor(self.low[i]) + 1
                last = max(first, np.floor(high))
                out[:, i] = first + np.floor(rng.random(n) * (last - first + 1))
            else:
                out[:, i] = high - (high - low) * rng.random(n)
        return out


def axes_of(ranges: Ranges) -> Axes:
    """The fields of a form with these ranges; columns with one value are none."""
    found = []
    for j in np.flatnonzero(ranges.measured).tolist():
        low, high = float(ranges.low[j]), float(ranges.high[j])
        if ranges.whole[j]:
            low, high = float(np.ceil(low)), float(np.floor(high))
        if high > low:
            found.append(Axis((j,), low, high, bool(ranges.whole[j])))
    for j, values in ranges.codes:
        if len(values) > 1:
            found.append(Axis((j,), kinds=len(values), values=tuple(values)))
    found += [Axis(g, kinds=len(g)) for g in ranges.groups]
    return Axes(ranges, tuple(found), ranges.middle())


@dataclass
class Oracle:
    """Answers by number, each point paid for once. ``ask`` takes rows (n, d) and gives answers (n, k).

    Answers count as equal where they agree to ``digits`` decimals: the last bits of a float are no identity.
    """

    axes: Axes
    ask: Callable[[NumpyArray], NumpyArray]
    digits: int = 12
    answers: list[NumpyArray] = field(default_factory=list)
    current: int = -1
    _asked: int = 0
    _points: NumpyArray = field(default_factory=lambda: np.zeros((0, 0)))
    _ids: NumpyArray = field(default_factory=lambda: np.zeros((0, 2), dtype=int))
    _known: dict[bytes, int] = field(default_factory=dict)
    _names: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._points = np.zeros((0, len(self.axes)))

    def __len__(self) -> int:
        return self._asked

    @property
    def points(self) -> NumpyArray:
        """(n, a) all points asked, in order."""
        return self._points[: self._asked]

    @property
    def ids(self) -> NumpyArray:
        """(n,) the number of each point's answer."""
        return self._ids[: self._asked, 0]

    @property
    def origin(self) -> NumpyArray:
        """(n,) ``current`` as it stood when the point was asked."""
        return self._ids[: self._asked, 1]

    def __call__(self, point: NumpyArray) -> int:
        """The number of the answer to one point (a,)."""
        return self.many(point[None])[0]

    def many(self, points: NumpyArray) -> list[int]:
        """The numbers of the answers to (n, a) points."""
        keys = [np.ascontiguousarray(p).tobytes() for p in points]
        new = list({k: i for i, k in enumerate(keys) if k not in self._known}.values())
        if new:
            said = np.asarray(self.ask(self.axes.rows(points[new])))
            self._grow(len(new), points.shape[1])
            for i, answer in zip(new, said, strict=True):
                name = (np.round(answer, self.digits) + 0.0).tobytes()
                if name not in self._names:
                    self._names[name] = len(self.answers)
                    self.answers.append(answer)
                self._known[keys[i]] = self._names[name]
                self._points[self._asked] = points[i]
                self._ids[self._asked] = self._names[name], self.current
                self._asked += 1
        return [self._known[k] for k in keys]

    def _grow(self, more: int, width: int) -> None:
        if self._asked + more <= len(self._points):
            return
        room = max(256, 2 * (self._asked + more))
        points, ids = np.zeros((room, width)), np.zeros((room, 2), dtype=int)
        if self._asked:
            points[: self._asked], ids[: self._asked] = self.points, self._ids[: self._asked]
        self._points, self._ids = points, ids

    def table(self) -> NumpyArray:
        """(ids, k) the answers."""
        return np.array(self.answers)


def covered(boxes: Sequence[Box], points: NumpyArray) -> NumpyArray:
    """(n,) index of the first box that holds each point, -1 for none."""
    out = np.full(len(points), -1)
    for b in range(len(boxes) - 1, -1, -1):
        out[boxes[b].holds(points)] = b
    return out
