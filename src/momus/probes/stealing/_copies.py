"""What every probe that trains a copy does: hear the service as a caller, keep the exam apart, write the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.evidence import Evidence, Table
from momus.core.meter import Meter
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import copying, copying_search, theft_defences, theft_report
from momus.methods.copying_rows import PictureRows, Space, TableRows
from momus.methods.describe import one_row_per_id
from momus.methods.domain import Domain
from momus.methods.table_rules import parse
from momus.methods.theft_rows import Ranges, plain_ranges, table_ranges
from momus.probes.stealing._service import gives_probabilities

BATCH = 512
DECIMAL, TOP, LABELS = (
    theft_defences.View(decimals=1), theft_defences.View(decimals=2, top=1), theft_defences.View(labels=True)
)  # fmt: skip


@dataclass
class Caller:
    """The target as its callers meet it. Every distinct row is asked once, ``told`` counts them.

    ``hears`` is what an answer shows; ``scored`` says whether answers hold probabilities at all.
    """

    target: Any
    classes: int
    hears: theft_defences.View
    scored: bool
    known: dict[bytes, NumpyArray] = field(default_factory=dict)

    def full(self, rows: NumpyArray) -> NumpyArray:
        """Answers to ``rows`` (as read) with every digit, or ones and zeros: fewer than rows when the budget ends."""
        keys = _keys(rows)
        first = {key: i for i, key in reversed(list(enumerate(keys))) if key not in self.known}
        todo = sorted(first.values())
        try:
            for start in range(0, len(todo), BATCH):
                some = todo[start : start + BATCH]
                for i, answer in zip(some, self._answers(rows[some]), strict=True):
                    self.known[keys[i]] = answer
        except BudgetSpent:
            pass  # what was answered before counts; the caller sees the shorter answer
        found = []
        for key in keys:
            if key not in self.known:
                break
            found.append(self.known[key])
        return np.array(found) if found else np.zeros((0, self.classes))

    def heard(self, rows: NumpyArray) -> NumpyArray:
        """What the thief takes the answers to mean, as probabilities (n, k)."""
        return believed(self.full(rows), self.hears)

    def _answers(self, rows: NumpyArray) -> NumpyArray:
        x = self.target.encode(rows)
        if self.scored:
            p = to_numpy(self.target.probabilities(x)).astype(float)
            if p.ndim != 2 or not np.isfinite(p).all():
                raise TargetError("probabilities must be finite and of shape (n, classes)")
            return p
        labels = to_numpy(self.target.predict(x)).astype(int)
        if len(labels) and (labels.min() < 0 or labels.max() >= self.classes):
            raise TargetError(f"the model named class {labels.max()}, and it has {self.classes}")
        return np.asarray(np.eye(self.classes)[labels])


def believed(answers: NumpyArray, view: theft_defences.View) -> NumpyArray:
    """Answers (n, k) as a thief reads them: what is not shown is shared evenly, and the named class stays ahead."""
    if not len(answers):
        return answers
    seen = np.clip(view.seen(answers), 0.0, 1.0)
    hidden = seen == 0
    rest = np.clip(1 - seen.sum(1, keepdims=True), 0, None)
    seen = seen + hidden * rest / np.maximum(hidden.sum(1, keepdims=True), 1)
    if not view.labels:
        seen = seen + 1e-6 * np.eye(answers.shape[1])[answers.argmax(1)]
    return np.asarray(seen / seen.sum(1, keepdims=True))


@dataclass
class Job:
    """One theft in preparation. ``test`` are the rows of the exam, as read; ``spare`` rows the thief may start from."""

    caller: Caller
    trial: Trial
    modality: str
    test: Samples
    spare: Samples
    exam: theft_report.Exam
    ranges: Ranges | None
    learner: copying.Learner
    queries: int
    rng: np.random.Generator
    wanted: int = 0

    @property
    def complete(self) -> bool:
        """Whether the budget leaves room for all questions that were wanted."""
        return self.queries >= self.wanted

    @property
    def domain(self) -> Domain | None:
        """Where a row of a table may be moved; a thief changes every column, also those that a person cannot."""
        if self.modality != "table":
            return None
        free = tuple(replace(c, immutable=False) for c in self.test.columns)
        return Domain.table(replace(self.test, columns=free))

    def view(self, rows: NumpyArray) -> NumpyArray:
        """Rows as read to what copies learn from: tables and texts as they are, pictures (n, c, h, w) in bytes."""
        if self.modality != "image":
            return rows
        x = to_numpy(self.caller.target.encode(rows))
        return np.asarray(np.round(np.clip(x, 0, 1) * 255), dtype=np.uint8)

    def features(self, rows: NumpyArray) -> NumpyArray:
        """(n, d) numbers in which rows can be near or far."""
        if self.modality == "table":
            return np.nan_to_num(copying.spread_codes(rows, self.learner.codes))
        if self.modality == "text":
            return np.array([[len(t), *(str(t).count(c) for c in "etaoin ")] for t in rows], dtype=float)
        return _small(rows)

    def space(self) -> Space:
        """What a thief without data may ask."""
        if self.modality == "image":
            h, w, c = self.test.x.shape[1:]
            return PictureRows((int(h), int(w), int(c)))
        assert self.ranges is not None
        return TableRows(self.ranges, tuple(parse(text, self.test.columns) for text in self.test.rules))

    def thief(self) -> copying_search.Thief:
        ask: Callable[[NumpyArray], NumpyArray] = self.caller.heard
        return copying_search.Thief(
            ask, self.view, self.learner, self.queries, self.rng, self.trial.progress, self.features
        )


def prepare(
    target: Predicts, trial: Trial, *, queries: int, rows: int, answers: str, after: int, spare: int = 0
) -> Job:
    """Checks the options, hears what the service gives, and asks the exam: test rows that the thief will never send.

    The exam takes at most a quarter of the budget, so that the theft has its share.
    """
    for name, value in {"queries": queries, "rows": rows}.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")
    if after < 0:
        raise ProbeError(f"after must be at least 0, not {after}", place="option 'after'")
    test, rng = trial.samples("test"), trial.rng
    modality = "image" if test.is_image else "text" if test.is_text else "table" if test.is_table else "other"
    if modality == "other":
        raise ProbeError("this attack knows pictures, tables and texts", place=test.name)
    caller = _caller(target, trial, answers)
    order = rng.permutation(one_row_per_id(test, rng))
    begin = test.take(order[:spare])
    budget = trial.budget.queries
    most = rows if budget is None else min(rows, max(1, budget // 4))
    kept = test.take(np.sort(order[spare:][:most]))
    ranges = table_ranges(test.x, test.columns) if modality == "table" and len(test) else None
    said = caller.full(kept.x)
    kept = kept.take(slice(0, len(said)))
    uniform = ranges.uniform(min(200, most), rng) if ranges is not None and len(said) else np.zeros((0, 1))
    far = caller.full(uniform) if len(uniform) else said[:0]
    y = None if kept.y is None or kept.y.dtype.kind not in "iu" else kept.y
    exam = theft_report.Exam(kept.x, said.argmax(1), uniform[: len(far)], far.argmax(1), y)
    asked = target.queries if isinstance(target, Meter) else 0
    left = queries if budget is None else max(0, min(queries, budget - asked))
    learner = copying.Learner(caller.classes, dict(ranges.codes) if ranges is not None else {}, modality)
    return Job(caller, trial, modality, kept, begin, exam, ranges, learner, left, rng, queries)


def pool_rows(job: Job, pool: Samples) -> Samples:
    """The pool in random order, without rows of the exam. ProbeError for rows of another form than the test rows'."""
    if pool.x.shape[1:] != job.test.x.shape[1:] or pool.is_text != job.test.is_text:
        raise ProbeError(
            f"rows of the pool have the shape {pool.x.shape[1:]}, test rows {job.test.x.shape[1:]}",
            place=pool.name, hint="Bring the pool to the form that the model takes",
        )  # fmt: skip
    seen = set(_keys(job.test.x))
    fresh = np.array([i for i, key in enumerate(_keys(pool.x)) if key not in seen], dtype=int)
    return pool.take(job.rng.permutation(fresh))


def _caller(target: Predicts, trial: Trial, answers: str) -> Caller:
    """What callers of this target see: its probabilities through the card's rounding, or labels."""
    if answers not in ("", "scores", "labels"):
        raise ProbeError(f"no answers '{answers}'", hint="Choose scores or labels", place="option 'answers'")
    scored = gives_probabilities(target)
    if answers == "scores" and not scored:
        raise ProbeError("this target gives labels alone", place="option 'answers'")
    classes = len(target.info.classes) or len(trial.samples("test").classes)
    if classes < 2:
        raise ProbeError("a copy needs to know the classes", hint="List the classes on the target's card")
    view = theft_defences.View(labels=True) if answers == "labels" else theft_defences.view_of(trial.service)
    return Caller(target, classes, view if scored else theft_defences.View(labels=True), scored)


def judged(job: Job, theft: copying_search.Theft) -> list[theft_report.Point]:
    """The curve of every copy that stood on the way, on the rows of the exam."""
    return theft_report.grade([theft_report.Stage(q, _labels(job, copy)) for q, copy in theft.stages], job.exam)


def _labels(job: Job, copy: copying.Copy) -> theft_report.Copy:
    return lambda rows: copy.scores(job.view(rows)).argmax(1)


def coarser(job: Job, theft: copying_search.Theft, kind: str) -> list[tuple[theft_defences.View, theft_report.Point]]:
    """The same questions with less telling answers: nothing is asked again. The way they were chosen stays."""
    if not job.caller.scored or job.caller.hears.labels or not len(theft):
        return []
    full, seed = job.caller.full(theft.x), int(job.rng.integers(2**31))
    found = []
    for view in (DECIMAL, LABELS) if job.modality == "image" else (DECIMAL, TOP, LABELS):  # networks take their time
        copy = job.learner.fit(kind, job.view(theft.x), believed(full, view), seed)
        found += [(view, p) for p in theft_report.grade([theft_report.Stage(len(theft), _labels(job, copy))], job.exam)]
    return found


def conclude(
    job: Job,
    theft: copying_search.Theft,
    *,
    figures: Sequence[Figure] = (),
    evidence: Sequence[Evidence] = (),
    caveats: Sequence[Caveat] = (),
    scope: dict[str, Any] | None = None,
) -> Measurement:
    """The measurement: agreement of the last copy, its curve, its price, defences, and who would have noticed."""
    points = judged(job, theft)
    free = job.exam if job.modality != "text" else replace(job.exam, y=None)
    loot = theft_report.Loot(points, theft_report.baseline(free, None, job.rng), job.trial.service)
    found = [*theft_report.caveats(loot), *caveats]
    if not theft.complete or not job.complete:
        message = f"the budget ended after {len(theft):,} of the questions that the theft was to have"
        found.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    notes: list[Evidence] = []
    if len(points):
        notes += theft_report.evidence(loot)
    kind = "" if theft.choice is None else theft.choice.kind
    defended = coarser(job, theft, kind) if kind and points else []
    if defended:
        notes.append(theft_defences.defence_table([(job.caller.hears, points[-1]), *defended], job.trial.service))
    alarms = _alarms(job, theft)
    if alarms:
        notes.append(theft_defences.alarm_table(alarms))
    if theft.choice is not None and theft.choice.agreement:
        notes.append(_kinds(theft.choice))
    value, ci, n = (points[-1].agreement, points[-1].ci, points[-1].n) if points else (0.0, Interval(low=0, high=1), 0)
    return job.trial.measurement(
        value,
        ci,
        n,
        scope={
            "answers": job.caller.hears.name if job.caller.scored else "the class alone",
            "copy": kind or None,
            "asked": len(theft) if len(theft) < job.wanted else None,
            "rows": None,  # said by n
            "after": None,
            **(scope or {}),
        },
        figures=[*theft_report.figures(loot), *_defended(defended), *theft_defences.alarm_figures(alarms), *figures],
        evidence=[*notes, *evidence] or [theft_report.prices(loot)],
        caveats=found,
    )


def _defended(reached: Sequence[tuple[theft_defences.View, theft_report.Point]]) -> list[Figure]:
    """Agreement with each less telling answer."""
    names = {DECIMAL: "agreement_one_decimal", TOP: "agreement_top_1", LABELS: "agreement_labels"}
    return [
        Figure(name=names[view], value=p.agreement, ci=p.ci, n=p.n, note="the same questions, less telling answers")
        for view, p in reached
        if view in names
    ]


def _alarms(job: Job, theft: copying_search.Theft) -> list[theft_defences.Alarm]:
    if job.modality == "text" or not len(theft) or not len(job.test):
        return []
    ranges, stream, honest = job.ranges, theft.x, job.test.x
    if ranges is None:
        stream, honest = _small(stream), _small(honest)
        ranges = plain_ranges(stream.shape[1], 0.0, 1.0)
    return theft_defences.watch(stream, theft.answers.argmax(1), honest, job.exam.said, ranges, job.rng)


def _kinds(choice: copying.Choice) -> Table:
    rows = tuple((k, round(v, 4), k == choice.kind) for k, v in choice.agreement.items())
    return Table(
        title="Which kind of copy the thief would take",
        columns=("kind", "agrees on held-out answers", "taken"),
        rows=rows,
        note=f"Cross-validated on {choice.n} of the thief's own questions that were drawn at random",
    )


def _small(rows: NumpyArray, side: int = 8) -> NumpyArray:
    """(n, d) pictures averaged down to about ``side`` pixels a side, in [0, 1]."""
    n, h, w, _ = rows.shape
    b, d = max(1, h // side), max(1, w // side)
    cut = rows[:, : h // b * b, : w // d * d].astype(np.float32)
    out: NumpyArray = cut.reshape(n, h // b, b, w // d, d, -1).mean((2, 4)).reshape(n, -1) / 255
    return out


def _keys(rows: NumpyArray) -> list[bytes]:
    if rows.dtype.kind in "OUT":
        return [str(t).encode() for t in rows]
    flat = np.ascontiguousarray(rows)
    return [row.tobytes() for row in flat]
