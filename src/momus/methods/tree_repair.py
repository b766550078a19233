"""Boxes that turned out to hold more than one leaf: taken apart along thresholds that are really there.

Where several leaves give one answer, the answer is no name, and a box that was found by it may be too large. Such a box
is cut where two of its points with different answers part, until nothing inside any piece contradicts it.
"""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.tree_boxes import Box, covered
from momus.methods.tree_paths import Finder


def contradicted(finder: Finder) -> list[int]:
    """Boxes that hold a point which was answered otherwise."""
    points, ids = finder.ask.points, finder.ask.ids
    bad = []
    for i, box in enumerate(finder.boxes):
        if box.answer >= 0 and (ids[box.holds(points)] != box.answer).any():
            bad.append(i)
    return bad


def inspect(finder: Finder, rng: np.random.Generator, per_box: int) -> None:
    """Random points inside every box whose answer more than one leaf gives."""
    points, ids = finder.ask.points, finder.ask.ids
    for answer in np.unique(ids):
        at = covered([b for b in finder.boxes if b.answer == answer], points[ids == answer])
        if len(np.unique(at)) > 1:
            finder.shared.add(int(answer))
    for box in list(finder.boxes):
        if box.answer in finder.shared:
            finder.ask.many(box.draw(finder.axes, per_box, rng))


def repair(finder: Finder, rng: np.random.Generator, per_box: int) -> bool:
    """Take contradicted boxes away; False where there were none.

    The first time an answer misleads, all its boxes go, and :meth:`Finder.explore` finds them anew, field by field.
    The second time they are cut in pieces here.
    """
    bad = contradicted(finder)
    again = {finder.boxes[i].answer for i in bad} - finder.redone
    finder.shared |= again
    finder.redone |= again
    for i, box in enumerate(list(finder.boxes)):
        if i not in bad and box.answer not in again:
            continue
        nothing = np.full_like(box.low, np.inf)
        finder.boxes[i] = Box(nothing, nothing, np.zeros_like(box.kinds), box.coded)
        finder.cover[finder.cover == i] = -1
        if box.answer not in again:
            split(finder, box, rng, per_box)
    return bool(bad)


def split(finder: Finder, region: Box, rng: np.random.Generator, per_box: int = 12) -> None:
    """Cut ``region`` until all that is asked inside a piece is answered alike; needs no answer to be a name."""
    stack = [region]
    while stack:
        piece = stack.pop()
        points, ids = _inside(finder, piece)
        if not len(points):
            finder.ask.many(piece.draw(finder.axes, 1, rng))
            points, ids = _inside(finder, piece)
        if len(np.unique(ids)) == 1:
            _look_around(finder, piece, points[0], int(ids[0]), rng, per_box)
            points, ids = _inside(finder, piece)
        if len(np.unique(ids)) == 1:
            finder.open(piece)  # points asked since then are counted before the box is added
            finder.add(Box(piece.low, piece.high, piece.kinds, piece.coded, int(ids[0])))
            continue
        stack += _cut(finder, piece, points, ids)


def _inside(finder: Finder, piece: Box) -> tuple[NumpyArray, NumpyArray]:
    inside = piece.holds(finder.ask.points)
    return finder.ask.points[inside], finder.ask.ids[inside]


def _look_around(finder: Finder, piece: Box, x: NumpyArray, me: int, rng: np.random.Generator, per_box: int) -> None:
    """Ask at random places, then at the end of every line through ``x``, until something is answered otherwise."""
    for y in piece.draw(finder.axes, per_box, rng):
        if finder.ask(y) != me:
            return
    for a, axis in enumerate(finder.axes.axes):
        if axis.kinds:
            ends = [float(c) for c in np.flatnonzero(piece.kinds[a]) if c != x[a]]
        else:
            ends = [finder.end(a, -1, piece), finder.end(a, -2, piece)]
        for value in ends:
            y = x.copy()
            y[a] = value
            if piece.holds(y[None])[0] and finder.ask(y) != me:
                return


def _cut(finder: Finder, piece: Box, points: NumpyArray, ids: NumpyArray) -> list[Box]:
    """Both sides of a boundary between the two closest points that are answered differently."""
    first = points[0]
    others = np.flatnonzero(ids != ids[0])
    nearest = others[(points[others] != first).sum(axis=1).argmin()]
    here, there = first.copy(), points[nearest]
    me, a = int(ids[0]), 0
    for a in np.flatnonzero(here != there).tolist():
        step = here.copy()
        step[a] = there[a]
        now = finder.ask(step)
        if now != me:
            break
        here = step
    axis = finder.axes.axes[a]
    if axis.kinds:
        mask = np.zeros(piece.kinds.shape[1], dtype=bool)
        for c in np.flatnonzero(piece.kinds[a]):
            step = here.copy()
            step[a] = c
            mask[c] = finder.ask(step) == me
        return list(piece.cut(a, mask))
    return list(piece.cut(a, _threshold(finder, here, a, float(there[a]), me)))


def _threshold(finder: Finder, here: NumpyArray, a: int, far: float, me: int) -> float:
    """Where the answer first changes on the way to ``far``, at thresholds that are known before any other place."""
    axis = finder.axes.axes[a]
    enough = 1.0 if axis.whole else finder.precision * (axis.high - axis.low)
    near = float(here[a])
    pairs = finder.edges.setdefault(a, [])
    tried: set[tuple[float, float]] = set()
    while abs(far - near) > enough:
        low, high = min(near, far), max(near, far)
        exact = next((e for e in pairs if low >= e[0] and high <= e[1]), None)
        if exact is not None:
            return (exact[0] + exact[1]) / 2
        fits = [e for e in pairs if e not in tried and e[0] >= low and e[1] <= high and e != (low, high)]
        pair = min(fits, key=lambda e: abs(e[0] + e[1] - low - high)) if fits else None
        if pair is not None:
            tried.add(pair)
        middle = (low + high) / 2
        values = pair if pair is not None else ((np.floor(middle) if axis.whole else middle),)
        for value in values:
            step = here.copy()
            step[a] = value
            if not min(near, far) < value < max(near, far):
                continue
            if finder.ask(step) == me:
                near = float(value)
            else:
                far = float(value)
    pairs.append((min(near, far), max(near, far)))
    return (near + far) / 2
