"""The smallest change of one row that carries an ensemble of trees to a goal, as a mixed-integer linear program.

After Kantchelian et al. 2016, arXiv 1509.07892: one binary a threshold says on which side of it the row lies, one
variable a leaf says whether the row ends there, and the leaves' gains must add up to the goal. Only thresholds, leaves
and questions inside the radius are in it. Distances count by cells, so that L2 stays linear; columns that a declared
rule ties to others carry a value of their own. HiGHS solves it and gives a lower bound also where it is stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from momus.core.samples import NumpyArray
from momus.methods.tree_distance_rules import Inequality, clauses
from momus.methods.tree_distance_space import Axis, Reached, Space

Measure = Literal["linf", "l2", "columns"]
TANGENTS = 48  # lines that stand for a square where a rule ties columns together: half a percent low at most


@dataclass(frozen=True)
class Solution:
    """``x`` (d,) the row found or None; no row at the goal has a distance below ``bound`` (inf: there is none).

    ``optimal``: the solver finished. ``exact``: every rule of the row was in the program.
    """

    x: NumpyArray | None
    bound: float
    optimal: bool
    exact: bool = True


@dataclass
class _Program:
    """Variables and rows while they are collected."""

    cost: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    integral: list[int] = field(default_factory=list)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def variable(self, low: float = 0.0, high: float = 1.0, *, whole: bool = False, cost: float = 0.0) -> int:
        self.cost.append(cost)
        self.low.append(low)
        self.high.append(high)
        self.integral.append(int(whole))
        return len(self.cost) - 1

    def row(self, weights: dict[int, float], low: float, high: float) -> None:
        self.rows.append((weights, low, high))

    def solve(self, seconds: float, nodes: int) -> tuple[NumpyArray | None, float, bool]:
        """(values or None, lower bound on the cost, whether it is settled)."""
        where = [(i, j, w) for i, (weights, _, _) in enumerate(self.rows) for j, w in weights.items()]
        i, j, w = zip(*where, strict=True) if where else ((), (), ())
        shape = (len(self.rows), len(self.cost))
        matrix = csr_array((np.array(w, dtype=float), (np.array(i, dtype=int), np.array(j, dtype=int))), shape=shape)
        lows, highs = [r[1] for r in self.rows], [r[2] for r in self.rows]
        done = milp(
            np.array(self.cost),
            integrality=np.array(self.integral),
            bounds=Bounds(np.array(self.low), np.array(self.high)),
            constraints=LinearConstraint(matrix, lows, highs),
            options={"time_limit": max(seconds, 0.05), "node_limit": nodes, "mip_rel_gap": 0.0},
        )
        if done.status == 2:
            return None, np.inf, True
        dual = getattr(done, "mip_dual_bound", None)
        bound = float(dual) if dual is not None and np.isfinite(dual) else 0.0
        return done.x, bound, done.status == 0


def solve(
    space: Space,
    reached: Sequence[Reached],
    per_tree: Sequence[NumpyArray],
    needed: float,
    measure: Measure,
    *,
    at_least: float = 0.0,
    tight: bool = False,
    seconds: float = 10.0,
    nodes: int = 100_000,
) -> Solution:
    """The nearest row of ``space`` whose gains reach ``needed``. ``at_least``: a lower bound that is already known.

    ``tight`` keeps strict rules strictly, by a hair, where they would otherwise hold with equality too.
    """
    made = _Made(space, reached, per_tree, needed, measure, at_least, tight)
    values, bound, optimal = made.program.solve(seconds, nodes)
    if measure == "l2":
        bound = float(np.sqrt(max(bound, 0.0))) if np.isfinite(bound) else bound
    x = None if values is None else made.row(values)
    return Solution(x, max(bound, at_least), optimal, made.exact)


class _Made:
    """The program of one row and goal, and the way back from its variables to a row."""

    def __init__(
        self,
        space: Space,
        reached: Sequence[Reached],
        per_tree: Sequence[NumpyArray],
        needed: float,
        measure: Measure,
        at_least: float,
        tight: bool,
    ) -> None:
        self.space, self.measure, self.tight = space, measure, tight
        self.program, self.exact = _Program(), True
        self.cut: dict[tuple[int, int], int] = {}
        self.hot: dict[int, int] = {}
        self.value: dict[int, int] = {}
        self.far = self.program.variable(max(at_least, 0.0), np.inf, cost=1.0) if measure == "linf" else -1
        tied = {j for r in space.rules for j in r.columns}
        switched: dict[int, float] = {}
        for j, axis in space.axes.items():
            self._axis(axis, switched, tied=j in tied)
        for group in space.groups:
            self._group(group, switched)
        if switched:  # constants of the switches that were counted as 1 minus a variable
            constant = switched.pop(-1, 0.0)
            self.program.row(switched, -np.inf, space.switches - constant)
        self._trees(reached, per_tree, needed)
        for rule in space.rules:
            found = clauses(rule.condition)
            if found is None:
                self.exact = False
                continue
            for clause in found:
                self._clause(clause)

    def _axis(self, axis: Axis, switched: dict[int, float], *, tied: bool) -> None:
        program, m = self.program, len(axis.cuts)
        cut = [program.variable(whole=True) for _ in range(m)]
        self.cut.update({(axis.column, k): v for k, v in enumerate(cut)})
        for k in range(1, m):  # above a cut means above every lower one
            program.row({cut[k]: 1.0, cut[k - 1]: -1.0}, -np.inf, 0.0)
        if axis.code:
            self._switch([cut[axis.start]] if axis.start < m else [], cut[axis.start - 1 : axis.start], switched)
            return
        if tied:
            self._tied(axis, cut)
        elif self.measure == "columns":
            self._changed(axis, cut)
        else:
            self._priced(axis, cut)

    def _switch(self, up: list[int], down: list[int], switched: dict[int, float]) -> None:
        """A binary that is 1 where a category column left its cell."""
        moved = self.program.variable(cost=1.0 if self.measure == "columns" else 0.0)
        switched[moved] = 1.0
        for v in up:
            self.program.row({v: 1.0, moved: -1.0}, -np.inf, 0.0)
        for v in down:
            self.program.row({v: -1.0, moved: -1.0}, -np.inf, -1.0)

    def _changed(self, axis: Axis, cut: list[int]) -> None:
        up = [cut[axis.start]] if axis.start < len(cut) else []
        self._switch(up, cut[axis.start - 1 : axis.start] if axis.start else [], {})

    def _priced(self, axis: Axis, cut: list[int]) -> None:
        """Each cut crossed adds what the next cell is further away."""
        price = axis.costs if self.measure == "linf" else axis.costs**2
        up = {cut[k]: float(price[k + 1] - price[k]) for k in range(axis.start, len(cut))}
        down = {cut[k]: float(price[k] - price[k + 1]) for k in range(axis.start)}
        if self.measure == "l2":
            for v, c in up.items():
                self.program.cost[v] += c
            if down:  # 1 minus the variable: the constant goes into a variable fixed at 1
                for v, c in down.items():
                    self.program.cost[v] -= c
                self.program.variable(1.0, 1.0, cost=sum(down.values()))
            return
        if up:
            self.program.row({**up, self.far: -1.0}, -np.inf, 0.0)
        if down:
            self.program.row({**{v: -c for v, c in down.items()}, self.far: -1.0}, -np.inf, -sum(down.values()))

    def _tied(self, axis: Axis, cut: list[int]) -> None:
        """A value of its own, held inside its cell, with its distance priced directly."""
        program, start = self.program, float(self.space.x0[axis.column])
        scale = axis.scale
        if axis.step:
            v = program.variable(np.ceil(axis.low - start), np.floor(axis.high - start), whole=True)
        else:
            v = program.variable((axis.low - start) / scale, (axis.high - start) / scale)
        unit = 1.0 if axis.step else scale
        self.value[axis.column] = v
        above = axis.cuts + 1 if axis.step else np.nextafter(axis.cuts, np.inf)
        lower, upper = np.append(axis.low, above), np.append(axis.cuts, axis.high)
        lower, upper = (lower - start) / unit, (upper - start) / unit
        program.row({v: 1.0, **{c: -float(lower[k + 1] - lower[k]) for k, c in enumerate(cut)}}, lower[0], np.inf)
        program.row({v: 1.0, **{c: -float(upper[k + 1] - upper[k]) for k, c in enumerate(cut)}}, -np.inf, upper[0])
        share = unit / scale
        if self.measure == "linf":
            for sign in (1.0, -1.0):
                program.row({v: sign * share, self.far: -1.0}, -np.inf, 0.0)
            return
        most = max(abs(axis.low - start), abs(axis.high - start)) / scale
        if self.measure == "columns":
            moved = program.variable(whole=True, cost=1.0)
            for sign in (1.0, -1.0):
                program.row({v: sign * share, moved: -most}, -np.inf, 0.0)
            return
        square = program.variable(0.0, np.inf, cost=1.0)
        for point in np.geomspace(1e-4 * most, most, TANGENTS):  # the square lies above each of its tangents
            for sign in (1.0, -1.0):
                program.row({v: sign * share * 2 * point, square: -1.0}, -np.inf, float(point**2))

    def _group(self, group: tuple[int, ...], switched: dict[int, float]) -> None:
        hot = [self.program.variable(whole=True) for _ in group]
        self.hot.update(dict(zip(group, hot, strict=True)))
        self.program.row(dict.fromkeys(hot, 1.0), 1.0, 1.0)
        old = hot[int(np.argmax(self.space.x0[list(group)]))]
        switched[old] = -1.0
        switched[-1] = switched.get(-1, 0.0) + 1.0
        if self.measure == "columns":
            self.program.cost[old] -= 1.0
            self.program.variable(1.0, 1.0, cost=1.0)

    def _trees(self, reached: Sequence[Reached], per_tree: Sequence[NumpyArray], needed: float) -> None:
        program = self.program
        total: dict[int, float] = {}
        for part, gain in zip(reached, per_tree, strict=True):
            if len(gain) == 1:
                needed -= float(gain[0])
                continue
            leaf = [program.variable() for _ in gain]
            total.update({v: float(g) for v, g in zip(leaf, gain, strict=True)})
            program.row(dict.fromkeys(leaf, 1.0), 1.0, 1.0)
            for j, k, left, right in part.nodes:
                side = self.hot[j] if k < 0 else self.cut[j, k]
                program.row({**{leaf[i]: 1.0 for i in left}, side: 1.0}, -np.inf, 1.0)
                program.row({**{leaf[i]: 1.0 for i in right}, side: -1.0}, -np.inf, 0.0)
        # HiGHS forgives 1e-6 in a row: scaled so that this is a billionth of what the trees can add.
        size = 1000.0 / max(sum(abs(g) for g in total.values()), 1e-300)
        program.row({v: size * g for v, g in total.items()}, size * needed, np.inf)

    def _clause(self, clause: Sequence[Inequality]) -> None:
        if len(clause) == 1:
            weights, bound, _ = self._written(clause[0])
            self.program.row(weights, -np.inf, bound)
            return
        chosen = []
        for inequality in clause:
            weights, bound, most = self._written(inequality)
            pick = self.program.variable(whole=True)
            slack = max(most - bound, 0.0)
            self.program.row({**weights, pick: slack}, -np.inf, bound + slack)
            chosen.append(pick)
        self.program.row(dict.fromkeys(chosen, 1.0), 1.0, np.inf)

    def _written(self, inequality: Inequality) -> tuple[dict[int, float], float, float]:
        """Over the program's variables: weights, bound, and the most that the left side can be."""
        weights: dict[int, float] = {}
        bound, most, whole = inequality.bound, 0.0, True
        for j, w in inequality.weights:
            terms, constant = self._of(j)
            bound -= w * constant
            whole = whole and float(w).is_integer() and self._is_whole(j)
            for v, c in terms.items():
                weights[v] = weights.get(v, 0.0) + w * c
        for v, c in weights.items():
            most += max(c * self.program.low[v], c * self.program.high[v])
        if inequality.strict and whole and float(bound).is_integer():
            bound -= 1.0
        elif inequality.strict and self.tight:
            bound -= 1e-5 * (1 + abs(bound))
        return weights, bound, most

    def _is_whole(self, j: int) -> bool:
        """Whether a column takes whole numbers only, so that below 3 means at most 2."""
        axis = self.space.axes.get(j)
        if axis is not None and axis.code:
            return bool((axis.values == np.rint(axis.values)).all())
        return float(self.space.x0[j]).is_integer() and (axis is None or bool(axis.step))

    def _of(self, j: int) -> tuple[dict[int, float], float]:
        """A column as a linear expression of the variables."""
        if j in self.hot:
            return {self.hot[j]: 1.0}, 0.0
        if j in self.value:
            axis = self.space.axes[j]
            return {self.value[j]: 1.0 if axis.step else axis.scale}, float(self.space.x0[j])
        if j in self.space.axes:
            values = self.space.axes[j].values
            steps = {self.cut[j, k]: float(values[k + 1] - values[k]) for k in range(len(values) - 1)}
            return steps, float(values[0])
        return {}, float(self.space.x0[j])

    def row(self, values: NumpyArray) -> NumpyArray:
        """The row that the solver's values stand for."""
        x = self.space.x0.copy()
        for j, axis in self.space.axes.items():
            cell = int(sum(values[self.cut[j, k]] > 0.5 for k in range(len(axis.cuts))))
            x[j] = axis.values[cell]
            if j in self.value:
                low = axis.low if cell == 0 else float(np.nextafter(axis.cuts[cell - 1], np.inf))
                high = axis.high if cell == len(axis.cuts) else float(axis.cuts[cell])
                moved = float(values[self.value[j]])
                start = float(self.space.x0[j])
                # A solver's value is right to about 1e-6: what is that near to the original was not moved.
                moved = round(moved) if axis.step else 0.0 if abs(moved) < 1e-9 else moved * axis.scale
                x[j] = min(max(start + moved, low), high)
        for group in self.space.groups:
            hot = int(np.argmax([values[self.hot[j]] for j in group]))
            x[list(group)] = np.eye(len(group))[hot]
        return x
