"""One row's freedom, as an exact method sees it: for every column the thresholds in reach and what crossing them costs.

Between two thresholds of an ensemble nothing changes, so that only the cells between them matter, and of each cell only
the permitted value nearest to the original. Whole numbers and category codes take the permitted values of a cell alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import Tree, TreeEnsemble
from momus.methods.domain import Domain, Norm
from momus.methods.objectives import Crosses, Deviates, Misclassified, Objective
from momus.methods.table_rules import Rule


@dataclass(frozen=True)
class Axis:
    """A column that may move. Cell k lies above ``cuts[k - 1]`` and at or below ``cuts[k]``; the row is in ``start``.

    ``values[k]`` is the permitted value of cell k that is nearest to the original, ``costs[k]`` its distance in scales
    (0 for a category code). ``step`` is 1 for whole numbers, 0 otherwise. ``low`` and ``high`` bound the column.
    """

    column: int
    cuts: NumpyArray
    start: int
    values: NumpyArray
    costs: NumpyArray
    low: float
    high: float
    scale: float
    code: bool = False
    step: float = 0.0


@dataclass(frozen=True)
class Space:
    """Everything one row may do within a radius: its axes, one-hot groups and the rules it keeps."""

    x0: NumpyArray
    axes: Mapping[int, Axis]
    groups: tuple[tuple[int, ...], ...]
    switches: int
    rules: tuple[Rule, ...]
    norm: Norm

    def low_high(self) -> tuple[NumpyArray, NumpyArray]:
        """Per column the lowest and highest value in reach."""
        low, high = self.x0.copy(), self.x0.copy()
        for j, axis in self.axes.items():
            low[j], high[j] = axis.low, axis.high
        for group in self.groups:
            low[list(group)], high[list(group)] = 0.0, 1.0
        return low, high


@dataclass(frozen=True)
class Goal:
    """Success as one half space of the outputs: ``weights @ outputs`` above ``bound``; at it too unless ``strict``."""

    weights: NumpyArray
    bound: float
    strict: bool


def thresholds(ensemble: TreeEnsemble) -> dict[int, NumpyArray]:
    """The different thresholds of every column that the ensemble asks about, ascending."""
    seen: dict[int, list[NumpyArray]] = {}
    for tree in ensemble.trees:
        inner = tree.feature >= 0
        for j in np.unique(tree.feature[inner]):
            seen.setdefault(int(j), []).append(tree.threshold[tree.feature == j])
    return {j: np.unique(np.concatenate(parts)) for j, parts in sorted(seen.items())}


def goals(objective: Objective, ensemble: TreeEnsemble, y: float) -> tuple[Goal, ...]:
    """The half spaces of which one must be reached; the model answers the first column with the greatest output."""
    if isinstance(objective, Deviates):
        up = Goal(np.array([1.0]), y + objective.tolerance, True)
        down = Goal(np.array([-1.0]), objective.tolerance - y, True)
        return tuple(g for g, side in ((up, 1), (down, -1)) if objective.side in (0, side))
    if isinstance(objective, Crosses):
        if y > 0:
            return (Goal(np.array([-1.0]), -objective.threshold, True),)
        return (Goal(np.array([1.0]), objective.threshold, False),)
    if not isinstance(objective, Misclassified):
        raise TypeError(f"no half spaces are known for {type(objective).__name__}")
    label = int(y)
    if ensemble.outputs == 1:
        if label == 0:
            return (Goal(np.array([1.0]), ensemble.cut, True),)
        return (Goal(np.array([-1.0]), -ensemble.cut, False),)
    unit = np.eye(ensemble.outputs)
    others = [c for c in range(ensemble.outputs) if c != label]
    return tuple(Goal(unit[c] - unit[label], 0.0, c > label) for c in others)


def space_of(
    domain: Domain, cuts: Mapping[int, NumpyArray], x0: NumpyArray, radius: float, norm: Norm = "linf"
) -> Space:
    """What the row ``x0`` (d,) may do within ``radius`` (inf: the whole range)."""
    # Under L2 one column alone may use the whole radius: the same box, from which the ball is cut by the costs.
    low, high = domain.bounds(x0[None], radius * (1 + 1e-9), "linf")
    rules = tuple(r for r in domain.rules if bool(r.holds(x0[None])[0]))
    spoken = {j for r in rules for j in r.columns}
    d = len(x0)
    scale = np.broadcast_to(np.asarray(domain.scale, dtype=float), (d,))
    whole = np.zeros(d, dtype=bool) if domain.whole is None else np.asarray(domain.whole)
    axes: dict[int, Axis] = {}
    for j in sorted({*cuts, *spoken}):
        if np.isnan(x0[j]) or not low[0, j] < high[0, j]:
            continue
        mine = cuts.get(j, np.zeros(0))
        axis = _axis(j, mine, float(x0[j]), float(low[0, j]), float(high[0, j]), float(scale[j]), bool(whole[j]))
        if axis is not None and (len(axis.cuts) or j in spoken):
            axes[j] = axis
    if domain.switches > 0:
        for j, values in domain.codes:
            if not np.isnan(x0[j]) and (j in cuts or j in spoken):
                axes[j] = _codes(j, cuts.get(j, np.zeros(0)), float(x0[j]), np.array(values), j in spoken)
    groups = tuple(g for g in domain.groups if domain.switches > 0 and not np.isnan(x0[list(g)]).any())
    used = {*cuts, *spoken}
    groups = tuple(g for g in groups if used & set(g))
    return Space(x0, axes, groups, domain.switches, rules, norm)


def _axis(j: int, cuts: NumpyArray, x0: float, low: float, high: float, scale: float, whole: bool) -> Axis | None:
    if whole:  # only x0 plus whole steps are permitted: bounds and cuts snap to those
        low, high = x0 + np.ceil(low - x0 - 1e-9), x0 + np.floor(high - x0 + 1e-9)
        if not low < high:
            return None
        cuts = np.unique(x0 + np.floor(cuts - x0))
    cuts = cuts[(cuts >= low) & (cuts < high)]
    start = int((cuts < x0).sum())
    above = cuts + 1 if whole else np.nextafter(cuts, np.inf)
    values = np.concatenate([cuts[:start], [x0], above[start:]])
    return Axis(j, cuts, start, values, np.abs(values - x0) / scale, low, high, scale, step=1.0 if whole else 0.0)


def _codes(j: int, cuts: NumpyArray, x0: float, values: NumpyArray, each: bool) -> Axis:
    """A category column: cells that hold a permitted code; ``each`` code its own cell where a rule names them."""
    permitted = np.unique(np.append(values, x0))
    between = (permitted[1:] + permitted[:-1]) / 2
    if not each:  # of all cuts between two codes one will do
        between = between[np.diff(np.searchsorted(cuts, permitted, side="left")) > 0]
    cell = np.searchsorted(between, permitted, side="left")
    start = int(np.searchsorted(between, x0, side="left"))
    nearest = []
    for k in range(len(between) + 1):
        own = permitted[cell == k]
        nearest.append(float(own[np.argmin(np.abs(own - x0))]))
    return Axis(
        j, between, start, np.array(nearest), np.zeros(len(nearest)), permitted[0], permitted[-1], 1.0, code=True
    )


@dataclass(frozen=True)
class Reached:
    """A tree cut down to what a space can reach: its leaves, and the questions that still have two answers."""

    leaves: NumpyArray
    # (column, index of the cut or -1 for a one-hot column, positions in ``leaves`` to the left, and to the right)
    nodes: tuple[tuple[int, int, list[int], list[int]], ...]


def reach(tree: Tree, space: Space) -> Reached:
    """What is left of a tree for a row that may move inside ``space``."""
    leaves: list[int] = []
    nodes: list[tuple[int, int, list[int], list[int]]] = []
    members = {j for g in space.groups for j in g}

    def walk(node: int, cells: dict[int, tuple[int, int]]) -> list[int]:
        j = int(tree.feature[node])
        if j < 0:
            leaves.append(node)
            return [len(leaves) - 1]
        t = float(tree.threshold[node])
        left, right = int(tree.left[node]), int(tree.right[node])
        if j in space.axes:
            axis = space.axes[j]
            first, last = cells.get(j, (0, len(axis.cuts)))
            k = _cut(axis, t)  # cells 0..k lie left, k + 1.. right
            if last <= k:
                return walk(left, cells)
            if first > k:
                return walk(right, cells)
            a = walk(left, {**cells, j: (first, k)})
            b = walk(right, {**cells, j: (k + 1, last)})
            nodes.append((j, k, a, b))
            return a + b
        if j in members and 0 <= t < 1:
            first, last = cells.get(j, (0, 1))
            if first == last:
                return walk(right if first else left, cells)
            a, b = walk(left, {**cells, j: (0, 0)}), walk(right, {**cells, j: (1, 1)})
            nodes.append((j, -1, a, b))
            return a + b
        value: Any = space.x0[j]
        if np.isnan(value):
            goes_left = tree.missing_left is not None and bool(tree.missing_left[node])
        else:
            goes_left = value <= t if j not in members else t >= 1
        return walk(left if goes_left else right, cells)

    walk(0, {})
    return Reached(np.array(leaves), tuple(nodes))


def _cut(axis: Axis, t: float) -> int:
    """The last cell that goes left at the threshold ``t``; -1 for none."""
    return int(np.searchsorted(axis.values, t, side="right")) - 1
