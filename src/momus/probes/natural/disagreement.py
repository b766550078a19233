"""natural.disagreement: without any label, inputs on which somebody must be wrong."""

from __future__ import annotations

from momus.core.capabilities import Predicts
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.probes.natural import _contradictions, _models, _pool
from momus.stats.intervals import wilson


@probe(
    knowledge=Knowledge.NONE,
    data=("pool",),
    optional_data=("train",),
    metric="contradiction_share",
    worse="higher",
    source="arXiv:1907.07174; Platanios, Blum & Mitchell 2014 (agreement and error rates)",
    cost="n_pool (1 + 6) rows at most; other models answer n_pool rows each",
    tasks=("classifier",),
)
def disagreement(
    target: Predicts,
    trial: Trial,
    *,
    confident: float = 0.8,
    rows: int = 5000,
    copies: int = 2,
    shown: int = 12,
) -> Measurement:
    """Share of unlabelled inputs to which a model gives two different sure answers, of which one must be wrong.

    Measures
        Each input is also shown with changes after which a person would answer the same: a picture a pixel to the side
        or 4 % brighter (photographs mirrored too), a text with other case or spacing, a clip 3 dB quieter or 20 ms
        later, numbers rounded to a hundredth of their spread. Where two of the answers differ and both are confident,
        at least one of them is wrong, whatever the label is.
    Why it matters
        Labels are dear, raw inputs are not. Contradictions are errors that one can go and find before anybody is hurt,
        and say which inputs to label first.
    Options
        confident: probability from which an answer counts as confident. rows: most rows of the pool. copies: models
        trained again on the role train, where the target can (0 to 10). shown: inputs shown in the report.
    Returns
        contradiction_share with Wilson's interval; figures error_lower_bound (mean share of wrong sure answers over an
        input and its variants), changed[...] for each change; with other models or copies disagreement[...],
        models_error_bound (all models together err at least that often), copies_error_bound (the expected error of a
        model of this recipe is at least that) and outvoted (two others agree against the target). Cases to label.
    Raises
        ProbeError for copies outside 0 to 10 or confident outside 0 to 1; TargetError from the target's predictions.
    Cost
        One row for each input and change; training of copies is not counted.
    A pass means little when
        The model is wrong consistently: agreement proves nothing, and this bounds errors from below only. Changes that
        are not harmless for the task at hand (a clock mirrored) must not be counted against the model.
    Source
        Hendrycks et al. 2019 (arXiv:1907.07174); bounds by counting: of k answers that ought to be equal at least k
        less the largest group of equal ones are wrong.
    """
    _contradictions.check(copies)
    _pool.check("confident", confident)
    pool = _pool.prepare(trial, max(int(rows), 2), labelled=False)
    if pool.blocked:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(pool.samples), caveats=pool.caveats)
    answers = _models.ask(target, pool.samples.x, trial, (0.0, 0.2))
    pool = _pool.cut(pool, len(answers.said), target)
    samples, n = pool.samples, len(answers.said)
    if n < 2:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=pool.caveats)
    _pool.doubts(pool, answers, confident)
    versions, spent = _contradictions.versions(target, samples, answers, trial)
    caveats = list(pool.caveats)
    if spent:
        message = f"the budget ended after {len(versions) - 1} harmless changes"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    seconds = _models.beside(trial, target.info.classes)
    trained, why = _models.copies(target, trial, copies) if copies else ([], "")
    if why:
        caveats.append(Caveat(code="no-copy", message=why, blocks="none"))
    if len(versions) < 2:
        message = "no harmless change is known for these inputs"
        more = "only other models were compared, which accuses nobody" if seconds or trained else "nothing was compared"
        caveats.append(Caveat(code="nothing-compared", message=f"{message}: {more}", blocks="both"))
    bounds = _contradictions.bound([v for _, v in versions], confident)
    hits = int((bounds > 0).sum())
    models = _contradictions.models(target, samples, answers, [*seconds, *trained])
    figures = [
        Figure(name="error_lower_bound", value=float(bounds.mean()) / max(1, len(versions)), n=n),
        *_contradictions.changed(versions, confident),
        *_contradictions.between(models, answers, confident),
    ]
    if samples.y is not None and samples.y.dtype.kind in "iu":
        wrong = int((answers.said != samples.y).sum())
        figures.append(Figure(name="true_error", value=wrong / n, ci=wilson(wrong, n), n=n, note="labels were given"))
    return trial.measurement(
        hits / n,
        wilson(hits, n),
        n,
        scope={"pool": pool.role, "changes": len(versions) - 1, "models": len(models)},
        figures=figures,
        evidence=_contradictions.evidence(samples, versions, models, confident, shown),
        caveats=caveats,
    )
