"""Have the data moved since the model was fitted? Column by column and jointly, with what could have been missed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.capabilities import Predicts, Target, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Bars, Evidence, Table
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.methods import describe
from momus.methods.columns_shift import Shift, column_shift
from momus.probes.shift._data_joint import JOINT, joint, outputs, same_rows
from momus.probes.shift._data_stream import watched
from momus.stats import intervals, roc
from momus.stats import two_sample as tests

HARM = 0.02  # a loss of accuracy beyond this, at the interval's nearer end, forbids a pass


@probe(
    knowledge=Knowledge.NONE,
    data=("train", "test"),
    optional_data=("reference", "current"),
    metric="shift_effect",
    worse="higher",
    source="doi:10.5555/2188385.2188410 (MMD), arXiv:1610.06545 (classifier test)",
    cost="at most n_reference + n_current + 4000 rows, where the target predicts",
    version=2,
)
def two_sample(
    target: Target, trial: Trial, *, rows: int = 100_000, permutations: int = 999, looks: int = 1
) -> Measurement:
    """How far the columns' distributions moved between reference and current data.

    Measures
        The largest effect over all columns, the label included: the Kolmogorov-Smirnov distance of a numeric column or
        the total variation of a categorical one, both in [0, 1]. An effect, because with enough rows every p-value is
        small, and a p-value says nothing about size.
    Why it matters
        A model is fitted to one world; where the inputs, the labels or their mix move, its tested accuracy is void.
    Options
        rows: most rows used from each set. permutations: for the joint tests. looks: from 2 on, the current rows are
        also watched as a stream of so many batches in time order, with one bound on false alarms for all of them.
    Returns
        shift_effect with an interval that holds for all columns at once; figures columns_moved (Holm, 5 %),
        columns_moved_bh (false discovery rate 5 %), mmd and mmd_p (random Fourier features), energy and energy_p
        (random directions; both linear time, exact p-values), classifier_auc and joint_effect, joint_p over the three,
        label_shift, least_detectable (the effect seen with 80 % power); first_alarm and alarms where looks is above 1;
        and, where the target predicts, output_shift, prediction_shift and accuracy_change (with an interval) with
        accuracy in both sets. Roles: reference falls back to train, current to test. Columns of images, texts and
        sound are summary statistics; the joint tests see an embedding (random patches, hashed letters, log-mel).
    Raises
        ProbeError when the two sets have different columns, or looks or rows is below 1.
    Cost
        O(rows x columns log rows); predictions of both sets where the target predicts.
    A pass means little when
        The relation between inputs and labels changed (see shift.cause), or the current data are not from where the
        system will be used. A joint change of rows that stay in place column by column forbids a pass from a
        joint_effect of 0.1 on; a smaller one shows in joint_p only.
    Source
        Gretton et al. 2012; Szekely & Rizzo 2004; Lopez-Paz & Oquab 2017 (arXiv:1610.06545); Rabanser et al. 2019
        (arXiv:1810.11953) on a model's outputs; Massart 1990; Holm 1979; for looks see momus.methods.looks.
    """
    if looks < 1:
        raise ProbeError(f"looks is {looks}", hint="Give the number of batches, 1 or more")
    if rows < 1:
        raise ProbeError(f"rows is {rows}", hint="Give the number of rows, 1 or more")
    rng = trial.rng
    sides = []
    for role, fallback in (("reference", "train"), ("current", "test")):
        whole = trial.samples(role if role in trial.data else fallback)
        sides.append(whole.take(describe.one_row_per_id(whole, rng)).sample(rows, rng))
    before, after = sides
    one_sided = (before.y is None) != (after.y is None)
    if one_sided:  # current rows seldom have labels yet; the inputs can be compared all the same
        before, after = replace(before, y=None), replace(after, y=None)
    n, m = len(before), len(after)
    if min(n, m) < 20:
        message = f"{n} reference rows and {m} current rows are too few to compare"
        few = Caveat(code="too-few-samples", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), n + m, caveats=[few])
    try:
        shift = column_shift(before, after)
    except ValueError as error:
        raise ProbeError(str(error), hint="Give both data sets the same columns") from error
    trial.progress(0.3, f"{len(shift.columns)} columns compared")
    detectable = tests.least_detectable(n, m, len(shift.columns))
    note = f"{tests.as_standard_deviations(detectable):.2f} standard deviations of a normal column's mean"
    together, hidden = joint(before, after, rng, permutations)
    unlabelled = Caveat(code="no-labels", message="labels on one side only: their mix is not compared", blocks="none")
    caveats = [unlabelled] * one_sided + same_rows(before, after) + (hidden if shift.ci.low <= JOINT else [])
    figures = [
        Figure(name="columns_moved", value=len(shift.moved), n=len(shift.columns), note="Holm at 5 %"),
        Figure(name="columns_moved_bh", value=sum(c.q <= 0.05 for c in shift.columns), n=len(shift.columns)),
        Figure(name="least_detectable", value=detectable, note=f"seen with 80 % power: {note}"),
        *together,
        *(Figure(name="label_shift", value=c.effect, n=n + m) for c in shift.columns if c.name == "label"),
    ]
    evidence: list[Evidence] = [*_evidence(shift)]
    if looks > 1:
        seen, drawn = watched(before, after, looks, rng)
        figures, evidence = figures + seen, evidence + drawn
    try:
        figures += _predictions(target, before, after, trial)
        figures += outputs(target, before, after, trial)
        caveats += _changed_relation(figures, "reference" in trial.data)
    except BudgetSpent:
        message = "the budget ended before both sets were predicted, so no effect on accuracy is known"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    scope: dict[str, Scalar] = {
        "worst_column": shift.worst.name,
        "reference_rows": n,
        "current_rows": m,
        "columns": len(shift.columns),
    }
    return trial.measurement(
        shift.value, shift.ci, n + m, scope=scope, figures=figures, evidence=evidence, caveats=caveats
    )


def _predictions(target: Target, before: Samples, after: Samples, trial: Trial) -> list[Figure]:
    """Drift of the predictions, and what the accuracy did meanwhile."""
    bare = target.target if isinstance(target, Meter) else target
    if missing(bare, Predicts) or bare.info.task not in ("classifier", "regressor"):
        return []
    asks = target if isinstance(target, Meter) else Meter(target, trial.budget)
    said = [to_numpy(asks.predict(asks.encode(s.x))) for s in (before, after)]
    if bare.info.task == "regressor":
        drift = tests.ks_statistic(said[0], said[1])
    else:
        k = max(int(s.max()) for s in said) + 1
        drift = tests.total_variation(*(np.bincount(s.astype(int), minlength=k) for s in said))
    figures = [Figure(name="prediction_shift", value=drift, n=len(before) + len(after))]
    if before.y is None or after.y is None:
        return figures
    return figures + _harm(bare.info.task, said, (np.asarray(before.y), np.asarray(after.y)))


def _harm(task: str, said: list[NumpyArray], truth: tuple[NumpyArray, NumpyArray]) -> list[Figure]:
    note = "current less reference; where the reference is the training set, overfitting is part of it"
    if task == "regressor":
        errors = [np.abs(s - y) for s, y in zip(said, truth, strict=True)]
        change = float(errors[1].mean() - errors[0].mean())
        spread = [intervals.mean(e) for e in errors]
        half = float(np.hypot(spread[0].high - spread[0].low, spread[1].high - spread[1].low) / 2)
        ci = Interval(low=change - half, high=change + half, method="mover")
        return [Figure(name="mean_absolute_error_change", value=change, ci=ci, note=note)]
    right = [int((s == y).sum()) for s, y in zip(said, truth, strict=True)]
    sizes = [len(y) for y in truth]
    change, ci = roc.difference(right[1], sizes[1], right[0], sizes[0])
    return [
        Figure(name="accuracy_reference", value=right[0] / sizes[0], ci=intervals.wilson(right[0], sizes[0])),
        Figure(name="accuracy_current", value=right[1] / sizes[1], ci=intervals.wilson(right[1], sizes[1])),
        Figure(name="accuracy_change", value=change, ci=ci, n=sum(sizes), note=note),
    ]


def _changed_relation(figures: list[Figure], held_out: bool) -> list[Caveat]:
    """Accuracy that falls while the reference is no training set: the columns alone then tell too little."""
    fallen = [f for f in figures if f.name == "accuracy_change" and f.ci is not None and f.ci.high < -HARM]
    if not fallen or not held_out:
        return []
    message = f"accuracy changed by {fallen[0].value:+.1%} between the sets, whatever the columns show"
    return [Caveat(code="accuracy-fell", message=message, blocks="pass")]


def _evidence(shift: Shift) -> list[Bars | Table]:
    top = sorted(shift.columns, key=lambda c: -c.effect)[:15]
    half = shift.half_width
    bars = Bars(
        title="Columns that moved most",
        y_label="effect (KS distance or total variation)",
        names=tuple(c.name for c in top),
        values=tuple(c.effect for c in top),
        low=tuple(max(0.0, c.effect - c.bias - half) for c in top),
        high=tuple(min(1.0, c.effect + half) for c in top),
        note="Intervals hold for all columns at once (95 %)",
    )
    rows = tuple((c.name, c.test, round(c.effect, 4), float(f"{c.p:.3g}"), round(c.missing, 4)) for c in top)
    columns = ("column", "test", "effect", "p (Holm)", "change in missing values")
    return [bars, Table(title="Columns compared", columns=columns, rows=rows)]
