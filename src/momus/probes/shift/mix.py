"""How much would be lost if operation moved to the worst part of its own declared range?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import operating_range
from momus.methods.two_trainings import BATCH, unit_of_error
from momus.methods.worst_mix import worst_mixes
from momus.probes.shift import _mix
from momus.probes.shift._skill import ignorant
from momus.stats import intervals

_SHARES = (0.5, 0.25, 0.1, 0.05)


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="worst_mix_drop",
    worse="higher",
    source="arXiv:2010.15100",
    cost="n_test rows",
    tasks=("classifier", "regressor"),
    declares=("tests.domain.columns",),
    version=2,
)
def mix(target: Predicts, trial: Trial, *, share: float = 0.25, rows: int = 50_000, least: int = 30) -> Measurement:
    """What is lost when operation moves to the worst part of the conditions that the card says it is meant for.

    Measures
        The columns of ``tests.domain`` may change their mix; everything else follows them. Among all shifts that keep
        at least ``share`` of today's test rows, the one that the model bears worst: accuracy of the whole less accuracy
        of that part. For a regressor: growth of the error, in units of the target's mean deviation. The part is found
        by a model of the errors that has not seen the rows it is judged on.
    Why it matters
        A system meant for ages 18 to 90 may be used in a home for the elderly. Nothing has left the declared range, yet
        its average says nothing about that place.
    Options
        share: the part of today's mix that remains, 0 to 1. rows: test rows used at most. least: rows that a bin or
        part needs.
    Returns
        worst_mix_drop with an interval; figures score, drop[share] for smaller and larger parts, score[...] of each
        declared bin and outside, the share of rows outside the declared range (left out).
    Raises
        ProbeError for a share outside 0 to 1; TargetError from the target's predictions.
    Cost
        One row for each test row.
    A pass means little when
        A declared bin has hardly any rows (caveat bins-untested), or what will move is not among the declared columns.
    Source
        Subbaswamy, Adams & Saria 2021, worst-case conditional shifts (arXiv:2010.15100).
    """
    if not 0 < share < 1:
        raise ProbeError(f"share is {share:g}", hint="Give the part of today's mix that remains, between 0 and 1")
    rng = trial.rng
    test = trial.samples("test").sample(rows, rng)
    bins: _mix.Bins = dict(dict(trial.context.get("domain") or {}).get("columns") or {})
    met = {name: operating_range.column_values(test, name) for name in bins}
    known = {name: v for name, v in met.items() if v is not None}
    if not known or test.y is None or len(test) < 4 * least:
        return _nothing(trial, len(test), bins, known, test)
    inside = np.logical_and.reduce([_mix.inside(v, bins[name]) for name, v in known.items()])
    asked, score = _scores(target, trial, test, np.flatnonzero(inside), rng)
    caveats = _mix.untested(bins, {k: v[asked] for k, v in known.items()}, least)
    caveats += ignorant(score, np.asarray(test.y)[asked], target.info.task)
    if len(asked) < inside.sum():
        message = f"the budget ended after {len(asked)} of {int(inside.sum())} rows"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    z = np.column_stack([_mix.numbers(v[asked]) for v in known.values()])
    shares = tuple(sorted({*_SHARES, share}, reverse=True))
    mixes = worst_mixes(z, score, shares, rng, least=least) if len(asked) >= 4 * least else ()
    chosen = next((m for m in mixes if m.share == share), None)
    if chosen is None:
        message = f"{len(asked)} answered rows inside the declared range are too few for a part of {share:g}"
        caveats.append(Caveat(code="too-few-samples", message=message, blocks="both"))
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0, method="none"), len(asked), caveats=caveats)
    figures = [
        Figure(name="score", value=float(score.mean()), ci=intervals.mean(score), n=len(score)),
        *(Figure(name=f"drop[{m.share:g}]", value=m.gap.gap, ci=m.gap.ci, n=m.gap.n) for m in mixes),
        Figure(name="outside", value=1 - float(inside.mean()), n=len(test), note="rows outside the declared range"),
    ]
    by_bin = _mix.by_bin(bins, {k: v[asked] for k, v in known.items()}, score, least)
    figures += [Figure(name=f"score[{name}]", value=v, n=n) for name, v, n in by_bin[:40]]
    return trial.measurement(
        chosen.gap.gap,
        chosen.gap.ci,
        len(asked),
        scope={"declared_columns": len(known)},
        figures=figures,
        evidence=_mix.evidence(mixes, score, by_bin, chosen, {k: v[asked] for k, v in known.items()}),
        caveats=caveats,
    )


def _scores(
    target: Predicts, trial: Trial, test: Samples, rows: NumpyArray, rng: np.random.Generator
) -> tuple[NumpyArray, NumpyArray]:
    """Row numbers answered, in random order until the budget ends, and their scores: more is better."""
    order = rng.permutation(rows)
    truth = np.asarray(test.y)
    parts: list[NumpyArray] = []
    for i in np.arange(0, len(order), BATCH):
        trial.progress(i / len(order), f"{i} of {len(order)} rows")
        try:
            parts.append(to_numpy(target.predict(target.encode(test.x[order[i : i + BATCH]]))))
        except BudgetSpent:
            break
    said = np.concatenate(parts) if parts else np.zeros(0)
    asked = order[: len(said)]
    scale = unit_of_error(truth, target.info.task)
    if scale is None:
        return asked, np.asarray(said == truth[asked], dtype=float)
    return asked, np.asarray(-np.abs(said - truth[asked]) / scale, dtype=float)


def _nothing(trial: Trial, n: int, bins: _mix.Bins, known: Mapping[str, NumpyArray], test: Samples) -> Measurement:
    message = f"{n} labelled rows are too few"
    if test.y is None:
        message = "the test rows have no labels"
    elif not bins:
        message = "the card declares no operating range (tests.domain.columns)"
    elif not known:
        message = f"the test data have none of the declared columns {', '.join(list(bins)[:5])}"
    caveat = Caveat(code="no-range" if n and not known else "too-few-samples", message=message, blocks="both")
    return trial.measurement(0.0, Interval(low=-1.0, high=1.0, method="none"), n, caveats=[caveat])
