"""Metamorphic relations: the input is changed in a known way, and the answer must follow as declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.capabilities import Predicts, Probabilities, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods import metamorphic as method
from momus.methods.scenarios import modality
from momus.probes.incomplete_testing import _broken, _heed
from momus.probes.incomplete_testing._relations import Relation, build
from momus.stats import intervals, multiple

BATCH = 256


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="relation_violations",
    worse="higher",
    source="Chen, Cheung & Yiu 1998; Segura et al. 2016",
    cost="n (relations + 1) rows",
    tasks=("classifier", "regressor"),
)
def metamorphic(target: Predicts, trial: Trial, *, n: int = 400, allowed: float = 0.05) -> Measurement:
    """Share of the inputs on which the most broken of the declared relations does not hold.

    Measures
        For each relation of the card (``tests.relations``) the answers before and after a change: they must be the
        ``same``, ``different``, or must not go ``up`` or ``down`` (the value of a regressor; the probability of
        ``label`` of a classifier). Changes by name: pictures flip_horizontal, flip_vertical, rotate, brightness,
        contrast, crop, translate; texts upper, lower, whitespace, punctuation; tables add, scale, permute; sound gain,
        shift; anything ``again`` (asked once more in another order); or ``file.py:function``. Where none is declared,
        those that hardly any system may mind: again, brightness, translate (from 25 pixels a side on), whitespace,
        punctuation, gain, shift.
    Why it matters
        It tests without labels what everybody would have said before looking: more income never hurts, a full stop does
        not turn praise into blame.
    Options
        n: rows used at most, 1 and up. allowed: share of broken rows that the p-values are about, in [0, 1).
    Returns
        relation_violations with an interval that holds for all relations at once; figures broken[...] of each, with
        Holm's adjusted p-value for more than ``allowed`` in the table, and broken_relations (significant ones). Rows
        that a change leaves as they were do not count.
    Raises
        ProbeError for unknown changes, options, columns or classes. A user's function that fails leaves its relation
        out, and no pass is given.
    Cost
        n rows for each relation, and n for the answers before.
    A pass means little when
        The relations that matter were not declared, or the changes are too small to matter.
    Source
        Chen, Cheung & Yiu 1998, metamorphic testing; Segura et al. 2016, a survey; Holm 1979.
    """
    if n < 1 or not 0 <= allowed < 1:
        raise ProbeError(f"n is {n} and allowed {allowed:g}", hint="n is 1 or more, allowed lies in [0, 1)")
    test = trial.samples("test").sample(n, trial.rng)
    if len(test) < 2:
        return _nothing(trial, len(test), "too-few-samples", f"{len(test)} test rows show nothing")
    bare = target.target if isinstance(target, Meter) else target
    declared = (trial.context.get("domain") or {}).get("relations") or ()
    made, failed = build(declared, test, modality(test), trial.seed, trial.functions)
    order = trial.rng.permutation(len(test))  # asked in another order: what a row is answered must not hang on others
    asks = _Asks(target, bare.info.task, not missing(bare, Probabilities))
    done: list[_broken.Outcome] = []
    spent = False
    try:
        for k, relation in enumerate(made):
            asks.check(relation)
            before = asks.answers(test.x, relation)
            after = asks.answers(relation.x[order], relation, fresh=True)[np.argsort(order)]
            mask, how = method.broken(
                before, after, relation.expect, relation.tolerance, discrete=asks.discrete(relation)
            )
            done.append(_broken.Outcome(relation, before, after, mask & relation.moved, how))
            trial.progress((k + 1) / len(made), relation.name)
    except BudgetSpent:
        spent = True
    told = [o for o in done if o.n]
    value, ci = worst(told)
    adjusted = _p(told, allowed)
    figures = [Figure(name="broken_relations", value=float((adjusted <= 0.05).sum()), n=len(told))]
    figures += [
        Figure(name=f"broken[{o.relation.name}]", value=o.hits / o.n, ci=intervals.wilson(o.hits, o.n), n=o.n)
        for o in told
    ]
    caveats = [Caveat(code="relation-not-tested", message=f"{name}: {why}", blocks="pass") for name, why in failed]
    caveats += [
        Caveat(code="nothing-changed", message=f"{o.relation.name}: the change left every row as it was", blocks="pass")
        for o in done
        if not o.n
    ]
    if spent:
        message = f"the budget ended after {len(done)} of {len(made)} relations"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    if told:
        caveats += _heed.constant(np.stack([o.before for o in told], axis=1))
    if not told:
        caveats.append(Caveat(code="nothing-tested", message="no relation could be tested", blocks="both"))
    scope: dict[str, Scalar] = {"declared": len(declared), "relations": len(told)}
    return trial.measurement(
        value,
        ci,
        min((o.n for o in told), default=0),
        scope=scope,
        figures=figures,
        evidence=_broken.evidence(told, adjusted, test, bare.info.classes or test.classes),
        caveats=caveats,
    )


def _nothing(trial: Trial, n: int, code: str, message: str) -> Measurement:
    caveat = Caveat(code=code, message=message, blocks="both")
    return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=[caveat])


def worst(told: Sequence[_broken.Outcome]) -> tuple[float, Interval]:
    """The largest share of broken rows, with ends that hold for all relations at once (Bonferroni)."""
    if not told:
        return 0.0, Interval(low=0.0, high=1.0)
    each = [intervals.wilson(o.hits, o.n, 1 - 0.05 / len(told)) for o in told]
    low, high = max(i.low for i in each), max(i.high for i in each)
    return max(o.hits / o.n for o in told), Interval(low=low, high=high, method="wilson, simultaneous")


def _p(told: Sequence[_broken.Outcome], allowed: float) -> NumpyArray:
    """Holm's adjusted probabilities of so many broken rows, were only the allowed share broken."""
    if not told:
        return np.zeros(0)
    return multiple.holm(np.array([float(scipy.stats.binom.sf(o.hits - 1, o.n, allowed)) for o in told]))


@dataclass
class _Asks:
    """Asks the target for classes, values or the probability of one class; the answers before are asked once."""

    target: Predicts
    task: str
    probable: bool
    _said: NumpyArray | None = None
    _sure: NumpyArray | None = None

    def check(self, relation: Relation) -> None:
        directed = relation.expect in ("not_up", "not_down")
        if self.task != "classifier" or not directed:
            return
        if relation.label < 0:
            raise ProbeError(f"the relation '{relation.name}' speaks of a classifier", hint="Set its label to a class")

    def discrete(self, relation: Relation) -> bool:
        return self.task == "classifier" and relation.expect in ("same", "different")

    def answers(self, x: NumpyArray, relation: Relation, *, fresh: bool = False) -> NumpyArray:
        """(n,) classes, values, or the probability of the relation's label (1 or 0 where there are no probabilities).

        ``fresh``: of changed inputs; otherwise the answers to the rows themselves, kept from the first time.
        """
        directed = self.task == "classifier" and not self.discrete(relation)
        if directed and self.probable:
            if fresh or self._sure is None:
                p = self._asked(x, probabilities=True)
                self._sure = self._sure if fresh else p
            else:
                p = self._sure
            return np.asarray(p[:, relation.label])
        if fresh or self._said is None:
            said = self._asked(x, probabilities=False)
            self._said = self._said if fresh else said
        else:
            said = self._said
        return (said == relation.label).astype(float) if directed else said

    def _asked(self, x: NumpyArray, *, probabilities: bool) -> NumpyArray:
        ask = self.target.probabilities if probabilities else self.target.predict  # type: ignore[attr-defined]
        return np.concatenate([to_numpy(ask(self.target.encode(x[i : i + BATCH]))) for i in range(0, len(x), BATCH)])
