"""Lower bounds without search: the best that the trees could do if they, or small groups of them, chose freely.

Groups of trees are merged while their common boxes stay few, level by level (Chen et al. 2019, arXiv 1906.03849): two
leaves go together only where their boxes meet. A bound below the goal certifies that no row of the space reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import TreeEnsemble
from momus.methods.tree_distance_space import Goal, Reached, Space

MOST = 20_000  # boxes that one merge may look at


@dataclass(frozen=True)
class Boxes:
    """Alternatives of one tree or group: ``gain`` (m,) towards the goal, cells ``first``..``last`` (m, a) by axis."""

    gain: NumpyArray
    first: NumpyArray
    last: NumpyArray


def gains(ensemble: TreeEnsemble, reached: Sequence[Reached], goal: Goal) -> tuple[list[NumpyArray], float]:
    """What each reachable leaf adds towards the goal, tree by tree, and what is missing before any of them."""
    per_tree = [t.value[r.leaves] @ goal.weights for t, r in zip(ensemble.trees, reached, strict=True)]
    return per_tree, goal.bound - float(ensemble.base @ goal.weights)


def boxes(reached: Reached, gain: NumpyArray, order: dict[int, int], counts: NumpyArray) -> Boxes:
    """The leaves of one tree as boxes of cells over the axes in ``order`` (column -> position)."""
    first = np.zeros((len(gain), len(order)), dtype=np.int64)
    last = np.broadcast_to(counts, first.shape).copy()
    for j, k, left, right in reached.nodes:
        p, cut = order[j], max(k, 0)
        last[left, p] = np.minimum(last[left, p], cut)
        first[right, p] = np.maximum(first[right, p], cut + 1)
    return Boxes(gain, first, last)


def best(space: Space, reached: Sequence[Reached], per_tree: Sequence[NumpyArray], *, most: int = MOST) -> float:
    """An upper bound on the sum of the trees' gains over the space."""
    total = float(sum(float(g[0]) for g in per_tree if len(g) == 1))
    moving = [(r, g) for r, g in zip(reached, per_tree, strict=True) if len(g) > 1]
    if not moving:
        return total
    columns = sorted({j for r, _ in moving for j, _, _, _ in r.nodes})
    order = {j: p for p, j in enumerate(columns)}
    counts = np.array([len(space.axes[j].cuts) if j in space.axes else 1 for j in columns], dtype=np.int64)
    parts = [boxes(r, g, order, counts) for r, g in moving]
    # Trees that ask about the same columns profit most from choosing together.
    parts.sort(key=lambda b: tuple(np.flatnonzero((b.first > 0).any(axis=0) | (b.last < counts).any(axis=0))[:3]))
    while len(parts) > 1:
        merged = [
            _merge(parts[i], parts[i + 1], most) if i + 1 < len(parts) else [parts[i]] for i in range(0, len(parts), 2)
        ]
        joined = [b for group in merged for b in group]
        if len(joined) == len(parts):
            break
        parts = joined
    return total + float(sum(float(b.gain.max()) for b in parts))


def _merge(a: Boxes, b: Boxes, most: int) -> list[Boxes]:
    """Both as one, or unchanged where that would be too many boxes."""
    if len(a.gain) * len(b.gain) > most:
        return [a, b]
    first = np.maximum(a.first[:, None], b.first[None])
    last = np.minimum(a.last[:, None], b.last[None])
    i, j = np.nonzero((first <= last).all(axis=2))
    return [Boxes(a.gain[i] + b.gain[j], first[i, j], last[i, j])]
