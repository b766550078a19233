"""What the columns of a table are, what each of them costs by itself, and rows before and after as examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.evidence import Evidence, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods.corrupt import tables_ways as ways
from momus.methods.corrupt.tables_facts import TableFacts, folded, table_facts, unfolded
from momus.probes.corruption import _kinds, _sweep
from momus.probes.corruption._answers import Scorer

_SHOWN_ROWS, _SHOWN_CELLS = 5, 6
_MOST_COLUMNS = 200


def facts(trial: Trial, missing: bool) -> TableFacts:
    """From the training rows where there are any, else from the test rows."""
    test = trial.samples("test")
    train = trial.data.get("train")
    source = train if train is not None and len(train) and train.x.shape[1:] == test.x.shape[1:] else test
    time = source.time if test.time is not None else None
    return table_facts(source.x, source.columns or test.columns, missing=missing, time=time, seed=trial.seed)


def costs(
    test: Samples, facts: TableFacts, score: Scorer, sweep: _sweep.Sweep, trial: Trial
) -> tuple[list[Figure], list[Evidence]]:
    """Skill lost where one field alone carries other rows' values, or none: what the budget leaves room for."""
    if not len(sweep.clean) or not sweep.scores:
        return [], []
    before = folded(test.x, facts)
    rows = np.arange(len(test))
    other = ways.borrowed(before, facts, ways.Rows(trial.seed, rows))  # any other row: no time is given
    gone = np.broadcast_to([np.nan if facts.missing else f.fill for f in facts.fields], before.shape)
    whole = float(score.yard.skill(sweep.clean))
    found: list[tuple[str, float, float]] = []
    try:
        for k, f in enumerate(facts.fields[:_MOST_COLUMNS]):
            lost = []
            for instead in (other, gone):
                values = before.copy()
                values[:, k] = np.where(np.isnan(before[:, k]), np.nan, instead[:, k])
                damaged = unfolded(values, before, test.x, facts)
                scores, moved = sweep.clean.copy(), np.flatnonzero(_sweep.differ(damaged, test.x))
                scores[moved] = _sweep.patient(score, damaged[moved], rows[moved])[0]
                lost.append(whole - float(score.yard.skill(scores)))
            found.append((f.name, lost[0], lost[1]))
    except BudgetSpent:
        sweep.spent = True
    if not found:
        return [], []
    worst = max(found, key=lambda c: max(c[1:]))
    names, swapped, empty = zip(*found, strict=True)
    note = f"of a skill of {whole:.3f}; the column alone, in every row"
    evidence: list[Evidence] = [
        _kinds.bars("Skill lost by one column: another row's value", names, swapped, "skill lost", note),
        _kinds.bars(f"Skill lost by one column: {_lost(facts)}", names, empty, "skill lost", note),
    ]
    figure = Figure(name="column_loss", value=max(worst[1:]), n=len(test), note=f"the worst column, {worst[0]}")
    return [figure], evidence


def _lost(facts: TableFacts) -> str:
    return "missing" if facts.missing else "the usual value"


def examples(
    score: Scorer,
    test: Samples,
    sweep: _sweep.Sweep,
    damage: Callable[[str, int, NumpyArray], NumpyArray],
) -> list[Evidence]:
    """Rows that the worst corruption turned from right to wrong: the cells that changed, and the answers."""
    found = _kinds.turned(sweep, score.yard, _SHOWN_ROWS)
    if found is None:
        return []
    name, level, rows = found
    damaged = damage(name, level, rows)
    said = [_kinds.said(score, x) for x in (test.x[rows], damaged)]
    names = [c.name for c in test.columns] or [f"column {j}" for j in range(test.x.shape[1])]
    table = []
    for i, row in enumerate(rows):
        moved = np.flatnonzero(_sweep.differ(damaged[i][:, None], test.x[row][:, None]))
        cells = [
            f"{names[j]}: {_cell(test, j, test.x[row, j])} → {_cell(test, j, damaged[i, j])}" for j in moved.tolist()
        ]
        more = f"; {len(cells) - _SHOWN_CELLS} more" if len(cells) > _SHOWN_CELLS else ""
        truth = score.worded(score.y[row])
        table.append((int(row), "; ".join(cells[:_SHOWN_CELLS]) + more, truth, said[0][i], said[1][i]))
    title = f"Rows that '{name}' turns, severity {level}"
    return [Table(title=title, columns=("row", "what changed", "truth", "before", "after"), rows=tuple(table))]


def _cell(test: Samples, j: int, value: float) -> str:
    if np.isnan(value):
        return "missing"
    kinds: Sequence[str] = test.columns[j].categories if test.columns else ()
    return kinds[int(value)] if kinds and 0 <= int(value) < len(kinds) else f"{value:.6g}"


def caveats(facts: TableFacts) -> list[Caveat]:
    if not facts.empty:
        return []
    message = f"{len(facts.empty)} columns are missing throughout and were left alone: {', '.join(facts.empty[:5])}"
    return [Caveat(code="empty-columns", message=message, blocks="none")]
