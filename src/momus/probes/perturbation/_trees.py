"""The parts of perturbation.trees: what was proven of every input, in figures, curves and words."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

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
        ci = wilson(int(self.proven.sum()), m)
        out.append(
            Figure(name="share_proven", value=float(self.proven.mean()), ci=ci, n=m, note="distance known exactly")
        )
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
        held = len(inputs.domain.rules)
        rules = f", {held} rule{'s' * (held > 1)}" if held else ""
        switches = inputs.domain.switches
        return (
            f"nothing inside epsilon turns {int(self.robust.sum())} of {len(self.distances)} inputs, within the "
            f"declared ranges, {fixed} immutable column{'s' * (fixed != 1)}, {switches} category "
            f"switch{'es' * (switches != 1)}{rules}"
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
    """Every attacked input settled at epsilon, which is quick; then its smallest change, as far as time allows.

    One input gets ``seconds``, and all of them together what the budget leaves but for the final re-check.
    """
    ensemble = target.trees()
    x, y = (to_numpy(a) for a in inputs.at(inputs.chosen))
    near = [row if won else None for row, won in zip(to_numpy(attack.x), to_numpy(attack.fooled), strict=True)]
    misread = _misread(inputs, answers(ensemble, to_numpy(inputs.x)))
    work = Search(ensemble, inputs.domain, inputs.objective, inputs.norm, seconds=seconds)
    like = inputs.x

    def turned(rows: NumpyArray, reference: NumpyArray) -> NumpyArray:
        native = array_namespace(like).asarray(rows, dtype=like.dtype, device=device(like))
        return inputs.won(to_numpy(target.predict(native)), reference)

    work.turned = turned
    sizes = np.array([np.inf if k is None else work.size(k, x0) for k, x0 in zip(near, x, strict=True)], dtype=float)
    out = [Distance(0.0, size, k) for k, size in zip(near, sizes, strict=True)]
    complete = not misread
    try:
        for phase, share in ((_at_epsilon, 0.4), (_anywhere, 1.0)):
            for i in range(len(x) if complete else 0):
                left = _left(trial) * share
                if left <= 0:
                    raise BudgetSpent
                # Settling epsilon comes first and may use what it needs; what is left is shared out evenly.
                work.seconds = min(seconds, left if phase is _at_epsilon else left / (len(x) - i))
                out[i] = phase(work, x[i], float(y[i]), out[i], inputs.epsilon)
                trial.progress(0.3 + (0.2 if phase is _at_epsilon else 0.4) * (i + 1) / len(x), "proving distances")
    except BudgetSpent:
        complete = phase is _anywhere  # every input was settled at epsilon as far as its own time allowed
    return Exact(tuple(out), sizes, inputs.epsilon, misread, complete)


def _left(trial: Trial) -> float:
    """Seconds that may still go into proofs; a twentieth of the budget stays for asking the examples again."""
    if trial.meter is None or trial.budget.seconds is None:
        return np.inf
    return 0.95 * trial.budget.seconds - trial.meter.seconds


def _at_epsilon(work: Search, x0: NumpyArray, y: float, now: Distance, epsilon: float) -> Distance:
    """Whether anything inside epsilon turns the row, and if so the least that does."""
    close = now.x if now.upper <= epsilon else None
    found = work.distance(x0, y, known=close, radius=epsilon)
    if np.isfinite(found.upper):
        return found
    return Distance(epsilon * (1 + 2e-9) if np.isinf(found.lower) else found.lower, now.upper, now.x)


def _anywhere(work: Search, x0: NumpyArray, y: float, now: Distance, epsilon: float) -> Distance:
    """The least change at all: radii that grow step by step keep every program small, and each is a certificate."""
    whole, until = work.seconds, perf_counter() + work.seconds
    radius = max(epsilon, 1e-3)
    while not now.proven and now.lower >= epsilon and perf_counter() < until:
        radius *= 1.6
        last = radius >= now.upper or radius > 50
        work.seconds = until - perf_counter()
        known = now.x if last else None
        found = work.distance(x0, y, known=known, radius=np.inf if last else radius)
        if np.isfinite(found.upper):
            now = Distance(max(now.lower, min(found.lower, found.upper)), found.upper, found.x)
            break
        now = Distance(max(now.lower, radius if np.isinf(found.lower) and not last else found.lower), now.upper, now.x)
        if last or now.lower < radius:
            break
    work.seconds = whole
    return now


def _misread(inputs: Inputs, read: NumpyArray) -> int:
    """On how many clean inputs the trees as read answer otherwise; values may differ by rounding."""
    if inputs.classes:
        return int((read != inputs.answers).sum())
    gap = np.abs(read - inputs.answers)
    return int((gap > 1e-4 * (1 + np.abs(inputs.answers))).sum())
