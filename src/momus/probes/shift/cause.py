"""Why did it get worse: other inputs, another mix of classes, or another relation between inputs and labels?"""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods import harm_causes
from momus.probes.shift import _data_cause
from momus.probes.shift._data_asked import Asked, asked, parts
from momus.stats import intervals

EFFECTIVE = 30  # labelled rows that the weights must leave
UNLIKE = 0.2  # a greater share of rows unlike any labelled one leaves a changed relation and unlike inputs one thing


@probe(
    knowledge=Knowledge.NONE,
    data=("test", "current"),
    metric="concept_shift",
    worse="higher",
    source="arXiv:1802.03916 (classes), arXiv:1610.06545 (inputs), doi:10.1016/j.patcog.2011.06.019 (taxonomy)",
    cost="twice n_test + n_current rows (once without probabilities)",
    tasks=("classifier", "regressor"),
)
def cause(target: Predicts, trial: Trial, *, rows: int = 5000) -> Measurement:
    """How much of the loss on the current rows neither moved inputs nor another mix of classes explain.

    Measures
        The error on the labelled current rows less the error to be expected if only the inputs had moved (labelled
        test rows weighted like the current ones, doubly robust) or, where that is not ruled out, if only the mix of
        classes had (each class answered as before); the smaller of the two is left as concept shift. For a regressor
        the error is relative to that on the test rows.
    Why it matters
        The remedies differ: weights or new rows against moved inputs, another prior against another mix, and only new
        labels and training against a changed relation. A model retrained on the old labels keeps the old relation.
    Options
        rows: most rows of each set.
    Returns
        concept_shift with an interval over both explanations; figures accuracy_change, explained_by_inputs,
        explained_by_classes (changes of the error that each expects), inputs_p, relation_p (covariate shift),
        classes_p (label shift), class_shift (total variation of the mix, counted or by BBSE), effective_rows,
        outside_share. Scope: supported, the explanations that the rows do not rule out. Without labels in the current
        rows the reading is inconclusive: inputs_p and classes_p are still told, the relation cannot be.
    Raises
        ProbeError when the columns differ or rows is below 1; TargetError from the target's predictions.
    Cost
        The rows asked, and some thirty fits of small models.
    A pass means little when
        The relation changed where it costs this model nothing, the current rows are few, or they were labelled by
        other people than the test rows: that is a changed relation of the labels, not of the world.
    Source
        Lipton, Wang & Smola 2018 (arXiv:1802.03916); Lopez-Paz & Oquab 2017 (arXiv:1610.06545); Moreno-Torres et al.
        2012 for the terms; Robins, Rotnitzky & Zhao 1994 for the correction.
    """
    test, current, caveats = parts(trial, rows)
    n, nothing = len(test) + len(current), Interval(low=-1.0, high=1.0)
    if caveats:
        return trial.measurement(0.0, nothing, n, caveats=caveats)
    try:
        found, caveats = asked(target, test, current, trial)
    except BudgetSpent:
        spent = Caveat(code="budget-spent", message="the budget ended before both sets were predicted", blocks="both")
        return trial.measurement(0.0, nothing, n, caveats=[spent])
    except ValueError as error:
        raise ProbeError(str(error), hint="Give both data sets the same columns") from error
    trial.progress(0.4, f"{n} rows predicted")
    known = _data_cause.causes(found, trial.rng)
    value, ci = _left(found, known) or (0.0, nothing)
    return trial.measurement(
        value,
        ci,
        n,
        scope={"supported": _supported(found, known), "labelled": found.wrong_now is not None},
        figures=_figures(found, known),
        evidence=_data_cause.evidence(found, known),
        caveats=caveats + _doubts(found, known),
    )


def _left(a: Asked, c: _data_cause.Causes) -> tuple[float, Interval] | None:
    if a.wrong_now is None:
        return None
    now = float(a.wrong_now.mean())
    if a.outputs is not None:
        spread = intervals.wilson(int(a.wrong_now.sum()), len(a.wrong_now))
    else:
        spread = intervals.mean(a.wrong_now)
    explained = [c.by_inputs]
    if c.by_classes is not None and not c.classes_ruled_out:
        explained.append(c.by_classes)
    return harm_causes.unexplained((now, spread), explained)


def _supported(a: Asked, c: _data_cause.Causes) -> str:
    """Plain words for what the rows do not rule out."""
    if a.wrong_now is None:
        if c.inputs_p >= _data_cause.RULED_OUT:
            return "no moved inputs"
        return "moved inputs" if c.classes_ruled_out else "moved inputs or another mix of classes"
    if a.ratio.outside_share > UNLIKE:
        return "inputs unlike any labelled row"
    if c.relation:
        return "a changed relation"
    found = []
    if c.relation_p is not None and c.relation_p >= _data_cause.RULED_OUT:
        found.append("moved inputs" if c.inputs_p < _data_cause.RULED_OUT else "no shift")
    if not c.classes_ruled_out and c.inputs_p < _data_cause.RULED_OUT:
        found.append("another mix of classes")
    return " or ".join(found) or "another mix of classes"


def _figures(a: Asked, c: _data_cause.Causes) -> list[Figure]:
    base, n = float(a.wrong.mean()), len(a.test) + len(a.current)
    sign = -1.0 if a.outputs is not None else 1.0
    word = "accuracy_change" if a.outputs is not None else "relative_error_change"
    figures = [
        Figure(name="explained_by_inputs", value=c.by_inputs[0] - base, n=n, note="error expected if only they moved"),
        Figure(name="inputs_p", value=c.inputs_p, n=n, note="small: the inputs moved"),
        Figure(name="effective_rows", value=a.ratio.effective, n=len(a.test), note="labelled rows after weighting"),
        Figure(name="outside_share", value=a.ratio.outside_share, n=len(a.current)),
    ]
    if a.wrong_now is not None:
        figures.insert(0, Figure(name=word, value=sign * (float(a.wrong_now.mean()) - base), n=n))
    if c.by_classes is not None:
        note = "error expected if only the mix moved"
        figures.append(Figure(name="explained_by_classes", value=c.by_classes[0] - base, n=n, note=note))
    if c.relation_p is not None:
        figures.append(Figure(name="relation_p", value=c.relation_p, n=n, note="small: not only the inputs moved"))
    if c.classes_p is not None:
        figures.append(Figure(name="classes_p", value=c.classes_p, n=n, note="small: not only the mix moved"))
    if c.shift is not None:
        moved = float(np.abs(c.shift.shares - c.shift.before).sum() / 2)
        figures.append(Figure(name="class_shift", value=moved, n=n, note="total variation of the mix, without labels"))
    return figures


def _doubts(a: Asked, c: _data_cause.Causes) -> list[Caveat]:
    found: list[Caveat] = []
    if a.wrong_now is None:
        message = "the current rows have no labels, so a changed relation cannot be told from moved inputs"
        found.append(Caveat(code="no-labels", message=message, blocks="both"))
    if a.ratio.effective < EFFECTIVE:
        message = f"weighted like the current rows the {len(a.test)} labelled ones are worth {a.ratio.effective:.0f}"
        found.append(Caveat(code="few-effective-rows", message=message, blocks="both"))
    if a.ratio.outside_share > UNLIKE:
        message = f"{a.ratio.outside_share:.0%} of the current rows are unlike any labelled row"
        message = f"{message}: whether their labels follow another relation cannot be told"
        found.append(Caveat(code="support", message=message, blocks="pass"))
    elif c.relation:
        message = "labels depend on inputs otherwise than before, wherever that may cost accuracy"
        found.append(Caveat(code="relation-changed", message=message, blocks="pass"))
    return found
