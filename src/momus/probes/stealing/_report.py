"""From a thief's copies to the measurement: examined on rows never asked, priced, and watched as a service would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.core.capabilities import to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Evidence
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods import theft_defences, theft_report
from momus.methods.theft_defences import View
from momus.methods.theft_report import Exam, Stage
from momus.probes.stealing import _uses
from momus.probes.stealing._after import After
from momus.probes.stealing._service import ranges_of

EXAM = 1000  # rows of either kind that a copy is examined on


@dataclass
class Theft:
    """What an attack brings home: copies after growing numbers of queries, and the queries in the order they were made.

    ``asked`` (n, ...) canonical rows and ``said`` (n,) classes or values: what somebody who watches the caller sees.
    ``view`` is what the answers showed. ``defended`` holds the last copy of the same attack under other views.
    """

    stages: Sequence[Stage]
    asked: NumpyArray
    said: NumpyArray
    view: View = field(default_factory=View)
    defended: Sequence[tuple[View, Stage]] = ()
    figures: Sequence[Figure] = ()
    evidence: Sequence[Evidence] = ()
    caveats: Sequence[Caveat] = ()
    scope: dict[str, Scalar | None] = field(default_factory=dict)
    graded: _uses.Graded | None = None  # probabilities (n, k) of the last copy, where it has any


def exam_rows(trial: Trial, rows: int = EXAM, after: int = 0) -> int:
    """Queries that the examination will need: keep them with ``trial.keeping`` while the attack runs."""
    return 2 * min(rows, max(1, len(trial.samples("test")))) + _uses.cost(after)


def examine(target: Any, trial: Trial, *, rows: int = EXAM) -> Exam:
    """The target's answers to test rows and to rows drawn from the declared ranges; fewer where the budget is spent.

    Rows are flat (n, d), as every copy takes them.
    """
    rng = np.random.default_rng([trial.seed, 91])
    samples = trial.samples("test")
    if not len(samples):
        nothing = np.zeros((0, int(np.prod(samples.x.shape[1:]))))
        return Exam(nothing, np.zeros(0), nothing, np.zeros(0))
    picked = samples.sample(rows, rng)
    x = to_numpy(target.encode(picked.x))
    uniform = ranges_of(target, samples).uniform(min(rows, len(picked)), rng).reshape(-1, *x.shape[1:])
    kind = "regressor" if target.info.task == "regressor" else "classifier"
    said, far, far_said = _said(target, x), uniform, np.zeros(0)
    if len(said) == len(x):
        far = to_numpy(target.encode(target.decode(uniform.astype(x.dtype))))
        far_said = _said(target, far)
    y = None if picked.y is None else np.asarray(picked.y)[: len(said)]
    x, far = x[: len(said)], far[: len(far_said)]
    width = int(np.prod(x.shape[1:]))
    return Exam(x.reshape(-1, width), said, far.reshape(-1, width), far_said, y, kind)  # type: ignore[arg-type]


def _said(target: Any, x: NumpyArray) -> NumpyArray:
    """Answers to as many rows as the budget allows, in portions that shrink towards its end."""
    out: list[NumpyArray] = []
    start, portion = 0, 100
    while start < len(x) and portion:
        try:
            out.append(to_numpy(target.predict(target.encode(target.decode(x[start : start + portion])))))
            start += portion
        except BudgetSpent:
            portion //= 4
    return np.concatenate(out) if out else np.zeros(0)


def measured(target: Any, trial: Trial, theft: Theft, *, rows: int = EXAM, after: int = 0) -> Measurement:
    """Examine the copies and write everything down: curve, prices, baselines, alarms, defences, what the copy is for.

    The value is the last copy's agreement on test rows. Costs ``exam_rows`` queries.
    """
    exam = examine(target, trial, rows=rows)
    rng = np.random.default_rng([trial.seed, 92])
    points = theft_report.grade(theft.stages, exam) if len(exam.said) else []
    own = _own_rows(target, trial)
    loot = theft_report.Loot(points, theft_report.baseline(exam, own, rng), trial.service)
    reached = [(v, theft_report.grade([s], exam)[0]) for v, s in theft.defended] if points else []
    alarms = _alarms(target, trial, theft, exam, rng)
    evidence = [*theft_report.evidence(loot), *theft.evidence]
    if reached:
        evidence.append(theft_defences.defence_table([(theft.view, points[-1]), *reached], trial.service))
    if alarms:
        evidence.append(theft_defences.alarm_table(alarms))
    use = After()
    if points:
        use = _uses.uses(target, trial, theft.stages[-1].predict, theft.graded, exam, _said, after)
    value, ci, n = 0.0, Interval(low=0.0, high=1.0), 0
    if points:
        value, ci, n = points[-1].agreement, points[-1].ci, points[-1].n
    caveats = list(theft.caveats)
    if not points:
        message = "the budget ended before there was a copy to examine"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="both"))
    return trial.measurement(
        value,
        ci,
        n,
        scope={"answers": theft.view.name, "after": None, **theft.scope},
        figures=[*theft_report.figures(loot), *theft_defences.alarm_figures(alarms), *use.figures, *theft.figures],
        evidence=[*evidence, *use.evidence],
        caveats=[*caveats, *(theft_report.caveats(loot) if points else [])],
    )


def _own_rows(target: Any, trial: Trial) -> tuple[NumpyArray, NumpyArray] | None:
    """Labelled rows of the train role, flat and canonical, for the copy that asks nothing."""
    train = trial.data.get("train")
    if train is None or train.y is None or not len(train):
        return None
    few = train.sample(2000, np.random.default_rng([trial.seed, 93]))
    assert few.y is not None
    return to_numpy(target.encode(few.x)).reshape(len(few), -1), np.asarray(few.y)


def _alarms(
    target: Any, trial: Trial, theft: Theft, exam: Exam, rng: np.random.Generator
) -> list[theft_defences.Alarm]:
    if exam.task == "regressor":  # PRADA compares queries that were answered alike: all count as one class
        said, honest = np.zeros(len(theft.asked)), np.zeros(len(exam.said))
    else:
        said, honest = theft.said, exam.said
    if not len(exam.said):
        return []
    ranges = ranges_of(target, trial.samples("test"))
    return theft_defences.watch(theft.asked, said, exam.x, honest, ranges, rng)
