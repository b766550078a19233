"""Missing values, unit slips, swapped columns, stale values, rounding and category drift on the user's own table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods.corrupt import tables
from momus.probes.corruption import _answers, _columns, _kinds, _sweep

_BATCH = 4096


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    optional_data=("train",),
    metric="skill_kept",
    worse="lower",
    source="arXiv:1903.12261",
    cost="at most n (18 x 5 + 1 + 2 columns) rows; rows left as they were are not asked again",
    tasks=("classifier", "regressor"),
    modalities=("table",),
)
def table(
    target: Predicts,
    trial: Trial,
    *,
    corruptions: str | Sequence[str] = "all",
    severities: str | int | Sequence[int] = "1,2,3,4,5",
    n: int = 1000,
    columns: bool = True,
) -> Measurement:
    """Share of its skill that a model of tables keeps when values are missing, slipped, swapped, stale or coarse.

    Measures
        Skill is the score above guessing: accuracy with classes counted alike, or 1 less the error over what always
        giving the median would miss. Skill on damaged rows, mean over the corruptions and severities that count, over
        skill on the rows as they are. 1 means that nothing was lost, 0 that the model knows no more than a guesser.
    Why it matters
        Forms, sensors, joins and exports go wrong every day. A model that is right on a cleaned table may be wrong, and
        silently so, on the rows that its service is really fed.
    Options
        corruptions: names or families (missing, units, columns, time, precision, categories), listed or
        comma-separated, or all. severities: any of 1 to 5. n: rows used at most. columns: also what each column costs
        by itself.
    Returns
        skill_kept with a bootstrap interval over rows; figures clean_accuracy and damaged_accuracy (clean_score of a
        regressor, with clean_error, damaged_error and error_growth), plain_retention, kept.<corruption>, worst_kept,
        cliffs and column_loss, the loss by the column that hurts most. Where the card says which corruptions occur
        (input.corruptions) these count, up to the severity it gives, and all others are figures only.
    Raises
        ProbeError for data that are not a labelled table and for unknown corruptions or severities.
    Cost
        At most n (corruptions x severities + 1) rows, and 2 n for each column. A row that a corruption leaves as it
        was is not asked about again.
    A pass means little when
        The real damage is of another kind, or comes in all columns at once; labels are few or wrong. Lost values are
        NaN where the card says that the target takes these (input.missing), else the median or commonest value of the
        training rows, as most pipelines fill them: a pipeline that fills otherwise fares otherwise.
    Source
        The severity contract follows Hendrycks & Dietterich 2019 (arXiv:1903.12261); the library Jenga studies common
        corruptions of tables. Kinds and settings are ours: docs/design/034.
    """
    test = trial.samples("test")
    if test.y is None or not test.is_table:
        raise ProbeError("corruption.table needs a labelled table")
    test = test.sample(max(int(n), 1), trial.rng)
    facts = _columns.facts(trial, target.info.missing)
    lost = "as NaN" if facts.missing else "as median or commonest value"
    scope: dict[str, Scalar | None] = {"n": None, "columns": None, "lost": lost}
    if len(test) < 2:
        return _kinds.few(trial, len(test), "rows", scope)
    plan = _sweep.planned(
        corruptions, severities, tables.FAMILIES, trial.context, lambda name: tables.reason(name, facts)
    )
    score = _answers.scorer(target, test, "", "corruption.table")

    def damage(name: str, level: int, rows: NumpyArray) -> NumpyArray:
        time = None if test.time is None else test.time[rows]
        return tables.corrupt(test.x[rows], name, level, trial.seed, facts, rows=rows, time=time)

    again = target.info.randomised
    with trial.keeping(*_kinds.KEPT):
        sweep = _sweep.run(test.x, plan, damage, score, trial, batch=_BATCH, again=again)
        figures, evidence = _columns.costs(test, facts, score, sweep, trial) if columns else ([], [])
    if score.word == "score":
        figures = [*_errors(sweep, np.asarray(test.y, dtype=float)), *figures]
    return _kinds.reported(
        trial,
        sweep,
        score.yard,
        families=tables.FAMILIES,
        settings=tables.SETTINGS,
        rows="rows",
        score=score.word,
        scope=scope,
        figures=figures,
        evidence=[*evidence, *_columns.examples(score, test, sweep, damage)],
        caveats=_columns.caveats(facts),
    )


def _errors(sweep: _sweep.Sweep, y: NumpyArray) -> list[Figure]:
    """Errors in the units of the label, capped where a row scores nothing: at what the median would miss."""
    if not sweep.counted:
        return []
    scale = float(np.abs(y - np.median(y)).mean())
    clean = float((1 - sweep.clean).mean()) * scale
    damaged = float(np.mean([1 - sweep.kept(name) for name in sweep.counted])) * scale
    note = f"mean absolute error, each row's at most {scale:.4g}"
    growth = damaged / clean if clean > 0 else 1.0
    return [
        Figure(name="clean_error", value=clean, n=len(y), note=note),
        Figure(name="damaged_error", value=damaged, n=len(y), note=note),
        Figure(name="error_growth", value=growth, n=len(y), note="damaged over clean error"),
    ]
