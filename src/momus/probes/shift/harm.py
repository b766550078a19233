"""What does the shift cost? Accuracy on rows that nobody has labelled, from what the model says about them."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.probes.shift import _data_harm
from momus.probes.shift._data_asked import Asked, asked, parts
from momus.stats import intervals, roc

EFFECTIVE = 30  # labelled rows that the weights must leave


@probe(
    knowledge=Knowledge.NONE,
    data=("test", "current"),
    metric="accuracy_loss",
    worse="higher",
    source="arXiv:2201.04234 (confidence threshold), arXiv:1802.03916 (classes), Sugiyama et al. 2012 (weights)",
    cost="twice n_test + n_current rows (once without probabilities)",
    tasks=("classifier", "regressor"),
)
def harm(target: Predicts, trial: Trial, *, rows: int = 5000, labels: bool = True) -> Measurement:
    """How much accuracy is lost on the current rows, estimated without their labels.

    Measures
        Accuracy on the labelled test rows less that on the current ones; for a regressor the rise of the mean absolute
        error, relative to the test rows. Without labels it is the mean of calibrated confidence, corrected by how
        wrong that is on test rows weighted like the current ones; with labels it is counted, and the estimate is held
        against the truth.
    Why it matters
        Most shifts do no harm and some are fatal; tests of the inputs cannot tell which. Labels come late or never.
    Options
        rows: most rows of each set. labels: false judges by the estimate even where the current rows are labelled.
    Returns
        accuracy_loss, whose interval holds whether inputs moved or the mix of classes did, and knows nothing of rows
        unlike any labelled row; figures accuracy_test, accuracy_corrected, accuracy_confidence (calibrated, as CBPE),
        accuracy_threshold (ATC), accuracy_weighted, accuracy_if_classes_moved (BBSE), effective_rows, outside_share
        (reconstruction error); with labels accuracy_current, estimated_loss (with its interval), estimate_error and
        estimate_holds (1 where the estimate's interval reaches the truth's). Scope: judged_by, carried_by (the column
        whose return would undo most of it).
    Raises
        ProbeError when the columns differ or rows is below 1; TargetError from the target's predictions.
    Cost
        The rows asked, four fits of a small classifier and five of a calibration.
    A pass means little when
        The relation between inputs and labels changed: no estimate can see that (shift.cause can, with labels). Or the
        test rows were used to tune the model, so that its confidence is calibrated on them alone.
    Source
        Garg et al. 2022 (arXiv:2201.04234); Lipton et al. 2018 (arXiv:1802.03916); Robins, Rotnitzky & Zhao 1994 for
        the correction; calibrated confidence as an estimate of accuracy: Guillory et al. 2021 (arXiv:2107.03315).
    """
    test, current, caveats = parts(trial, rows)
    n = len(test) + len(current)
    nothing = Interval(low=-1.0, high=1.0)
    if caveats:
        return trial.measurement(0.0, nothing, n, caveats=caveats)
    try:
        found, caveats = asked(target, test, current, trial)
    except BudgetSpent:
        spent = Caveat(code="budget-spent", message="the budget ended before both sets were predicted", blocks="both")
        return trial.measurement(0.0, nothing, n, caveats=[spent])
    except ValueError as error:
        raise ProbeError(str(error), hint="Give both data sets the same columns") from error
    trial.progress(0.5, f"{n} rows predicted")
    expected = _data_harm.expected(found, trial.rng)
    loss, ci = _loss(found, expected)
    figures, truth = _truth(found, loss, ci)
    moved = _data_harm.carried(found, expected)
    judged = truth is not None and labels
    value, interval = truth if truth is not None and labels else (loss, ci)
    top = moved[0] if moved and moved[0][1] > 0.002 else None
    scope = {"judged_by": "labels" if judged else "estimate", "carried_by": top[0] if top else None}
    caveats += _doubts(found, truth, ci, judged)
    return trial.measurement(
        value,
        interval,
        n,
        scope=scope,
        figures=[*figures, *_data_harm.figures(found, expected)],
        evidence=_data_harm.evidence(found, expected, moved),
        caveats=caveats,
    )


def _loss(a: Asked, e: _data_harm.Expected) -> tuple[float, Interval]:
    """Expected error less that of the test rows, with both their uncertainties (MOVER)."""
    base = float(a.wrong.mean())
    b = _base(a)
    value = e.value - base
    low = value - np.hypot(e.value - e.ci.low, b.high - base)
    high = value + np.hypot(e.ci.high - e.value, base - b.low)
    return value, Interval(low=float(low), high=float(high), method=e.ci.method)


def _base(a: Asked) -> Interval:
    if a.outputs is None:
        return intervals.mean(a.wrong)
    return intervals.wilson(int(a.wrong.sum()), len(a.wrong))


def _truth(a: Asked, loss: float, ci: Interval) -> tuple[list[Figure], tuple[float, Interval] | None]:
    base, b = float(a.wrong.mean()), _base(a)
    figures = []
    if a.outputs is not None:
        spread = Interval(low=1 - b.high, high=1 - b.low, method=b.method)
        figures.append(Figure(name="accuracy_test", value=1 - base, ci=spread, n=len(a.wrong)))
    if a.wrong_now is None:
        return figures, None
    n, m = len(a.wrong), len(a.wrong_now)
    now = float(a.wrong_now.mean())
    if a.outputs is not None:
        value, interval = roc.difference(int(a.wrong_now.sum()), m, int(a.wrong.sum()), n)
        right = intervals.wilson(m - int(a.wrong_now.sum()), m)
        figures.append(Figure(name="accuracy_current", value=1 - now, ci=right, n=m))
    else:
        half = float(np.hypot(*(1.96 * w.std() / np.sqrt(len(w)) for w in (a.wrong, a.wrong_now))))
        value, interval = now - base, Interval(low=now - base - half, high=now - base + half, method="normal")
    holds = ci.low <= interval.high and interval.low <= ci.high
    figures += [
        Figure(name="estimated_loss", value=loss, ci=ci, note="without the labels of the current rows"),
        Figure(name="estimate_error", value=loss - value, note="estimated less true loss"),
        Figure(name="estimate_holds", value=float(holds), note="1: the estimate's interval reaches the truth's"),
    ]
    return figures, (value, interval)


def _doubts(a: Asked, truth: tuple[float, Interval] | None, ci: Interval, judged: bool) -> list[Caveat]:
    """Where the estimate's assumptions are visibly broken. Where labels decide, that is only said."""
    blocks = "none" if judged else "both"
    found: list[tuple[str, str]] = []
    if a.ratio.outside_share > 0.5:
        message = f"{a.ratio.outside_share:.0%} of the current rows are unlike any labelled row"
        found.append(("support", f"{message}, so the model's confidence in them is not calibrated"))
    if a.ratio.effective < EFFECTIVE:
        message = f"weighted like the current rows the {len(a.test)} labelled ones are worth {a.ratio.effective:.0f}"
        found.append(("few-effective-rows", message))
    if truth is not None and (truth[1].low > ci.high or truth[1].high < ci.low):
        message = f"the labels show a loss of {truth[0]:.1%}, which no estimate without them reaches"
        found.append(("relation-changed", f"{message}: the relation between inputs and labels may have changed"))
    return [Caveat(code=code, message=message, blocks=blocks) for code, message in found]  # type: ignore[arg-type]
