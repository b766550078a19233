"""A tree read from its root down, where a service answers incomplete rows with the node at which it got stuck.

Source: Tramèr et al. 2016 (arXiv:1609.02943), their top-down attack on BigML. They set one field after the other to see
which one a node asks about; here half of the fields are set at once, and again half of those.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.tree_boxes import Axes, Box
from momus.methods.tree_paths import Finder


def top_down(finder: Finder, region: Box) -> None:
    """Every leaf of the tree as a box of ``finder``, in the order of the paths."""
    stack = [(np.full(len(finder.axes), np.nan), region)]
    while stack:
        point, box = stack.pop()
        finder.ask.current = len(finder.boxes)
        here = finder.ask(point)
        asks = _field(finder, point, box, here)
        parts = [] if asks is None else _branches(finder, point, box, asks)
        if len(parts) < 2:  # a leaf, or answers that several nodes give: complete rows will tell
            finder.boxes.append(Box(box.low, box.high, box.kinds, box.coded, here))
            finder.marks.append(len(finder.ask))
            continue
        stack += reversed(parts)


def _value(axes: Axes, box: Box, a: int) -> float:
    """Some value of a field inside the box."""
    axis = axes.axes[a]
    if axis.kinds:
        return float(np.flatnonzero(box.kinds[a])[0])
    low, high = max(box.low[a], axis.low), min(box.high[a], axis.high)
    if axis.whole:
        return float(np.floor(high) if np.floor(high) <= box.high[a] else np.floor(high) - 1)
    return float((low + high) / 2)


def _filled(axes: Axes, point: NumpyArray, box: Box, fields: list[int]) -> NumpyArray:
    out = point.copy()
    for a in fields:
        out[a] = _value(axes, box, a)
    return out


def _field(finder: Finder, point: NumpyArray, box: Box, here: int) -> int | None:
    """Which field the node asks about, or one asked about before that matters again. None at a leaf.

    A field that is set passes every later question about it in silence: whether all of the box comes here is asked
    with all such fields moved at once.
    """
    again = _asked_again(finder, point, box, here)
    if again is not None:
        return again
    left = [a for a in range(len(finder.axes)) if np.isnan(point[a])]
    if not left or finder.ask(_filled(finder.axes, point, box, left)) == here:
        return None
    while len(left) > 1:
        half = left[: len(left) // 2]
        changed = finder.ask(_filled(finder.axes, point, box, half)) != here
        left = half if changed else left[len(half) :]
    return left[0]


def _asked_again(finder: Finder, point: NumpyArray, box: Box, here: int) -> int | None:
    """A field that is set and whose other values in the box lead elsewhere."""
    others: list[list[tuple[int, float]]] = []
    for a, axis in enumerate(finder.axes.axes):
        if np.isnan(point[a]):
            continue
        if axis.kinds:
            values = [float(c) for c in np.flatnonzero(box.kinds[a])]
        else:
            values = [finder.end(a, -1, box), finder.end(a, -2, box)]
        others.append([(a, v) for v in values if v != point[a]])
    for turn in range(max(map(len, others), default=0)):
        moved = [o[turn] for o in others if turn < len(o)]
        if finder.ask(_moved(point, moved)) == here:
            continue
        while len(moved) > 1:
            half = moved[: len(moved) // 2]
            moved = half if finder.ask(_moved(point, half)) != here else moved[len(half) :]
        return moved[0][0]
    return None


def _moved(point: NumpyArray, changes: list[tuple[int, float]]) -> NumpyArray:
    out = point.copy()
    for a, value in changes:
        out[a] = value
    return out


def _branches(finder: Finder, point: NumpyArray, box: Box, a: int) -> list[tuple[NumpyArray, Box]]:
    """The parts of one field that lead to different nodes, each with the field set to a value in it."""
    axis = finder.axes.axes[a]
    if axis.kinds:
        groups: dict[int, list[int]] = {}
        for c in np.flatnonzero(box.kinds[a]).tolist():
            groups.setdefault(finder.ask(_with(point, a, float(c))), []).append(c)
        found = []
        for members in groups.values():
            mask = np.zeros(box.kinds.shape[1], dtype=bool)
            mask[members] = True
            found.append((_with(point, a, float(members[0])), box.cut(a, mask)[0]))
        return found
    ends = finder.end(a, -1, box), finder.end(a, -2, box)
    cuts: list[float] = []
    _search(finder, point, a, ends[0], ends[1], cuts)
    edges = [box.low[a], *sorted(cuts), box.high[a]]
    found = []
    for low, high in pairwise(edges):
        part = box
        part = part.cut(a, high)[0] if high < box.high[a] else part
        part = part.cut(a, low)[1] if low > box.low[a] else part
        inside = finder.end(a, -2, part)
        found.append((_with(point, a, inside), part))
    return found


def _with(point: NumpyArray, a: int, value: float) -> NumpyArray:
    out = point.copy()
    out[a] = value
    return out


def _search(finder: Finder, point: NumpyArray, a: int, low: float, high: float, cuts: list[float]) -> None:
    """All places between two values where the answer changes; equal answers at both ends mean there is none."""
    axis = finder.axes.axes[a]
    enough = 1.0 if axis.whole else finder.precision * (axis.high - axis.low)
    stack = [(low, high)]
    while stack:
        low, high = stack.pop()
        if finder.ask(_with(point, a, low)) == finder.ask(_with(point, a, high)):
            continue
        pairs = finder.edges.setdefault(a, [])
        exact = next((e for e in pairs if low >= e[0] and high <= e[1]), None)
        if exact is not None or high - low <= enough:
            if exact is None:
                pairs.append((low, high))
            cuts.append((low + high) / 2 if exact is None else (exact[0] + exact[1]) / 2)
            continue
        fits = [e for e in pairs if e[0] >= low and e[1] <= high]
        if fits:
            e = min(fits, key=lambda e: abs(e[0] + e[1] - low - high))
            parts = [(low, e[0]), (e[0], e[1]), (e[1], high)]
            stack += [p for p in parts if p[0] < p[1]]
            continue
        middle = (low + high) / 2
        middle = float(np.floor(middle)) if axis.whole else middle
        stack += [(low, middle), (middle, high)]
