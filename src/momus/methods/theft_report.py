"""What a thief has for his queries: how often a copy answers as the original does, as a curve, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from momus.core.evidence import Evidence, Line, Series, Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.core.service import Service
from momus.stats import intervals

LEVELS = (0.90, 0.95, 0.99)  # agreements whose price is reported
LEAST_ROWS = 50  # test rows below which an agreement says nothing
CLOSE = 0.01  # a value of a regressor is matched within this share of the spread of its answers

# Flat canonical rows (n, ...) -> class indices (n,), or values (n,) of a regressor.
Copy = Callable[[NumpyArray], NumpyArray]


@dataclass(frozen=True)
class Stage:
    """A copy as it stood after so many ``queries``."""

    queries: int
    predict: Copy


@dataclass(frozen=True)
class Exam:
    """Rows that the thief never asked, with the original's answers to them: what a copy is judged on.

    ``x`` are test rows, ``uniform`` rows drawn from the declared ranges (R_test and R_unif of Tramèr et al. 2016);
    ``said`` and ``uniform_said`` are class indices, or values of a regressor. ``y`` are labels where there are any.
    """

    x: NumpyArray
    said: NumpyArray
    uniform: NumpyArray
    uniform_said: NumpyArray
    y: NumpyArray | None = None
    task: Literal["classifier", "regressor"] = "classifier"

    @property
    def tolerance(self) -> float:
        """How far a regressor's copy may be off: 1 % of the distance between the 5 % and the 95 % quantile."""
        known = self.said if len(self.said) else self.uniform_said
        if self.task == "classifier" or not len(known):
            return 0.0
        low, high = np.quantile(known.astype(float), [0.05, 0.95])
        return float(CLOSE * (high - low))

    def hits(self, copied: NumpyArray, said: NumpyArray) -> NumpyArray:
        """(n,) bool: rows that the copy answers as the original does."""
        if self.task == "classifier":
            return np.asarray(np.asarray(copied) == said)
        return np.asarray(np.abs(np.asarray(copied, dtype=float) - said) <= self.tolerance)


@dataclass(frozen=True)
class Point:
    """One place on the curve: shares with their intervals; ``accuracy`` is None without labels or for a regressor."""

    queries: int
    agreement: float
    ci: Interval
    n: int
    uniform: float
    uniform_ci: Interval
    n_uniform: int
    accuracy: float | None = None
    accuracy_ci: Interval | None = None


@dataclass(frozen=True)
class Baseline:
    """What is to be had without a query: agreement of the commonest answer, and of a model of the thief's own rows."""

    constant: float
    free: float | None = None
    note: str = ""

    @property
    def best(self) -> float:
        return max(self.constant, self.free or 0.0)


@dataclass(frozen=True)
class Loot:
    """All that the report is written from."""

    points: Sequence[Point]
    baseline: Baseline
    service: Service = field(default_factory=Service)


def grade(stages: Sequence[Stage], exam: Exam) -> list[Point]:
    """The curve: every stage judged on the same rows, in the order of their queries."""
    return [_point(s, exam) for s in sorted(stages, key=lambda s: s.queries)]


def _point(stage: Stage, exam: Exam) -> Point:
    copied = stage.predict(exam.x) if len(exam.x) else exam.said[:0]
    test = exam.hits(copied, exam.said)
    far = exam.hits(stage.predict(exam.uniform), exam.uniform_said) if len(exam.uniform) else np.zeros(0, dtype=bool)
    accuracy = accuracy_ci = None
    if exam.y is not None and exam.task == "classifier" and len(exam.x):
        right = int((copied == exam.y).sum())
        accuracy, accuracy_ci = right / len(test), intervals.wilson(right, len(test))
    return Point(
        stage.queries,
        float(test.mean()) if len(test) else 0.0,
        intervals.wilson(int(test.sum()), len(test)),
        len(test),
        float(far.mean()) if len(far) else 0.0,
        intervals.wilson(int(far.sum()), len(far)),
        len(far),
        accuracy,
        accuracy_ci,
    )


def queries_to(points: Sequence[Point], level: float) -> float | None:
    """Queries after which a copy agreed on ``level`` of the test rows, between points on a straight line.

    The curve is taken as monotone: a thief keeps his best copy. None where it never got there. A first point that
    is already above the level counts with its own queries, since nothing is known of fewer.
    """
    before_q, before_a = 0.0, 0.0
    for i, p in enumerate(points):
        if p.agreement >= level:
            if i == 0 or p.agreement <= before_a:
                return float(p.queries)
            return float(before_q + (level - before_a) / (p.agreement - before_a) * (p.queries - before_q))
        if i == 0 or p.agreement > before_a:
            before_a = p.agreement
        before_q = float(p.queries)
    return None


def baseline(
    exam: Exam, own: tuple[NumpyArray, NumpyArray] | None, rng: np.random.Generator, *, rows: int = 2000
) -> Baseline:
    """What no query buys. ``own`` are labelled rows of the thief's (flat, other than the exam's).

    Without them the labels of the exam's rows serve, half for half: fitted on one, judged on the other.
    """
    if not len(exam.said):
        return Baseline(0.0)
    constant = _constant(exam)
    if own is not None and len(own[0]):
        keep = rng.permutation(len(own[0]))[:rows]
        hits = exam.hits(_fitted(own[0][keep], own[1][keep], exam.x, exam.task), exam.said)
        return Baseline(constant, float(hits.mean()), f"trees fitted on {len(keep)} labelled rows, no query")
    if exam.y is None or len(exam.y) < 2 * LEAST_ROWS:
        return Baseline(constant)
    half = rng.permutation(len(exam.y)) % 2 == 0
    hits = np.zeros(len(exam.y), dtype=bool)
    for fit in (half, ~half):
        copied = _fitted(exam.x[fit], exam.y[fit], exam.x[~fit], exam.task)
        hits[~fit] = exam.hits(copied, exam.said[~fit])
    note = f"trees fitted on the labels of {int(half.sum())} other test rows, no query"
    return Baseline(constant, float(hits.mean()), note)


def _constant(exam: Exam) -> float:
    if exam.task == "classifier":
        return float(np.unique(exam.said, return_counts=True)[1].max() / len(exam.said))
    return float(exam.hits(np.full(len(exam.said), np.median(exam.said)), exam.said).mean())


def _fitted(x: NumpyArray, y: NumpyArray, rows: NumpyArray, task: str) -> NumpyArray:
    """Answers of a forest fitted on (x, y): what anybody with labelled rows has."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesClassifier if task == "classifier" else ExtraTreesRegressor
    model = kind(n_estimators=40, min_samples_leaf=2, random_state=0)
    flat = np.nan_to_num(np.reshape(x, (len(x), -1)).astype(float))
    return np.asarray(model.fit(flat, y).predict(np.nan_to_num(np.reshape(rows, (len(rows), -1)).astype(float))))


def figures(loot: Loot) -> list[Figure]:
    """Agreement and accuracy at the end of the curve, what no query buys, and queries, money and minutes to each level.

    A level that was not reached has no figure: the table says so.
    """
    found = [Figure(name="constant_agreement", value=loot.baseline.constant, note="the commonest answer, no query")]
    if loot.baseline.free is not None:
        found.append(Figure(name="free_agreement", value=loot.baseline.free, note=loot.baseline.note))
    if not loot.points:
        return found
    last = loot.points[-1]
    found.append(Figure(name="queries_asked", value=float(last.queries)))
    if last.n_uniform:
        note = "rows drawn evenly from the declared ranges"
        found.append(
            Figure(name="uniform_agreement", value=last.uniform, ci=last.uniform_ci, n=last.n_uniform, note=note)
        )
    if last.accuracy is not None:
        found.append(Figure(name="copy_accuracy", value=last.accuracy, ci=last.accuracy_ci, n=last.n))
    for level in LEVELS:
        needed = queries_to(loot.points, level)
        if needed is None:
            continue
        percent = f"{level:.0%}".rstrip("%")
        found.append(Figure(name=f"queries_to_{percent}pct", value=float(np.ceil(needed))))
        money, minutes = loot.service.cost(needed), loot.service.minutes(needed)
        if money is not None:
            found.append(Figure(name=f"cost_to_{percent}pct", value=money, note=loot.service.currency))
        if minutes is not None:
            found.append(Figure(name=f"minutes_to_{percent}pct", value=minutes))
    return found


def evidence(loot: Loot) -> list[Evidence]:
    """The curve of agreement and accuracy against queries, and the table of what each level costs."""
    return [curve(loot), prices(loot)]


def curve(loot: Loot) -> Series:
    """Agreement on test rows with its band, on uniform rows, accuracy, and what is to be had for nothing."""
    points = loot.points
    x = tuple(float(p.queries) for p in points)
    lines = []
    if points:
        low, high = tuple(p.ci.low for p in points), tuple(p.ci.high for p in points)
        shares = tuple(p.agreement for p in points)
        lines.append(Line(name="agrees on test rows", x=x, y=shares, low=low, high=high))
        if all(p.n_uniform for p in points):
            lines.append(Line(name="agrees on uniform rows", x=x, y=tuple(p.uniform for p in points)))
        if all(p.accuracy is not None for p in points):
            lines.append(Line(name="accuracy of the copy", x=x, y=tuple(p.accuracy or 0.0 for p in points)))
        ends = (min(x), max(x)) if len(x) > 1 else (x[0] * 0.5, x[0] * 2.0)
        lines.append(Line(name="without a query", x=ends, y=(loot.baseline.best,) * 2, dashed=True))
    return Series(
        title="What the copy is worth against the queries it took",
        x_label="queries",
        y_label="share of rows",
        lines=tuple(lines),
        log_x=bool(points) and min(x) > 0 and max(x) > 20 * min(x),
        note="Queries of the examination itself are not counted: a thief needs none",
    )


def prices(loot: Loot) -> Table:
    """Queries, money and minutes to 90, 95 and 99 % agreement; a level that was not reached says so."""
    priced, limited = loot.service.price is not None, bool(loot.service.per_minute)
    columns = (
        "agreement on test rows",
        "queries",
        f"money {loot.service.currency}".strip(),
        "minutes at the rate limit",
    )
    rows = []
    for level in LEVELS:
        needed = queries_to(loot.points, level)
        money = None if needed is None else loot.service.cost(needed)
        minutes = None if needed is None else loot.service.minutes(needed)
        rows.append((
            f"{level:.0%}",
            "not reached" if needed is None else int(np.ceil(needed)),
            "no price on the card" if not priced else "-" if money is None else round(money, 4),
            "no limit on the card" if not limited else "-" if minutes is None else round(minutes, 1),
        ))  # fmt: skip
    last = loot.points[-1] if loot.points else None
    best = loot.baseline
    free = "" if best.free is None else f"; {best.note or 'a model without queries'}: {best.free:.1%}"
    note = f"Without a query the commonest answer agrees on {best.constant:.1%}{free}"
    if last is not None and queries_to(loot.points, LEVELS[-1]) is None:
        top = max(p.agreement for p in loot.points)
        note = f"At most {top:.1%} were reached, with {last.queries} queries. {note}"
    return Table(title="What a copy costs", columns=columns, rows=tuple(rows), note=note)


def caveats(loot: Loot, limit_margin: float = 0.02) -> list[Caveat]:
    """Few test rows; a copy no better than the commonest answer, which is no theft; or one that labels would give too.

    Only the commonest answer is free to every thief, so only that blocks a fail. What labelled rows give without a
    query is said beside it: no thief here has labels, and they are what costs.
    """
    last = loot.points[-1] if loot.points else None
    if last is None or last.n < LEAST_ROWS:
        n = 0 if last is None else last.n
        message = f"the copy could be judged on {n} test rows only, {LEAST_ROWS} are needed"
        return [Caveat(code="too-few-samples", message=message, blocks="both")]
    constant, free = loot.baseline.constant, loot.baseline.free
    if last.agreement <= constant + limit_margin and (last.agreement < 1 or constant == 1):
        message = (
            f"the copy agrees on {last.agreement:.1%}, and the commonest answer alone on {constant:.1%}, without a "
            "query: the answers gave nothing away that was not free"
        )
        return [Caveat(code="nothing-gained", message=message, blocks="fail")]
    if free is not None and last.agreement < 1 and last.agreement <= free + limit_margin:
        message = (
            f"the copy agrees on {last.agreement:.1%}; whoever owns labelled rows gets {free:.1%} without a query "
            f"({loot.baseline.note or 'a model without queries'})"
        )
        return [Caveat(code="labels-would-do", message=message, blocks="none")]
    return []
