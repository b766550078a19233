"""From boxes to a tree: the stolen copy in the form that all exact methods read, and as rules for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.evidence import Table
from momus.core.samples import Column, NumpyArray
from momus.core.trees import Tree
from momus.methods.tree_boxes import Axes, Box


def build(axes: Axes, boxes: Sequence[Box], answers: NumpyArray, spare: NumpyArray) -> tuple[Tree, list[Box]]:
    """One tree that answers as the boxes do, and the places that no box holds.

    ``answers`` (ids, k) are what boxes answer, ``spare`` (k,) is what the tree answers where no box is.
    """
    live = [b for b in boxes if b.answer >= 0]
    low = np.array([b.low for b in live]).reshape(len(live), len(axes))
    high = np.array([b.high for b in live]).reshape(len(live), len(axes))
    nodes: list[list[float]] = []
    values: list[NumpyArray] = []
    gaps: list[Box] = []
    stack: list[tuple[Box, NumpyArray, int, int]] = [(axes.whole_space(), np.arange(len(live)), -1, 0)]
    while stack:
        cell, among, parent, side = stack.pop()
        at = len(nodes)
        if parent >= 0:
            nodes[parent][2 + side] = at
        among = np.array([i for i in among.tolist() if live[i].meets(cell)], dtype=int)
        whole = next((i for i in among.tolist() if cell.within(live[i])), None)
        cut = None if whole is not None or not len(among) else _best_cut(axes, cell, live, among, low, high)
        if cut is None:
            if whole is None:
                gaps.append(cell)
            nodes.append([-1, 0.0, -1, -1])
            values.append(spare if whole is None else answers[live[whole].answer])
            continue
        a, where = cut
        feature, threshold, left, right = _question(axes, cell, a, where)
        nodes.append([feature, threshold, -1, -1])
        values.append(spare)
        stack += [(right, among, at, 1), (left, among, at, 0)]
    made = np.array(nodes, dtype=float)
    return Tree(
        made[:, 0].astype(int), made[:, 1], made[:, 2].astype(int), made[:, 3].astype(int), np.array(values)
    ), gaps


def _best_cut(
    axes: Axes, cell: Box, live: Sequence[Box], among: NumpyArray, low: NumpyArray, high: NumpyArray
) -> tuple[int, float] | None:
    """The field and the place that cut fewest boxes in two; evenness decides between equals."""
    best: tuple[float, int, float] | None = None
    for a, axis in enumerate(axes.axes):
        if axis.kinds:
            masks = np.array([live[i].kinds[a, : axis.kinds] & cell.kinds[a, : axis.kinds] for i in among])
            here = np.flatnonzero(cell.kinds[a])
            for c in here if len(axis.columns) > 1 else here[:-1]:
                one = np.arange(axis.kinds) == c if len(axis.columns) > 1 else np.arange(axis.kinds) <= c
                one &= cell.kinds[a, : axis.kinds]
                if one.sum() in (0, len(here)):
                    continue
                first, second = int((masks & one).any(axis=1).sum()), int((masks & ~one).any(axis=1).sum())
                best = _better(best, first, second, len(among), a, float(c))
            continue
        for at in np.unique(np.concatenate([low[among, a], high[among, a]])):
            if cell.low[a] < at < cell.high[a]:
                first, second = int((low[among, a] < at).sum()), int((high[among, a] > at).sum())
                best = _better(best, first, second, len(among), a, float(at))
    return None if best is None else (best[1], best[2])


def _better(
    best: tuple[float, int, float] | None, first: int, second: int, n: int, a: int, at: float
) -> tuple[float, int, float] | None:
    if first == n and second == n:
        return best  # cuts every box and separates nothing
    cost = first + second + 0.5 * max(first, second) / n
    return (cost, a, at) if best is None or cost < best[0] else best


def _question(axes: Axes, cell: Box, a: int, at: float) -> tuple[int, float, Box, Box]:
    """Column, threshold, and the cells to the left (at most the threshold) and to the right."""
    axis = axes.axes[a]
    if not axis.kinds:
        left, right = cell.cut(a, at)
        return axis.columns[0], at, left, right
    index, c = np.arange(cell.kinds.shape[1]), int(at)
    if len(axis.columns) > 1:
        right, left = cell.cut(a, index == c)
        return axis.columns[c], 0.5, left, right
    left, right = cell.cut(a, index <= c)
    return axis.columns[0], (axis.values[c] + axis.values[c + 1]) / 2, left, right


def rules(
    axes: Axes, boxes: Sequence[Box], answers: NumpyArray, columns: Sequence[Column], classes: Sequence[str],
    most: int = 40,
) -> Table:  # fmt: skip
    """The stolen tree as one rule a leaf."""
    live = [b for b in boxes if b.answer >= 0]
    names = [c.name for c in columns] or [f"x{j}" for j in range(axes.ranges.width)]
    body: list[tuple[str, str, float | None]] = []
    for box in live[:most]:
        said = answers[box.answer]
        if classes:
            c = int(said.argmax())
            body.append((_conditions(axes, box, names, columns), classes[c], round(float(said[c]), 4)))
        else:
            body.append((_conditions(axes, box, names, columns), f"{float(said[0]):.6g}", None))
    note = f"{len(live)} leaves" + (f", the first {most} are shown" if len(live) > most else "")
    return Table(
        title="The stolen tree, leaf by leaf", columns=("where", "answer", "probability"), rows=tuple(body), note=note
    )


def _conditions(axes: Axes, box: Box, names: Sequence[str], columns: Sequence[Column]) -> str:
    parts = []
    for a, axis in enumerate(axes.axes):
        if axis.kinds:
            allowed = np.flatnonzero(box.kinds[a])
            if len(allowed) == axis.kinds:
                continue
            said = [_kind(axes, a, int(c), names, columns) for c in allowed]
            parts.append(f"{_field_name(axes, a, names, columns)} in {', '.join(said)}")
            continue
        low, high, name = box.low[a], box.high[a], names[axis.columns[0]]
        if np.isfinite(low) and np.isfinite(high):
            parts.append(f"{low:.6g} < {name} <= {high:.6g}")
        elif np.isfinite(low):
            parts.append(f"{name} > {low:.6g}")
        elif np.isfinite(high):
            parts.append(f"{name} <= {high:.6g}")
    return "; ".join(parts) or "everywhere"


def _field_name(axes: Axes, a: int, names: Sequence[str], columns: Sequence[Column]) -> str:
    axis = axes.axes[a]
    if len(axis.columns) > 1 and columns:
        return columns[axis.columns[0]].one_hot or names[axis.columns[0]]
    return names[axis.columns[0]]


def _kind(axes: Axes, a: int, c: int, names: Sequence[str], columns: Sequence[Column]) -> str:
    axis = axes.axes[a]
    if len(axis.columns) > 1:
        return names[axis.columns[c]]
    told = columns[axis.columns[0]].categories if columns else ()
    return told[int(axis.values[c])] if told else f"{axis.values[c]:g}"
