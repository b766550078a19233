"""How a tree is taken apart, by whatever its service lets through, and the copy as it stands at every moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.core.trees import Tree
from momus.methods import tree_build, tree_incomplete, tree_outputs, tree_repair
from momus.methods.theft_report import Copy, Stage
from momus.methods.tree_boxes import Axes, Box, Oracle, axes_of, covered
from momus.methods.tree_paths import Finder
from momus.probes.stealing._service import Service

LOOKED = 24  # pairs of neighbouring rows that tell a tree from a smooth or a blurred model
CHECKS = 30  # random rows on which the finished copy is compared
PER_BOX = 12  # random points in a box whose answer is no name


@dataclass
class Stolen:
    """What was found. ``leafless``: answers change smoothly, so no answer is a leaf's name. ``blur``: they jump."""

    axes: Axes
    finder: Finder
    stages: list[Stage] = field(default_factory=list)
    tree: Tree | None = None
    method: str = ""
    leafless: bool = False
    blur: float = 0.0
    spent: bool = False
    mismatches: int = 0

    @property
    def leaves(self) -> list[Box]:
        return [b for b in self.finder.boxes if b.answer >= 0]


def take(service: Service, rng: np.random.Generator, precision: float, incomplete: bool) -> Stolen:
    """Read the tree. Ends early, with the leaves found so far, where the quota does."""
    axes = axes_of(service.ranges)
    stolen = Stolen(axes, _finder(service, axes, precision))
    if not len(axes):
        stolen.leafless = True
        return stolen
    try:
        _look(service, stolen, rng)
        if stolen.leafless or stolen.blur > 0:
            stolen.method = "a tree fitted to answers"
            stolen.finder.ask.many(axes.whole_space().draw(axes, 400, rng))
        else:
            _read(service, stolen, rng, precision, incomplete)
    except BudgetSpent:
        stolen.spent = True
    _keep(stolen, service.regressor)
    return stolen


def _finder(service: Service, axes: Axes, precision: float) -> Finder:
    digits = 12 if service.view.decimals is None else service.view.decimals
    return Finder(axes, Oracle(axes, lambda rows: service.ask(rows)[1], digits), precision)


def _read(service: Service, stolen: Stolen, rng: np.random.Generator, precision: float, incomplete: bool) -> None:
    space, finder = stolen.axes.whole_space(), stolen.finder
    if incomplete and service.target.info.missing and not service.view.labels:
        stolen.method = "from the root down, incomplete rows"
        tree_incomplete.top_down(finder, space)
        if not _wrong(stolen, rng):
            return
        # Missing values are answered, but not with the node's own answer: they tell nothing.
        stolen.finder = finder = _finder(service, stolen.axes, precision)
    if service.view.labels:
        stolen.method = "cuts between classes"
        finder.ask.many(space.draw(stolen.axes, 200, rng))
        tree_repair.split(finder, space, rng, 2 * PER_BOX)
    else:
        stolen.method = "paths from leaf to leaf"
        finder.explore(space, stolen.axes.middle()[None])
        tree_repair.inspect(finder, rng, PER_BOX)
    for _ in range(10):
        repaired = tree_repair.repair(finder, rng, PER_BOX)
        finder.explore(space, finder.ask.points[:1])
        if repaired and not service.view.labels:
            tree_repair.inspect(finder, rng, PER_BOX)
        if not repaired and not _wrong(stolen, rng):
            return
    stolen.mismatches = _wrong(stolen, rng)


def _wrong(stolen: Stolen, rng: np.random.Generator) -> int:
    """Random rows that the copy answers otherwise, or not at all."""
    ask, boxes = stolen.finder.ask, stolen.finder.boxes
    points = stolen.axes.whole_space().draw(stolen.axes, CHECKS, rng)
    said = ask.many(points)
    at = covered(boxes, points)
    return sum(i < 0 or boxes[i].answer != s for i, s in zip(at.tolist(), said, strict=True))


def _look(service: Service, stolen: Stolen, rng: np.random.Generator) -> None:
    """Two rows a hair apart are in one leaf: small differences mean a smooth model, great ones a service that blurs."""
    axes, ask = stolen.axes, stolen.finder.ask
    points = axes.whole_space().draw(axes, LOOKED, rng)
    near = points.copy()
    for a, axis in enumerate(axes.axes):
        if not axis.kinds and not axis.whole:
            near[:, a] = np.where(points[:, a] > (axis.low + axis.high) / 2, -1, 1) * 1e-7 * (axis.high - axis.low)
            near[:, a] += points[:, a]
    first, second = (np.array(ask.many(p)) for p in (points, near))
    answers = ask.table()
    jumps = np.abs(answers[first] - answers[second]).max(axis=1)
    moved = first != second
    if moved.mean() > 0.5 and np.median(jumps[moved]) < 1e-3 * max(float(np.ptp(answers)), 1e-12):
        stolen.leafless = True
    elif moved.sum() >= 2:
        stolen.blur = float(np.sqrt((jumps * jumps).mean() / 2))


def _keep(stolen: Stolen, regressor: bool) -> None:
    """Copies as they stood after growing shares of the queries, and the whole tree at the end."""
    finder, ask = stolen.finder, stolen.finder.ask
    n = len(ask)
    if not n:
        return
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        q = max(1, int(share * n))
        boxes = [b for b, mark in zip(finder.boxes, finder.marks, strict=True) if mark <= q]
        stolen.stages.append(Stage(q, _copy(stolen, boxes, q, regressor)))
    live = stolen.leaves
    if live and not (stolen.spent or stolen.leafless or stolen.blur > 0):
        stolen.tree, gaps = tree_build.build(stolen.axes, live, ask.table(), ask.answers[ask.ids[0]])
        stolen.mismatches += len([g for g in gaps if not _sliver(g, finder)])
        stolen.stages.append(Stage(n, tree_copy(stolen.tree, regressor)))
    else:
        stolen.stages.append(Stage(n, _copy(stolen, list(finder.boxes), n, regressor)))


def _sliver(gap: Box, finder: Finder) -> bool:
    """Narrower than a threshold is known: no place of its own."""
    wide = [a for a, axis in enumerate(finder.axes.axes) if not axis.kinds]
    spans = [(gap.high[a] - gap.low[a]) / (finder.axes.axes[a].high - finder.axes.axes[a].low) for a in wide]
    return bool(spans) and min(spans) < 4 * finder.precision


def tree_copy(tree: Tree, regressor: bool) -> Copy:
    """Rows -> classes or values of a stolen tree."""

    def predict(rows: NumpyArray) -> NumpyArray:
        said = tree.value[tree_outputs.leaves(tree, rows)]
        return np.asarray(said[:, 0] if regressor else said.argmax(axis=1))

    return predict


def shares(tree: Tree) -> Callable[[NumpyArray], NumpyArray]:
    """Rows -> answers (n, k) of a stolen tree."""
    return lambda rows: np.asarray(tree.value[tree_outputs.leaves(tree, rows)])


def _copy(stolen: Stolen, boxes: list[Box], q: int, regressor: bool) -> Copy:
    """Leaves found so far; elsewhere a tree fitted on the answers so far."""
    points, ids = stolen.finder.ask.points[:q], stolen.finder.ask.ids[:q]
    whole = ~np.isnan(points).any(axis=1)
    points, ids = points[whole], ids[whole]
    table = stolen.finder.ask.table()
    said = table[:, 0] if regressor else table.argmax(axis=1)

    def predict(rows: NumpyArray) -> NumpyArray:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        wanted = stolen.axes.points(rows)
        at = covered(boxes, wanted)
        answers = np.array([b.answer for b in boxes] or [0])
        out = said[np.maximum(answers[np.maximum(at, 0)], 0)]
        if (at < 0).any():
            kind = DecisionTreeRegressor if regressor else DecisionTreeClassifier
            least = 5 if stolen.blur > 0 else 1
            spare = kind(min_samples_leaf=least, random_state=0)
            rest = wanted[at < 0]
            fits = len(points) > 0
            out = out.copy()
            out[at < 0] = spare.fit(points, said[ids]).predict(rest) if fits else said[0]
        return np.asarray(out)

    return predict
