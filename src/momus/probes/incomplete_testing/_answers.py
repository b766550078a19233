"""What a model answered to the cases of a scenario, as figures, bars, pictures and excerpts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Attachment, Bars, Evidence, Picture, Pictures, Table
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.methods.picture import png
from momus.methods.sound import wav
from momus.probes.incomplete_testing._cases import Cases
from momus.stats import intervals

_SHOWN = 6


@dataclass(frozen=True)
class Answered:
    """``said`` (n,) class indices, -1 where the input was refused; ``sure`` (n,) largest probabilities where they were
    asked for; ``wrong`` (n,) answers other than expected; ``known``: whether that could be told at all."""

    cases: Cases
    said: NumpyArray
    sure: NumpyArray | None
    wrong: NumpyArray
    counts: bool
    known: bool

    @property
    def n(self) -> int:
        return len(self.said)

    @property
    def abstained_in_doubt(self) -> bool:
        """Whether some case was answered, with so little confidence that it counts as abstained from."""
        return self.cases.expect == "abstain" and bool(((self.said >= 0) & ~self.wrong).any())

    @property
    def figure(self) -> Figure:
        hits, expect = int(self.wrong.sum()), self.cases.expect
        word = "wrong" if self.counts else "confident" if expect == "abstain" else "misread"
        if not self.known:
            return Figure(
                name=f"unjudged[{self.cases.name}]", value=float(self.n), n=self.n, note="no confidence is told"
            )
        ci = intervals.wilson(hits, self.n)
        note = self.cases.says + ("" if self.counts else "; not declared, so not counted")
        return Figure(name=f"{word}[{self.cases.name}]", value=hits / self.n, ci=ci, n=self.n, note=note)


def evidence(
    answered: Sequence[Answered], classes: Sequence[str], ordinary: Figure | None, rate: int | None
) -> list[Evidence]:
    """Bars over all scenarios, and the cases themselves, misses first."""
    known = [a for a in answered if a.known]
    if not answered:
        return [Table(title="Scenarios", columns=("scenario",), rows=(), note="none could be run")]
    out: list[Evidence] = []
    if known:
        each = [intervals.wilson(int(a.wrong.sum()), a.n) for a in known]
        out.append(
            Bars(
                title="Answered otherwise than expected, by scenario",
                y_label="share of cases",
                names=tuple(a.cases.name for a in known),
                values=tuple(float(a.wrong.mean()) for a in known),
                low=tuple(i.low for i in each),
                high=tuple(i.high for i in each),
                reference=None if ordinary is None else ordinary.value,
                note="" if ordinary is None else "the line is the error on ordinary test rows",
            )
        )
    rows = tuple(
        (a.cases.name, a.cases.says, a.cases.expect, a.n, int(a.wrong.sum()) if a.known else None, _most(a, classes))
        for a in answered
    )
    columns = ("scenario", "what it is", "expected", "cases", "otherwise", "commonest answer")
    out.append(Table(title="Scenarios", columns=columns, rows=rows))
    return [*out, *_examples(answered, classes, rate)]


def _name(i: int, classes: Sequence[str]) -> str:
    return "refused" if i < 0 else str(classes[i]) if i < len(classes) else str(i)


def _most(a: Answered, classes: Sequence[str]) -> str:
    values, count = np.unique(a.said, return_counts=True)
    return f"{_name(int(values[count.argmax()]), classes)} ({count.max() / a.n:.0%})"


def _case(a: Answered, i: int) -> str:
    kind = a.cases.kinds[i]
    return a.cases.name if kind == a.cases.name else f"{a.cases.name}, {kind}"


def _says(a: Answered, i: int, classes: Sequence[str]) -> str:
    sure = "" if a.sure is None else f" {a.sure[i]:.2f}"
    return f"{_name(int(a.said[i]), classes)}{sure}{', not as expected' if a.wrong[i] else ''}"


def _examples(answered: Sequence[Answered], classes: Sequence[str], rate: int | None) -> list[Evidence]:
    picked = [(a, np.argsort(~a.wrong, kind="stable")[:_SHOWN]) for a in answered]
    first = answered[0].cases.x
    if first.ndim == 4:
        rows = tuple(
            tuple(Picture(caption=f"{_case(a, i)}: {_says(a, i, classes)}", png=png(a.cases.x[i])) for i in rows)
            for a, rows in picked
        )
        return [Pictures(title="Cases, those answered otherwise first", rows=rows)]
    told = [
        (a.cases.name, a.cases.kinds[i], _short(a.cases.x[i]), _says(a, i, classes))
        for a, rows in picked
        for i in rows[:3]
    ]
    out: list[Evidence] = [Table(title="Cases", columns=("scenario", "case", "input", "answer"), rows=tuple(told))]
    if rate:
        out += [
            Attachment(
                title=a.cases.name, name=f"scenario-{k}.wav", media="audio/wav", data=wav(a.cases.x[rows[0]], rate)
            )
            for k, (a, rows) in enumerate(picked)
        ]
    return out


def _short(x: NumpyArray | str) -> str:
    if isinstance(x, str):
        return repr(x[:120])
    flat = np.asarray(x).ravel()
    return ", ".join(f"{v:.4g}" for v in flat[:10]) + (" ..." if len(flat) > 10 else "")
