"""The parts of perturbation.trees: what was proven of every input, in figures, curves and words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, HasTrees, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Line, Series, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.ascent import Found
from momus.methods.tree_distance import Distance, Search
from momus.methods.tree_outputs import answers
from momus.probes.perturbation._inputs import Inputs
from momus.stats.intervals import wilson


@dataclass(frozen=True)
class Exact:
    """``distances`` of the attacked inputs, ``attack`` (m,) what the search alone found (inf: nothing)."""

    distances: tuple[Distance, ...]
    attack: NumpyArray
    epsilon: float
    misread: int
    complete: bool

    @property
    def lower(self) -> NumpyArray:
        return np.array([d.lower for d in self.distances])

    @property
    def upper(self) -> NumpyArray:
        return np.array([d.upper for d in self.distances])

    @property
    def turned(self) -> NumpyArray:
        """(m,) booleans: certified vulnerable, by an example inside epsilon."""
        return np.asarray(self.upper <= self.epsilon * (1 + 1e-9) + 1e-12, dtype=bool)

    @property
    def robust(self) -> NumpyArray:
        """(m,) booleans: proven that nothing inside epsilon turns it."""
        return np.asarray(self.lower > self.epsilon * (1 + 1e-9), dtype=bool) & ~self.turned

    @property
    def open(self) -> NumpyArray:
        return ~self.turned & ~self.robust

    @property
    def proven(self) -> NumpyArray:
        return np.array([d.proven for d in self.distances], dtype=bool)

    def examples(self, x0: Array) -> Array:
        """The nearest examples inside epsilon, originals elsewhere."""
        xp = array_namespace(x0)
        x = xp.asarray(x0, copy=True)
        for i in np.flatnonzero(self.turned):
            x[int(i)] = xp.asarray(self.distances[i].x, dtype=x.dtype, device=device(x))
        return x

    def interval(self, turned: int, n: int) -> Interval:
        """Of the rows drawn; open ones may be either. Errors of proof there are none."""
        if not n:
            return wilson(0, 0)
        low, high = wilson(turned, n).low, wilson(min(n, turned + int(self.open.sum())), n).high
        return Interval(low=low, high=high, method="wilson")

    def figures(self) -> list[Figure]:
        m = len(self.distances)
        counts = {"certified_vulnerable": self.turned, "certified_robust": self.robust, "open": self.open}
        notes = {
            "certified_vulnerable": "inputs with an example inside epsilon",
            "certified_robust": "inputs that no permitted change inside epsilon turns",
            "open": "inputs on which time ran out",
        }
        out = [Figure(name=k, value=float(v.sum()), n=m, note=notes[k]) for k, v in counts.items()]
        if not m:
            return out
        out.append(Figure(name="share_proven", value=float(self.proven.mean()), n=m, note="distance known exactly"))
        never = int(np.isinf(self.lower).sum())
        if never:
            out.append(Figure(name="never_turned", value=float(never), n=m, note="proven: no permitted change at all"))
        finite = np.isfinite(self.lower)
        unit = "in units of each column's scale"
        if finite.any():
            typical = float(np.median(self.lower[finite]))
            out.append(
                Figure(name="median_certified_distance", value=typical, n=int(finite.sum()), note=f"{unit}, at least")
            )
        hit = np.isfinite(self.attack)
        if hit.any():
            typical = float(np.median(self.attack[hit]))
            out.append(Figure(name="median_attack_distance", value=typical, n=int(hit.sum()), note=unit))
        both = self.proven & hit & (self.upper > 0) & np.isfinite(self.upper)
        if both.any():
            ratio = float(np.median(self.attack[both] / self.upper[both]))
            note = "median over the proven inputs; 1 where the attack found the nearest change"
            out.append(Figure(name="attack_over_exact", value=ratio, n=int(both.sum()), note=note))
        return out

    def caveats(self) -> list[Caveat]:
        out = []
        if self.misread:
            message = f"the trees as read answer {self.misread} inputs otherwise than the model: nothing is proven"
            out.append(Caveat(code="trees-misread", message=message, blocks="both"))
        still = int(self.open.sum())
        if still:
            message = f"{still} of {len(self.distances)} inputs are open: more seconds may settle them"
            out.append(Caveat(code="open-inputs", message=message, blocks="none"))
        return out

    def certificate(self, inputs: Inputs) -> str:
        """What was certified, with the domain it holds for."""
        fixed = sum(c.immutable for c in inputs.samples.columns)
        rules = f", {len(inputs.domain.rules)} rules" if inputs.domain.rules else ""
        return (
            f"nothing inside epsilon turns {int(self.robust.sum())} of {len(self.distances)} inputs, within the "
            f"declared ranges, {fixed} immutable columns, {inputs.domain.switches} category switches{rules}"
        )

    def evidence(self, inputs: Inputs) -> list[Series | Table]:
        m, n = len(self.distances), len(inputs.right)
        if not m:
            return []
        rows = (
            ("certified vulnerable", int(self.turned.sum()), "an example inside epsilon, asked of the model"),
            ("certified robust", int(self.robust.sum()), "no permitted change inside epsilon turns it"),
            ("open", int(self.open.sum()), "time ran out"),
        )
        verdicts = Table(title="What is proven of the inputs", columns=("verdict", "inputs", "because"), rows=rows)
        top = np.concatenate([self.upper, self.attack, self.lower])
        top = top[np.isfinite(top)]
        most = float(max(np.max(top, initial=0.0), self.epsilon)) or 1.0
        grid = tuple(float(most * i / 24) for i in range(25))

        def left(distances: NumpyArray, *, at: bool) -> tuple[float, ...]:
            return tuple(float(((distances >= e) if at and e else (distances > e)).sum() / n) for e in grid)

        lines = (
            Line(name="proven right", x=grid, y=left(self.lower, at=True)),
            Line(name="right under the attack", x=grid, y=left(self.attack, at=False), dashed=True),
        )
        curve = Series(
            title="Accuracy against epsilon: proven, and under attack",
            note="the truth lies between the lines; where they meet the attack found the nearest change",
            x_label=f"epsilon ({inputs.norm})",
            y_label="share of all inputs",
            lines=lines,
        )
        return [verdicts, curve]


def settled(target: HasTrees, trial: Trial, inputs: Inputs, attack: Found, seconds: float) -> Exact:
    """Every attacked input settled at epsilon, then its smallest change, as far as ``seconds`` each allow."""
    ensemble = target.trees()
    x, y = (to_numpy(a) for a in inputs.at(inputs.chosen))
    fooled, near = to_numpy(attack.fooled), to_numpy(attack.x)
    misread = _misread(inputs, answers(ensemble, to_numpy(inputs.x)))
    work = Search(ensemble, inputs.domain, inputs.objective, inputs.norm, seconds=seconds)
    like = inputs.x

    def turned(rows: NumpyArray, reference: NumpyArray) -> NumpyArray:
        native = array_namespace(like).asarray(rows, dtype=like.dtype, device=device(like))
        return inputs.won(to_numpy(target.predict(native)), reference)

    work.turned = turned
    out: list[Distance] = []
    complete = not misread
    for i in range(len(x)):
        known = near[i] if fooled[i] else None
        try:
            if misread:
                raise BudgetSpent
            if trial.meter is not None:
                trial.meter.check_time()
            out.append(_one(work, x[i], float(y[i]), known, inputs.epsilon))
        except BudgetSpent:
            complete = False
            upper = work.size(known, x[i]) if known is not None else np.inf
            out.append(Distance(0.0, upper, known))
        trial.progress(0.3 + 0.6 * (i + 1) / len(x), "proving distances")
    sizes = [work.size(near[i], x[i]) if fooled[i] else np.inf for i in range(len(x))]
    return Exact(tuple(out), np.array(sizes, dtype=float), inputs.epsilon, misread, complete)


def _one(work: Search, x0: NumpyArray, y: float, known: NumpyArray | None, epsilon: float) -> Distance:
    """Inside epsilon first, which is the smaller question; then as far as the known example."""
    close = known if known is not None and work.size(known, x0) <= epsilon else None
    first = work.distance(x0, y, known=close, radius=epsilon)
    if np.isfinite(first.upper):
        return first
    if known is None:
        whole = work.distance(x0, y)
    else:
        whole = work.distance(x0, y, known=known)
    inside = epsilon * (1 + 2e-9) if np.isinf(first.lower) else first.lower
    return Distance(max(inside, whole.lower), whole.upper, whole.x)


def _misread(inputs: Inputs, read: NumpyArray) -> int:
    """On how many clean inputs the trees as read answer otherwise; values may differ by rounding."""
    if inputs.classes:
        return int((read != inputs.answers).sum())
    gap = np.abs(read - inputs.answers)
    return int((gap > 1e-4 * (1 + np.abs(inputs.answers))).sum())
