"""How little of a row must change before decision trees answer otherwise: exactly, or with a proven lower bound.

A single tree without rules is settled leaf by leaf. Ensembles take a bound that needs no search (groups of trees, Chen
et al. 2019) and then a mixed-integer program (Kantchelian et al. 2016) over the thresholds inside the radius. Immutable
columns, whole numbers, ranges, one-hot groups, category switches and linear rules hold in both; what they mean is
:class:`momus.methods.domain.Domain`'s business. Every row found is held against the domain and asked of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import TreeEnsemble
from momus.methods import tree_distance_bounds as bounds
from momus.methods.domain import Domain
from momus.methods.objectives import MISCLASSIFIED, Objective
from momus.methods.tree_distance_milp import Measure, solve
from momus.methods.tree_distance_space import Goal, Space, goals, reach, space_of, thresholds
from momus.methods.tree_outputs import in_doubles, outputs

# (n, d) rows -> (n,) booleans: who is turned. The untouched model's own answer.
Turned = Callable[[NumpyArray], NumpyArray]
SLACK = 1e-6  # of what all trees together can add: sums in float32 and the solver's tolerance are finer


@dataclass(frozen=True)
class Distance:
    """``upper``: distance of the legal row ``x`` that turns the model (inf, None: none found). Nothing below ``lower``
    turns it (inf: nothing in the whole space does). ``proven``: both are the same to a millionth."""

    lower: float
    upper: float
    x: NumpyArray | None

    @property
    def proven(self) -> bool:
        return bool(self.lower >= self.upper * (1 - 2e-6) - 1e-9)


@dataclass
class Search:
    """The exact method for one ensemble and domain. ``turned`` defaults to the ensemble's own answer.

    ``seconds`` and ``nodes`` bound the work on one row. Bounds found when stopped are bounds all the same.
    """

    ensemble: TreeEnsemble
    domain: Domain
    objective: Objective = MISCLASSIFIED
    measure: Measure = "linf"
    seconds: float = 10.0
    nodes: int = 100_000
    turned: Callable[[NumpyArray, NumpyArray], NumpyArray] | None = None
    cuts: dict[int, NumpyArray] = field(init=False)

    def __post_init__(self) -> None:
        self.ensemble = in_doubles(self.ensemble)
        self.cuts = thresholds(self.ensemble)

    def distance(
        self, x0: NumpyArray, y: float, *, known: NumpyArray | None = None, radius: float = np.inf
    ) -> Distance:
        """The distance of one row (d,) with the reference ``y``, looked for within ``radius``.

        ``known``: a row that already turns it; nothing further away is looked at. With a ``radius`` a lower bound of
        inf means: nothing within it.
        """
        until = perf_counter() + self.seconds
        found = Distance(0.0, np.inf, None)
        if known is not None and self._legal(known, x0) and bool(self._ask(known[None], np.array([y]))[0]):
            found = Distance(0.0, self.size(known, x0), known)
        if bool(self._ask(x0[None], np.array([y]))[0]):
            return Distance(0.0, 0.0, x0)
        lower = np.inf
        for goal in goals(self.objective, self.ensemble, y):
            one = self._toward(goal, x0, y, found, radius, until)
            lower = min(lower, one.lower)
            if one.upper < found.upper:
                found = replace(found, upper=one.upper, x=one.x)
        lower = min(lower, found.upper)
        if found.upper > radius * (1 + 1e-9):  # beyond the radius not everything was looked at
            return Distance(np.inf if lower > radius else lower, np.inf, None)
        if found.x is not None and found.x is not known:
            found = replace(found, x=self._slim(found.x, x0, y, found.upper))
        return replace(found, lower=lower)

    def _slim(self, x: NumpyArray, x0: NumpyArray, y: float, size: float) -> NumpyArray:
        """The same distance with fewer columns changed: a program moves what costs nothing, too."""
        units = [list(g) for g in self.domain.groups]
        units += [[j] for j in range(len(x0)) if not any(j in u for u in units)]
        moved = [u for u in units if bool((x[u] != x0[u]).any()) and not np.isnan(x0[u]).any()]
        scale = np.broadcast_to(np.asarray(self.domain.scale, dtype=float), x0.shape)
        for unit in sorted(moved, key=lambda u: float(np.abs((x[u] - x0[u]) / scale[u]).max())):
            tried = x.copy()
            tried[unit] = x0[unit]
            if self.size(tried, x0) <= size and self._good(tried, x0, y):
                x = tried
        return x

    def within(self, x0: NumpyArray, y: float, epsilon: float) -> Distance:
        """Whether anything within ``epsilon`` turns the row: ``lower`` is inf where nothing does."""
        return self.distance(x0, y, radius=epsilon)

    def size(self, x: NumpyArray, x0: NumpyArray) -> float:
        """The distance between two rows in this search's measure."""
        if self.measure != "columns":
            return float(self.domain.distance(x[None], x0[None], self.measure)[0])
        changed = (x != x0) & ~(np.isnan(x) & np.isnan(x0))
        grouped = [list(g) for g in self.domain.groups]
        count = sum(bool(changed[g].any()) for g in grouped)
        changed[[j for g in grouped for j in g]] = False
        return float(count + changed.sum())

    def _toward(self, goal: Goal, x0: NumpyArray, y: float, found: Distance, radius: float, until: float) -> Distance:
        if len(self.ensemble.trees) == 1 and not self.domain.rules:
            return self._leaf_by_leaf(goal, x0, y, radius)
        within = min(radius, found.upper) if self.measure != "columns" else radius
        lower = self._free_bound(goal, x0, within)
        if lower > within:
            return Distance(np.inf, np.inf, None) if within == radius else Distance(within, np.inf, None)
        exact = self._solve(goal, x0, y, within, lower, until)
        if exact.lower > within and within < radius:  # nothing nearer than what is known
            return replace(exact, lower=within)
        return exact

    def _free_bound(self, goal: Goal, x0: NumpyArray, radius: float) -> float:
        """The greatest radius at which the bound without search still rules the goal out; inf for the whole of it."""
        if self.measure != "linf":
            # In L2 and in columns the box of that radius is larger than the ball: bounds hold, and are weak.
            return np.inf if self.measure == "l2" and self._ruled_out(goal, x0, radius) else 0.0
        if self._ruled_out(goal, x0, radius):
            return np.inf
        low, high = 0.0, min(radius, _widest(self._space(x0, radius)))
        for _ in range(12):
            middle = (low + high) / 2 if low else high / 16
            if self._ruled_out(goal, x0, middle):
                low = middle
            else:
                high = middle
            if high < 1e-6 or high - low < 0.02 * high:
                break
        return low

    def _space(self, x0: NumpyArray, radius: float) -> Space:
        return space_of(self.domain, self.cuts, x0, radius)

    def _ruled_out(self, goal: Goal, x0: NumpyArray, radius: float) -> bool:
        space = self._space(x0, radius)
        reached = [reach(t, space) for t in self.ensemble.trees]
        per_tree, needed = bounds.gains(self.ensemble, reached, goal)
        slack, _ = self._slack(per_tree, goal)
        return bounds.best(space, reached, per_tree) < needed - slack

    def _slack(self, per_tree: list[NumpyArray], goal: Goal) -> tuple[float, bool]:
        """How far a sum may be off, and whether ties are exact: votes of whole trees can be counted without error."""
        every = np.concatenate(per_tree)
        unit = float(np.abs(every).max(initial=0.0))
        share = every / unit if unit else every
        votes = bool(np.isin(share, (-1.0, 0.0, 1.0)).all()) and goal.bound == 0 and not self.ensemble.base.any()
        size = float(sum(np.abs(g).max() for g in per_tree)) + abs(goal.bound) + float(np.abs(self.ensemble.base).sum())
        return (-unit / 2 if goal.strict else unit / 2, True) if votes else (SLACK * max(size, 1e-12), False)

    def _solve(self, goal: Goal, x0: NumpyArray, y: float, radius: float, lower: float, until: float) -> Distance:
        space = self._space(x0, radius)
        reached = [reach(t, space) for t in self.ensemble.trees]
        per_tree, needed = bounds.gains(self.ensemble, reached, goal)
        slack, votes = self._slack(per_tree, goal)
        if bounds.best(space, reached, per_tree, most=0) < needed - slack:
            return Distance(np.inf, np.inf, None)
        first = solve(
            space, reached, per_tree, needed - slack, self.measure,
            at_least=lower, seconds=until - perf_counter(), nodes=self.nodes,
        )  # fmt: skip
        if first.x is None:
            return Distance(first.bound, np.inf, None)
        if self._good(first.x, x0, y):
            size = self.size(first.x, x0)
            # The solver's bound is right to about a millionth: within that, the row found is the nearest.
            settled = first.optimal and first.exact and size - first.bound <= 2e-6 * max(1.0, size)
            return Distance(size if settled else min(first.bound, size), size, first.x)
        # A sum that only just ties, or a strict rule kept with equality: the next best one, clear of it.
        clear = needed + abs(slack) if not votes else needed - slack
        second = solve(
            space, reached, per_tree, clear, self.measure,
            at_least=first.bound, tight=True, seconds=until - perf_counter(), nodes=self.nodes,
        )  # fmt: skip
        if second.x is not None and self._good(second.x, x0, y):
            return Distance(first.bound, self.size(second.x, x0), second.x)
        return Distance(first.bound, np.inf, None)

    def _leaf_by_leaf(self, goal: Goal, x0: NumpyArray, y: float, radius: float) -> Distance:
        """A single tree: the nearest permitted point of every leaf that reaches the goal."""
        tree = self.ensemble.trees[0]
        space = self._space(x0, radius)
        reached = reach(tree, space)
        (gain,), needed = bounds.gains(self.ensemble, [reached], goal)
        columns = sorted({j for j, _, _, _ in reached.nodes})
        order = {j: p for p, j in enumerate(columns)}
        counts = np.array([len(space.axes[j].cuts) if j in space.axes else 1 for j in columns], dtype=np.int64)
        box = bounds.boxes(reached, gain, order, counts)
        wins = np.flatnonzero(gain > needed if goal.strict else gain >= needed)
        best = Distance(np.inf, np.inf, None)
        for i in wins:
            x = _nearest(space, order, box.first[i], box.last[i])
            if x is None:
                continue
            size = self.size(x, x0)
            if size < best.upper and size <= radius * (1 + 1e-9) and self._good(x, x0, y):
                best = Distance(size, size, x)
        return best

    def _good(self, x: NumpyArray, x0: NumpyArray, y: float) -> bool:
        return self._legal(x, x0) and bool(self._ask(x[None], np.array([y]))[0])

    def _legal(self, x: NumpyArray, x0: NumpyArray) -> bool:
        return not any(bool(bad[0]) for bad in self.domain.check(x[None], x0[None], 1e300).values())

    def _ask(self, x: NumpyArray, y: NumpyArray) -> NumpyArray:
        if self.turned is not None:
            return self.turned(x, y)
        z = outputs(self.ensemble, x)
        if self.ensemble.task == "classifier" and self.ensemble.outputs == 1:
            return np.asarray((z[:, 0] > self.ensemble.cut) != (y > 0))
        return np.asarray(self.objective.won(z, y.astype(np.int64) if self.ensemble.task == "classifier" else y))


def _widest(space: Space) -> float:
    """The distance of the furthest cell: beyond it a radius changes nothing."""
    return max((float(a.costs.max()) for a in space.axes.values()), default=0.0) + 1e-9


def _nearest(space: Space, order: dict[int, int], first: NumpyArray, last: NumpyArray) -> NumpyArray | None:
    """The permitted row in a box of cells that is nearest to the original; None where the box holds none."""
    x, switches = space.x0.copy(), 0
    members = {j for g in space.groups for j in g}
    for j, p in order.items():
        if j in members:
            continue
        axis = space.axes[j]
        cell = min(max(axis.start, int(first[p])), int(last[p]))
        x[j] = axis.values[cell]
        switches += axis.code and cell != axis.start
    for group in space.groups:
        may = [j not in order or last[order[j]] > 0 for j in group]
        must = [j in order and first[order[j]] > 0 for j in group]
        old = int(np.argmax(space.x0[list(group)]))
        options = [i for i in range(len(group)) if may[i] and all(i == k or not m for k, m in enumerate(must))]
        if not options:
            return None
        new = old if old in options else options[0]
        switches += new != old
        x[list(group)] = np.eye(len(group))[new]
    return x if switches <= space.switches else None
