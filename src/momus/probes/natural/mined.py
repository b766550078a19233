"""natural.mined: confident errors on real inputs, cleared of wrong labels, named, and kept as a hard set."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement, Scalar
from momus.probes.natural import _held, _mining, _models, _pool, _report
from momus.probes.natural._pool import Pool


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    optional_data=("pool", "train"),
    metric="confident_error_share",
    worse="higher",
    source="arXiv:1907.07174, arXiv:1604.03540, arXiv:1911.00068",
    cost="n_pool rows; other models answer as many",
    tasks=("classifier",),
)
def mined(
    target: Predicts,
    trial: Trial,
    *,
    confident: float = 0.8,
    rows: int = 20_000,
    hard: int = 500,
    least_rows: int = 30,
    shown: int = 12,
) -> Measurement:
    """Share of real inputs, in the worst kind that has a name, which a model answers wrongly and with confidence.

    Measures
        The pool's rows are ranked by how much surer the model is of its answer than of the label. Errors made with
        confidence are held against witnesses that had no part in finding them: where those side with the model, the
        label is doubtful and the model is not accused. Slices in which the remaining errors gather are looked for on
        one half of the pool and measured on the other. The value is the share of such errors in the worst of them, the
        whole pool being one.
    Why it matters
        Nobody has to attack a model that is surely wrong on inputs as they come; a high confidence keeps people and
        fallbacks from stepping in, and a good average hides where the errors gather.
    Options
        confident: probability from which an answer counts as confident. rows: most rows of the pool (drawn by chance).
        hard: most rows of the hard set. least_rows: rows that a slice needs. shown: inputs shown in the report.
    Returns
        confident_error_share, with an interval that holds for all slices at once: from what witnesses confirm to what
        they leave open. Figures: label errors found and what the witnesses are worth (labels turned on purpose:
        planted_recall, planted_precision), accuracy, RMS calibration error and AURRA on the hard set and on a random
        sample of equal size, and the same for a second model (transfer). The hard set as a file, slices, inputs.
    Raises
        ProbeError for confident outside 0 to 1; TargetError from the target's predictions.
    Cost
        One row for each row of the pool; seconds for witnesses and turned labels. Other models are not counted.
    A pass means little when
        The pool holds no hard cases (mine where inputs are rare), witnesses are weak (planted_recall), or every model
        falls for the same inputs: then witnesses side with the model, and its errors stand among the doubtful labels.
    Source
        Hendrycks et al. 2019 (arXiv:1907.07174), confident errors that transfer; Shrivastava et al. 2016
        (arXiv:1604.03540), ranking by loss; Northcutt et al. 2019 (arXiv:1911.00068), confident learning.
    """
    _pool.check("confident", confident)
    pool = _pool.prepare(trial, max(int(rows), 2), labelled=True)
    if pool.blocked:
        return _nothing(trial, pool)
    answers = _models.ask(target, pool.samples.x, trial, (0.0, 0.4))
    pool = _pool.cut(pool, len(answers.said), target)
    if len(pool.samples) < 2:
        return _nothing(trial, pool)
    _pool.doubts(pool, answers, confident)
    seconds = _models.beside(trial, target.info.classes)
    made = _mining.study(target, pool.samples, answers, confident, trial, seconds[:-1])
    _suspicious(pool, made)
    found = _mining.kinds(made, trial, least_rows)
    worst = max(found, key=lambda k: (k.ci.low, k.rate))
    ci = Interval(low=max(k.ci.low for k in found), high=max(k.ci.high for k in found), method="simultaneous wilson")
    second, why = seconds[-1] if seconds else None, ""
    if second is None and made.mined.confident_errors:
        trained, why = _models.copies(target, trial, 1)
        second = trained[0] if trained else None
    trial.progress(0.85, "trying the hard set on a second model")
    held = _held.transferred(target, made, second, hard, trial)
    caveats = [*pool.caveats, *made.caveats]
    if held is not None and held.same:
        message = f"{held.same} answers as this model does, row by row: whether the set fools another model is open"
        caveats.append(Caveat(code="same-model", message=message, blocks="none"))
    if answers.probabilities is None:
        message = "the model gives no probabilities: every answer counts as confident"
        caveats.append(Caveat(code="no-confidence", message=message, blocks="none"))
    if why:
        caveats.append(Caveat(code="no-copy", message=why, blocks="none"))
    scope: dict[str, Scalar | None] = {
        "pool": pool.role,
        "worst": worst.name,
        "slices": len(found) - 1,
        "witnesses": ", ".join(made.witnesses),
        "second": "" if held is None else held.name,
    }
    return trial.measurement(
        float(np.clip(worst.rate, ci.low, ci.high)),
        ci,
        len(made.y),
        scope=scope,
        figures=_report.figures(made, found, held),
        evidence=_report.evidence(made, found, held, hard, shown),
        caveats=caveats,
    )


def _nothing(trial: Trial, pool: Pool) -> Measurement:
    """No number; the pool's caveats say why."""
    return trial.measurement(
        0.0, Interval(low=0.0, high=1.0), len(pool.samples), scope={"pool": pool.role}, caveats=pool.caveats
    )


def _suspicious(pool: Pool, made: _mining.Study) -> None:
    """Pools whose errors tell more about the pool than about the model."""
    n, right = len(made.y), int((~made.wrong).sum())
    classes = max(2, len(made.samples.classes))
    # Guessing would be right more often: either the labels stand for other classes, or errors were picked out before.
    expected = n / classes
    if (n >= 10 and right < 0.5 * expected and right + 3 * np.sqrt(max(expected, 1.0)) < expected) or right == 0:
        message = (
            f"the model is right on {right} of {n} rows, less often than by guessing: the labels stand for other "
            "classes, or the pool was made of errors; a share in it means nothing"
        )
        pool.caveats.append(Caveat(code="only-errors", message=message, blocks="both"))
    if len(np.unique(made.y)) < 2:
        message = "all rows of the pool carry one label: errors on other classes cannot show"
        pool.caveats.append(Caveat(code="one-class", message=message, blocks="pass"))
