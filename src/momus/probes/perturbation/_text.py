"""What the probes on texts share: texts ready to be attacked, the question put to the model, the reading at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.capabilities import Scores, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Line, Series, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import masking
from momus.methods.objectives import MISCLASSIFIED, Objective
from momus.methods.text_edits import marked
from momus.methods.text_search import Judge, TextFound
from momus.probes.perturbation._inputs import _labels, _limited, _values, reserved
from momus.stats.intervals import wilson

SHOWN = 8
ROWS = 512


@dataclass(frozen=True)
class Texts:
    """Texts ready to be attacked. ``right`` (n,): answered rightly untouched; ``editable`` (n,): something to edit."""

    samples: Samples
    x: NumpyArray
    y: NumpyArray
    scores: NumpyArray
    answers: NumpyArray
    right: NumpyArray
    editable: NumpyArray
    objective: Objective
    complete: bool

    @property
    def chosen(self) -> NumpyArray:
        """Indices of the texts worth attacking."""
        return np.flatnonzero(self.right & self.editable)

    @property
    def margin(self) -> NumpyArray:
        """Margins (m,) of the chosen texts."""
        return np.asarray(self.objective.margin(self.scores, self.y), dtype=float)[self.chosen]

    def name(self, answer: Any) -> str:
        """An answer in words."""
        classes = self.samples.classes
        if self.objective is not MISCLASSIFIED:
            return f"{float(answer):.4g}"
        return classes[int(answer)] if 0 <= int(answer) < len(classes) else f"class {int(answer)}"


def check_options(options: dict[str, int]) -> None:
    for name, value in options.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")


def drawn(trial: Trial, n: int) -> Samples:
    """At most ``n`` texts of the test data; ProbeError where it holds none."""
    samples = _limited(trial, trial.samples("test"), n)
    if not samples.is_text:
        raise ProbeError("the test data are no texts", place=samples.name, hint="Give one column of texts")
    return samples


def prepare(
    target: Scores, trial: Trial, *, n: int, editable: Callable[[str], bool], tolerance: float | None = None
) -> Texts:
    """Draws ``n`` texts and asks for the clean answers. ProbeError for data that are no texts, or bad labels."""
    samples = drawn(trial, n)
    regressor = target.info.task == "regressor"
    labels = np.zeros(len(samples), dtype=np.int64) if regressor else _labels(samples, target)
    x = np.asarray(target.encode(samples.x))
    parts: list[NumpyArray] = []
    complete = True
    try:
        for i in range(0, len(x), ROWS):
            parts.append(to_numpy(target.scores(x[i : i + ROWS])))  # noqa: PERF401 - what was answered is kept
    except BudgetSpent:
        complete = False
    scores = np.concatenate(parts) if parts else np.zeros((0, 1))
    reached = len(scores)
    samples, x, y = samples.take(slice(0, reached)), x[:reached], labels[:reached]
    answers = scores[:, 0] if regressor else scores.argmax(axis=1)
    objective: Objective = MISCLASSIFIED
    right = answers == y
    if regressor:
        objective, y, right = _values(samples, answers, tolerance, None)
    can = np.array([editable(str(t)) for t in x], dtype=bool)
    return Texts(samples, x, y, scores, answers, right, can, objective, complete)


def judge_of(target: Scores, trial: Trial, texts: Texts) -> Judge:
    """Margins of changed texts by the target's scores; rows for the final re-check stay reserved."""
    ask = reserved(trial, len(texts.chosen))
    y = texts.y[texts.chosen]

    def judge(changed: Sequence[str], index: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        ask(len(changed))
        scores = to_numpy(target.scores(np.array(changed, dtype=object)))
        objective = texts.objective
        return np.asarray(objective.margin(scores, y[index]), float), np.asarray(objective.won(scores, y[index]))

    return judge


@dataclass(frozen=True)
class Checked:
    """What stood up to the re-check: ``won`` and answers (m,), edits counted afresh (m,), rules broken."""

    won: NumpyArray
    answers: NumpyArray
    edits: NumpyArray
    broken: dict[str, int]
    unconfirmed: int
    asked: bool


def recheck(
    target: Scores, texts: Texts, found: TextFound, count: Callable[[str, str], int], allowed: NumpyArray
) -> Checked:
    """Every claimed success looked at afresh: edits counted again, whole characters, and ``predict`` asked."""
    claimed = np.flatnonzero(found.won)
    before = texts.x[texts.chosen]
    edits = np.zeros(len(before), dtype=np.int64)
    won = np.zeros(len(before), dtype=bool)
    answers = texts.answers[texts.chosen].copy()
    broken: dict[str, int] = {}
    legal = np.ones(len(claimed), dtype=bool)
    for k, i in enumerate(claimed):
        edits[i] = count(str(before[i]), str(found.texts[i]))
        faults = {
            "more edits than allowed": edits[i] > allowed[i],
            "not changed at all": found.texts[i] == before[i],
            "half a character": any("\ud800" <= c <= "\udfff" for c in found.texts[i]),
        }
        for rule in (r for r, f in faults.items() if f):
            broken[rule] = broken.get(rule, 0) + 1
            legal[k] = False
    asked = True
    try:
        now = to_numpy(target.predict(found.texts[claimed])) if len(claimed) else answers[:0]
        answers[claimed] = now
        reference = texts.y[texts.chosen][claimed]
        fooled = now != reference
        if texts.objective is not MISCLASSIFIED:
            fooled = np.asarray(texts.objective.won(np.asarray(now, float)[:, None], reference))
    except BudgetSpent:
        asked, fooled = False, np.ones(len(claimed), dtype=bool)
    won[claimed] = legal & fooled
    return Checked(won, answers, edits, broken, int((legal & ~fooled).sum()), asked)


def conclude(
    trial: Trial,
    texts: Texts,
    found: TextFound,
    checked: Checked,
    *,
    unit: str,
    queries: int,
    blind: float,
    randomised: bool,
    scope: dict[str, Any],
    figures: Sequence[Figure] = (),
    caveats: Sequence[Caveat] = (),
) -> Measurement:
    """The measurement: share of rightly answered, editable texts that a few edits turn.

    ``unit`` names the edits (edits, words); ``blind`` is the share of texts in which leaving words out moved nothing.
    """
    m, n = len(checked.won), int(texts.editable.sum())
    hits = int(checked.won.sum())
    right = int(texts.right.sum())
    held = m - hits
    numbers = [
        Figure(name="robust_accuracy", value=held / n if n else 0.0, ci=wilson(held, n), n=n, note="of editable texts"),
        Figure(
            name="clean_accuracy",
            value=right / len(texts.x) if len(texts.x) else 0.0,
            ci=wilson(right, len(texts.x)),
            n=len(texts.x),
            note="the rest was wrong before any edit",
        ),
        Figure(name="rejected_examples", value=float(sum(checked.broken.values())), note="claimed, and not counted"),
    ]
    if hits:
        numbers.append(
            Figure(
                name=f"median_{unit}", value=float(np.median(checked.edits[checked.won])), n=hits, note="that it took"
            )
        )
        numbers.append(Figure(name="median_queries", value=float(np.median(found.queries[checked.won])), n=hits))
    uneditable = int((~texts.editable).sum())
    if uneditable:
        numbers.append(Figure(name="not_editable", value=float(uneditable), note="texts without anything to edit"))
    signs = masking.present(
        [
            masking.randomised(randomised),
            masking.constant(texts.scores) if len(texts.scores) else None,
            masking.few_queries(queries),
        ]
    )
    all_caveats = [*_caveats(texts, found, checked, m, right, uneditable), *signs, *caveats]
    if m and blind > 0.5 and not hits:
        message = f"leaving words out moved the scores of {1 - blind:.0%} of the texts only: the search could not see"
        all_caveats.append(Caveat(code="loss-flat", message=message))
    return trial.measurement(
        hits / m if m else 0.0,
        wilson(hits, m),
        m,
        scope=scope,
        figures=(*numbers, *figures),
        evidence=(*_examples(texts, found, checked, unit), *_curve(checked, unit)),
        caveats=all_caveats,
    )


def _caveats(texts: Texts, found: TextFound, checked: Checked, m: int, right: int, uneditable: int) -> list[Caveat]:
    out: list[Caveat] = []
    n = len(texts.x)
    if not n:
        out.append(Caveat(code="no-inputs", message="there was no text to attack", blocks="both"))
    elif not right:
        out.append(
            Caveat(code="nothing-right", message="the model gets no text right: nothing to attack", blocks="both")
        )
    elif not m:
        message = "no text that the model gets right has anything to edit, so nothing was attacked"
        out.append(Caveat(code="nothing-to-move", message=message, blocks="both"))
    elif uneditable:
        message = f"{uneditable} of {n} texts have nothing to edit: they count neither as turned nor as robust"
        out.append(Caveat(code="not-editable", message=message, blocks="none"))
    if texts.objective is MISCLASSIFIED and n > 1 and len(np.unique(texts.y)) < 2:
        out.append(Caveat(code="one-class", message="all texts carry the same label: the other classes are untested"))
    if not (found.complete and texts.complete):
        message = "the budget ended before the attack: a longer one may find more"
        out.append(Caveat(code="budget-spent", message=message))
    if not checked.asked:
        message = "the budget left no query to confirm the examples"
        out.append(Caveat(code="not-rechecked", message=message, blocks="none"))
    if checked.broken:
        words = "; ".join(f"{rule}: {count}" for rule, count in checked.broken.items())
        out.append(Caveat(code="examples-broke-rules", message=f"examples that were not counted: {words}"))
    if checked.unconfirmed:
        message = f"{checked.unconfirmed} examples fooled the model once and not when asked again"
        out.append(Caveat(code="examples-not-confirmed", message=message))
    return out


def _examples(texts: Texts, found: TextFound, checked: Checked, unit: str) -> list[Table]:
    """A few successes, fewest edits first, with the edits marked in place."""
    index = np.flatnonzero(checked.won)
    index = index[np.argsort(checked.edits[index], kind="stable")][:SHOWN]
    rows = []
    for i in index:
        j = texts.chosen[i]
        before, after = str(texts.x[j]), str(found.texts[i])
        turned = f"{texts.name(texts.answers[j])} → {texts.name(checked.answers[i])}"
        rows.append((int(j), marked(before, after, words=unit == "words"), int(checked.edits[i]), turned))
    note = "[old→new] marks each edit; of long texts only what stands around the edits is shown"
    columns = ("text", "edited text", unit, "decision")
    if rows:
        return [Table(title="Texts that were turned", note=note, columns=columns, rows=tuple(rows))]
    return [_unturned(texts, found, note, unit)]


def _unturned(texts: Texts, found: TextFound, note: str, unit: str) -> Table:
    """The texts that came nearest to being turned; where none was attacked, why not."""
    near = np.argsort(found.margin, kind="stable")[:SHOWN]
    rows = []
    for i in near:
        before, name = str(texts.x[texts.chosen[i]]), texts.name(texts.answers[texts.chosen[i]])
        moved = f"{name}, margin {texts.margin[i]:.3g} → {found.margin[i]:.3g}"
        rows.append(
            (
                int(texts.chosen[i]),
                marked(before, str(found.texts[i]), words=unit == "words"),
                int(found.edits[i]),
                moved,
            )
        )
    if rows:
        columns = ("text", "nearest edited text", unit, "decision")
        return Table(title="No text was turned; these came nearest", note=note, columns=columns, rows=tuple(rows))
    rows = [
        (j, str(texts.x[j])[:120], 0, "wrong before any edit" if not texts.right[j] else "nothing to edit")
        for j in range(min(SHOWN, len(texts.x)))
    ]
    return Table(title="No text was attacked", columns=("text", "as it is", unit, "why"), rows=tuple(rows))


def _curve(checked: Checked, unit: str) -> list[Series]:
    """Share of the attacked texts that were turned with so many edits at most."""
    m = len(checked.won)
    if not m:
        return []
    most = max(1, int(checked.edits[checked.won].max(initial=1)))
    grid = range(most + 1)
    hits = [int((checked.won & (checked.edits <= e)).sum()) for e in grid]
    bands = [wilson(h, m) for h in hits]
    line = Line(
        name="turned",
        x=tuple(float(e) for e in grid),
        y=tuple(h / m for h in hits),
        low=tuple(b.low for b in bands),
        high=tuple(b.high for b in bands),
    )
    title, label = f"Texts turned against {unit}", "share of the attacked texts"
    return [Series(title=title, x_label=f"{unit} at most", y_label=label, lines=(line,))]
