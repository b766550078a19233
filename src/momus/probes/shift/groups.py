"""Is every declared group served as well as the whole?"""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Bars, Evidence, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods.group_gaps import Gaps, gaps, group_labels
from momus.methods.two_trainings import unit_of_error
from momus.probes.shift._skill import ignorant
from momus.stats import intervals, multiple

BATCH = 4096


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="worst_group_gap",
    worse="higher",
    source="arXiv:1911.08731, arXiv:1610.02413",
    cost="n_test rows",
    tasks=("classifier", "regressor"),
    groups=True,
    version=2,
)
def groups(target: Predicts, trial: Trial, *, least: int = 30, intersections: bool = False) -> Measurement:
    """How much worse the worst-served declared group fares than everybody together.

    Measures
        Overall accuracy less the accuracy of the group with the lowest one. For a regressor: by which share the
        group's mean absolute error exceeds the overall one.
    Why it matters
        A system used on another mix of people meets the error of the groups it serves worst; a good average hides it.
    Options
        least: rows a group needs to count as tested (30). intersections: also every pair of group columns.
    Returns
        worst_group_gap with an interval that holds for all groups at once; figures accuracy, and for each group
        accuracy[...] and, with two classes, fpr[...], fnr[...] and their largest differences fpr_spread, fnr_spread.
        Numeric group columns with more than 12 values are cut into fifths.
    Raises
        TargetError from the target's predictions.
    Cost
        One row for each test row; a spent budget leaves the rows predicted so far, in random order.
    A pass means little when
        A group was too small to be tested (caveat groups-untested), the labels are wrong more often for one group, or
        the groups that matter were not declared. Never where the model only guesses (caveat chance-level).
    Source
        Sagawa et al. 2020 (arXiv:1911.08731), worst-group accuracy; Hardt et al. 2016 (arXiv:1610.02413), error rates
        by group; Newcombe 1998 for the intervals.
    """
    test = trial.samples("test")
    if not test.groups or test.y is None or len(test) < 2:
        missing = "no groups are declared" if not test.groups else "there are too few labelled rows"
        code = "too-few-samples" if test.groups or len(test) < 2 else "no-groups"
        caveat = Caveat(code=code, message=f"{missing}, so no gap can be measured", blocks="both")
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0), len(test), caveats=[caveat])
    order, said = _ask(target, test.x, trial)
    done = test.take(order[: len(said)])
    caveats = []
    if len(said) < len(test):
        message = f"the budget ended after {len(said)} of {len(test)} rows"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    truth = np.asarray(done.y)
    unit = unit_of_error(truth, target.info.task) if len(truth) else 1.0
    score = (said == truth).astype(float) if unit is None else -np.abs(said - truth) / unit
    caveats += ignorant(score, truth, target.info.task)
    if unit is not None:
        score = score / max(float(-score.mean()) if len(score) else 1.0, 1e-12)
    found = gaps(score, group_labels(done.groups, intersections=intersections), least=least)
    if found.untested:
        names = ", ".join(f"{name} ({n})" for name, n in found.untested[:8])
        message = f"{len(found.untested)} groups have fewer than {least} rows and stay untested: {names}"
        caveats.append(Caveat(code="groups-untested", message=message, blocks="pass"))
    if not found.groups:
        caveats.append(Caveat(code="too-few-samples", message="no group has enough rows to be tested", blocks="both"))
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0), len(said), caveats=caveats)
    value = found.groups[0].gap
    ci = Interval(
        low=max(g.ci.low for g in found.groups),
        high=max(g.ci.high for g in found.groups),
        method="simultaneous newcombe",
    )
    figures, tables = _figures(found, score, said, truth, done.groups, target.info.task, intersections)
    return trial.measurement(
        value,
        ci,
        len(said),
        scope={"worst_group": found.groups[0].name, "groups": len(found.groups), "untested": len(found.untested)},
        figures=figures,
        evidence=[*_bars(found, float(score.mean()), target.info.task), *tables],
        caveats=caveats,
    )


def _ask(target: Predicts, x: NumpyArray, trial: Trial) -> tuple[NumpyArray, NumpyArray]:
    """Predictions in random order until all rows are done or the budget is spent."""
    order = trial.rng.permutation(len(x))
    parts: list[NumpyArray] = []
    for start in range(0, len(x), BATCH):
        trial.progress(start / len(x), f"{start} of {len(x)} rows")
        try:
            parts.append(to_numpy(target.predict(target.encode(x[order[start : start + BATCH]]))))
        except BudgetSpent:
            break
    return order, np.concatenate(parts) if parts else np.zeros(0)


def _figures(
    found: Gaps,
    score: NumpyArray,
    said: NumpyArray,
    truth: NumpyArray,
    given: object,
    task: str,
    intersections: bool,
) -> tuple[list[Figure], list[Evidence]]:
    word = "accuracy" if task != "regressor" else "relative_error"
    sign = 1 if task != "regressor" else -1
    overall = intervals.wilson(int(score.sum()), len(score)) if sign == 1 else intervals.mean(-score)
    figures = [Figure(name=word, value=sign * float(score.mean()), ci=overall, n=len(score))]
    figures += [Figure(name=f"{word}[{g.name}]", value=sign * g.score, n=g.n) for g in found.groups[:40]]
    if task == "regressor" or not np.isin(truth, (0, 1)).all() or len(np.unique(truth)) < 2:
        return figures, []
    labels = group_labels(given, intersections=intersections)  # type: ignore[arg-type]
    level = multiple.simultaneous_level(0.95, max(1, 2 * len(found.groups)))
    rows, rates = [], {"fpr": [], "fnr": []}  # type: tuple[list[tuple[str | float | int, ...]], dict[str, list[float]]]
    for g in found.groups[:40]:
        mask = labels[g.column] == g.value
        row: list[str | float | int] = [g.name, g.n]
        for name, true, wrong in (("fpr", 0, 1), ("fnr", 1, 0)):
            of = mask & (truth == true)
            k, n = int((said[of] == wrong).sum()), int(of.sum())
            ci = intervals.wilson(k, n, level)
            rate = k / n if n else 0.0
            row += [round(rate, 4), round(ci.low, 4), round(ci.high, 4)]
            if n:
                figures.append(Figure(name=f"{name}[{g.name}]", value=rate, ci=ci, n=n))
                rates[name].append(rate)
        rows.append(tuple(row))
    figures += [
        Figure(name=f"{k}_spread", value=max(v) - min(v), note="largest less smallest over groups")
        for k, v in rates.items()
        if v
    ]
    columns = ("group", "rows", "FPR", "FPR low", "FPR high", "FNR", "FNR low", "FNR high")
    return figures, [Table(title="Error rates by group", columns=columns, rows=tuple(rows))]


def _bars(found: Gaps, overall: float, task: str) -> list[Evidence]:
    bars: list[Evidence] = []
    for column in dict.fromkeys(g.column for g in found.groups):
        mine = sorted((g for g in found.groups if g.column == column), key=lambda g: g.value)
        sign = -1 if task == "regressor" else 1
        ends = [sorted((sign * g.score_ci.low, sign * g.score_ci.high)) for g in mine]
        bars.append(
            Bars(
                title=f"By {column}",
                y_label="accuracy" if sign == 1 else "error relative to the mean",
                names=tuple(f"{g.value} (n={g.n})" for g in mine),
                values=tuple(sign * g.score for g in mine),
                low=tuple(e[0] for e in ends),
                high=tuple(e[1] for e in ends),
                reference=sign * overall,
                note="Intervals hold for all groups at once (95 %); the line is everybody together",
            )
        )
    return bars
