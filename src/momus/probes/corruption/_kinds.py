"""Numbers, charts and caveats of a sweep over tables, texts or sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.errors import BudgetSpent, TargetError
from momus.core.evidence import Bars, Evidence, Grid, Line, Series, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods import curve_shape
from momus.methods.corrupt import skill
from momus.methods.corrupt.skill import Yardstick
from momus.probes.corruption._answers import Scorer
from momus.probes.corruption._sweep import Sweep
from momus.stats import intervals

KEPT = (10, 0.95)  # rows, and the share of the time after which the rest is for the examples
COLLAPSED = 0.5  # skill kept under one corruption below which a mean over many must not pass
LEAST = 10  # rows under which an interval over rows is not to be trusted


def few(trial: Trial, n: int, what: str, scope: Mapping[str, Scalar | None] | None = None) -> Measurement:
    """Nothing can be said from so few."""
    return undecided(trial, n, "too-few-samples", f"{n} {what} cannot show anything", scope)


def undecided(
    trial: Trial, n: int, code: str, message: str, scope: Mapping[str, Scalar | None] | None = None
) -> Measurement:
    """A measurement that says nothing, and why."""
    caveat = Caveat(code=code, message=message, blocks="both")
    note = Table(title="Nothing measured", columns=("why",), rows=((message,),))
    ci = Interval(low=-1.0, high=1.0)
    return trial.measurement(0.0, ci, n, scope=dict(scope or {}), evidence=[note], caveats=[caveat])


def reported(
    trial: Trial,
    sweep: Sweep,
    yard: Yardstick,
    *,
    families: Mapping[str, Sequence[str]],
    settings: Mapping[str, tuple[str, tuple[float, ...]]],
    rows: str,
    score: str,
    scope: Mapping[str, Scalar | None],
    figures: Sequence[Figure] = (),
    evidence: Sequence[Evidence] = (),
    caveats: Sequence[Caveat] = (),
) -> Measurement:
    """The measurement of a sweep. ``rows`` names what was damaged, ``score`` what a row's score is (accuracy, chrF)."""
    n = len(sweep.clean)
    if not sweep.counted:
        message = (
            "the budget ended before one corruption was complete" if sweep.spent
            else f"no corruption changed a single one of the {n} {rows}"
        )  # fmt: skip
        return undecided(trial, n, "budget-spent" if sweep.spent else "nothing-damaged", message, scope)
    mean = np.mean([sweep.kept(name) for name in sweep.counted], axis=0)
    value, ci = skill.kept(mean, sweep.clean, yard, trial.rng)
    shapes = {name: _shape(sweep, name, yard) for name in sweep.scores}
    own = {name: skill.kept(sweep.kept(name), sweep.clean, yard, trial.rng) for name in sweep.scores}
    worst = min(sweep.counted, key=lambda c: own[c][0])
    more = [
        _mean(f"clean_{score}", sweep.clean),
        _mean(f"damaged_{score}", mean, "mean over what counts"),
        Figure(name="plain_retention", value=float(mean.mean() / max(sweep.clean.mean(), 1e-12)),
               note=f"{score} damaged over {score} clean, guesses not taken out"),
        Figure(name="clean_skill", value=float(yard.skill(sweep.clean)), note=f"{score} above guessing"),
        Figure(name="chance", value=yard.chance, note="what guessing scores"),
        Figure(name="worst_kept", value=min(own[c][0] for c in sweep.counted), ci=own[worst][1],
               note=f"under the worst that counts, {worst}"),
    ]  # fmt: skip
    if len(sweep.plan.levels) + 1 >= curve_shape.LEAST_STRENGTHS:
        steep = sum(s is not None and s.kind == "cliff" for s in shapes.values())
        more.append(Figure(name="cliffs", value=steep, n=len(shapes), note="corruptions whose curve has a cliff"))
    for name, (kept, span) in sorted(own.items(), key=lambda p: p[1][0]):
        note = "" if name in sweep.counted else "not declared on the card: not counted"
        more.append(Figure(name=f"kept.{name}", value=kept, ci=span, n=n, note=note))
    return trial.measurement(
        value,
        ci,
        n,
        scope={**scope, "severities": ",".join(map(str, sweep.plan.levels)), "counted": _counted(sweep)},
        figures=[*more, *figures],
        evidence=[*_charts(sweep, families, score, yard), _costs(sweep, own, shapes, settings), *evidence],
        caveats=[*_caveats(sweep, yard, rows), *_collapses(sweep, own), *caveats],
    )


def _counted(sweep: Sweep) -> str:
    if not sweep.plan.declared:
        return f"{len(sweep.counted)} corruptions"
    return ", ".join(f"{name} to {sweep.plan.counted[name]}" for name in sweep.counted)


def _mean(name: str, values: NumpyArray, note: str = "") -> Figure:
    hits = values.sum()
    whole = bool(np.isin(values, (0.0, 1.0)).all())
    ci = intervals.wilson(int(hits), len(values)) if whole else intervals.mean(values)
    return Figure(name=name, value=float(values.mean()), ci=ci, n=len(values), note=note)


def _shape(sweep: Sweep, name: str, yard: Yardstick) -> curve_shape.CurveShape | None:
    if len(sweep.plan.levels) < 2:
        return None
    curve = np.array([_level(sweep.clean, yard), *_level(sweep.scores[name], yard)])
    return curve_shape.shape((0, *sweep.plan.levels), np.clip(curve, 0, 1), len(sweep.clean))


def _level(scores: NumpyArray, yard: Yardstick) -> NumpyArray:
    """(..., n) -> (...,) mean score with the classes counted alike."""
    return np.asarray((yard.weights * scores).mean(axis=-1))


def _charts(sweep: Sweep, families: Mapping[str, Sequence[str]], score: str, yard: Yardstick) -> list[Evidence]:
    levels = sweep.plan.levels
    score = f"balanced {score}" if score == "accuracy" else score
    done = [name for members in families.values() for name in members if name in sweep.scores]
    grid = Grid(
        title=f"{score.capitalize()} by corruption and severity",
        rows=tuple(done),
        columns=tuple(f"severity {level}" for level in levels),
        values=tuple(tuple(float(v) for v in _level(found, yard)) for found in (sweep.scores[name] for name in done)),
        value_label=score,
    )
    if len(levels) < 2:
        return [grid]
    lines = []
    for family, members in families.items():
        inside = [_level(sweep.scores[name], yard) for name in members if name in sweep.scores]
        if inside:
            y = (float(_level(sweep.clean, yard)), *(float(v) for v in np.mean(inside, axis=0)))
            lines.append(Line(name=family, x=(0.0, *map(float, levels)), y=y))
    title, note = f"{score.capitalize()} against severity", "severity 0 is undamaged"
    return [grid, Series(title=title, note=note, x_label="severity", y_label=score, lines=tuple(lines))]


def _costs(
    sweep: Sweep,
    own: Mapping[str, tuple[float, Interval]],
    shapes: Mapping[str, curve_shape.CurveShape | None],
    settings: Mapping[str, tuple[str, tuple[float, ...]]],
) -> Table:
    """What each corruption costs, the worst first."""
    table: list[tuple[str | float, ...]] = []
    for name, (kept, _ci) in sorted(own.items(), key=lambda p: p[1][0]):
        words, numbers = settings[name]
        scale = ", ".join(f"{numbers[level - 1]:g}" for level in sweep.plan.levels)
        told = f"{scale} {words}" if len(sweep.plan.levels) == 1 else f"{scale}: {words}"
        row: list[str | float] = [name, round(kept, 3), *([_falls(found)] if (found := shapes[name]) else []), told]
        if sweep.plan.declared:
            row.insert(1, f"to {sweep.plan.counted[name]}" if name in sweep.counted else "not declared")
        table.append(tuple(row))
    curves = any(shapes.values())
    columns = ["corruption", "skill kept", *(["how it falls"] if curves else []), "severities"]
    if sweep.plan.declared:
        columns.insert(1, "counts")
    return Table(title="What each corruption costs", columns=tuple(columns), rows=tuple(table))


def _falls(shape: curve_shape.CurveShape) -> str:
    return shape.words if shape.kind in ("cliff", "flat") else shape.kind


def _caveats(sweep: Sweep, yard: Yardstick, rows: str) -> list[Caveat]:
    caveats = list(sweep.plan.caveats)
    n, plan = len(sweep.clean), sweep.plan
    if n < LEAST:
        message = f"{n} {rows} are too few for an interval over {rows}"
        caveats.append(Caveat(code="too-few-samples", message=message, blocks="both"))
    if yard.guesses(sweep.clean):
        message = (
            f"the score on undamaged {rows}, {sweep.clean.mean():.2f}, is not surely above guessing: "
            "a model that knows nothing loses nothing"
        )
        caveats.append(Caveat(code="chance-level", message=message, blocks="both"))
    if sweep.spent:
        done = f"the budget ended after {len(sweep.scores)} of {len(plan.names)} corruptions"
        caveats.append(Caveat(code="budget-spent", message=done, blocks="pass"))
    if sweep.idle:
        lost = [name for name in sweep.idle if plan.declared and name in plan.counted]
        message = f"changed nothing in these {rows} and are left out: {', '.join(sweep.idle)}"
        caveats.append(Caveat(code="nothing-damaged", message=message, blocks="pass" if lost else "none"))
    if sweep.refused:
        told = ", ".join(f"{name} ({count})" for name, count in sweep.refused.items())
        message = f"damaged {rows} without a usable answer, counted as wrong: {told}"
        caveats.append(Caveat(code="no-answer", message=message, blocks="none"))
    if len(plan.levels) < 5:
        message = f"of the severities 1 to 5 only {', '.join(map(str, plan.levels))} were run"
        caveats.append(Caveat(code="subset", message=message, blocks="none"))
    return caveats


def turned(sweep: Sweep, yard: Yardstick, most: int) -> tuple[str, int, NumpyArray] | None:
    """The worst corruption that counts, the mildest severity that does half of its harm, and rows that it turned."""
    if not sweep.counted:
        return None
    name = min(sweep.counted, key=lambda c: float(yard.skill(sweep.kept(c))))
    which = np.flatnonzero(sweep.plan.counts(name))
    falls = np.array([float(yard.skill(sweep.clean) - yard.skill(sweep.scores[name][k])) for k in which])
    at = int(which[int(np.argmax(falls >= falls.max() / 2))])
    lost = sweep.clean - sweep.scores[name][at]
    rows = np.argsort(-lost, kind="stable")[:most]
    rows = np.sort(rows[lost[rows] > 0])
    return (name, sweep.plan.levels[at], rows) if len(rows) else None


def said(score: Scorer, x: NumpyArray) -> list[str]:
    """Answers in words, one row at a time; empty where the budget is spent."""
    out = []
    for k in range(len(x)):
        try:
            out.append(score.worded(score.ask(x[k : k + 1])[0]))
        except TargetError:
            out.append("no answer")
        except BudgetSpent:
            out.append("")
    return out


def _collapses(sweep: Sweep, own: Mapping[str, tuple[float, Interval]]) -> list[Caveat]:
    """A mean over many harmless corruptions would hide the one that breaks the model."""
    low = [f"{name} ({own[name][0]:.2f})" for name in sweep.counted if own[name][1].high < COLLAPSED]
    if not low:
        return []
    message = f"less than half of the skill is left under {', '.join(low)}, which the mean over all hides"
    return [Caveat(code="one-collapses", message=message, blocks="pass")]


def bars(title: str, names: Sequence[str], values: Sequence[float], label: str, note: str = "", most: int = 20) -> Bars:
    """The greatest values first."""
    order = np.argsort(-np.asarray(values), kind="stable")[:most]
    return Bars(
        title=title,
        note=note,
        y_label=label,
        names=tuple(names[i] for i in order),
        values=tuple(float(values[i]) for i in order),
    )
