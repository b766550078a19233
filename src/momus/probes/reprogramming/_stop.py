"""What would stop the program that was learned, measured: filters, coarser answers, detectors, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Scores, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Bars, Cell, Evidence, Table
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.methods import reprogram_stop as stop
from momus.methods.adversary_tasks import Task
from momus.methods.ascent import to_host as host
from momus.methods.reprogram import Program
from momus.probes.reprogramming._setup import Setup, ask
from momus.stats.intervals import wilson

ROWS = 200


@dataclass(frozen=True)
class Stopped:
    figures: Sequence[Figure] = ()
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True)
class _Line:
    """One counter-measure: stolen answers that stay right, of how many; the owner's accuracy with it, if known."""

    name: str
    key: str
    right: int
    n: int
    owner: float | None = None


@dataclass(frozen=True)
class _Owner:
    """The owner's own pictures and labels, canonical on the host; labels None where not given."""

    x: NumpyArray
    y: NumpyArray | None


def measure(target: Scores, trial: Trial, setup: Setup, program: Program, rng: np.random.Generator) -> Stopped:
    """Each counter-measure on up to 200 held-out pictures, and on as many of the owner's where test data are given.

    A budget that ends leaves out the rest. The program is not learned anew under a filter: an attacker who knows of it
    may do better, except under top-1 answers, where the label map is fitted again to what the model names.
    """
    few = Task(setup.held.name, setup.held.x[:ROWS], setup.held.y[:ROWS], setup.held.classes)
    rows = setup.asked(program, few)
    owner = _owner(target, trial, setup, rng)
    plain = ask(target, rows)
    if not len(plain):
        return Stopped()
    y = few.y[: len(plain)]
    clean = _accuracy(target, setup, owner, None)
    lines = [_line("no counter-measure", "none", program.mapping.read(plain).argmax(axis=1), y, clean)]
    try:
        lines += _coarser(target, setup, program, plain, y, clean)
        inside = host(rows)[: len(y)]
        for name, change in stop.input_filters(rng).items():
            out = ask(target, setup.canvas.native(change(inside)))
            if len(out) == len(y):
                read = program.mapping.read(out).argmax(axis=1)
                lines.append(
                    _line(name, name.split(",")[0].split(" ")[0], read, y, _accuracy(target, setup, owner, change))
                )
    except BudgetSpent:
        trial.progress(0.95, "the budget ended before every counter-measure was tried")
    caught = _caught(owner, host(rows), rng)
    return Stopped(_figures(lines, caught), [*_bars(lines), *_table(lines, caught)])


def _line(name: str, key: str, read: NumpyArray, y: NumpyArray, owner: float | None) -> _Line:
    return _Line(name, key, int((read == y).sum()), len(y), owner)


def _coarser(
    target: Scores, setup: Setup, program: Program, plain: NumpyArray, y: NumpyArray, clean: float | None
) -> list[_Line]:
    """Scores told to two decimals or one, and the named class alone, for which the label map is learned anew."""
    made = []
    for digits in (2, 1):
        read = program.mapping.read(stop.rounded(plain, digits)).argmax(axis=1)
        made.append(_line(f"scores told to {digits} decimal{'s' * (digits > 1)}", f"rounded_{digits}", read, y, clean))
    learn = Task(setup.learn.name, setup.learn.x[:500], setup.learn.y[:500], setup.learn.classes)
    named = to_numpy(target.predict(setup.asked(program, learn))).astype(np.int64)
    table = stop.named_most(named, learn.y, setup.outputs, setup.labels)
    read = table[plain.argmax(axis=1)]
    made.append(_line("the named class alone, no scores", "top_1", read, y, clean))
    return made


def _owner(target: Scores, trial: Trial, setup: Setup, rng: np.random.Generator) -> _Owner | None:
    samples = trial.data.get("test")
    if samples is None or not len(samples) or not samples.is_image:
        return None
    few = samples.sample(ROWS, rng)
    x = host(target.encode(few.x))
    if x.shape[1:] != setup.canvas.shape:
        return None
    y = few.y if few.y is not None and few.y.dtype.kind in "iu" else None
    return _Owner(x, y)


def _accuracy(
    target: Scores, setup: Setup, owner: _Owner | None, change: Callable[[NumpyArray], NumpyArray] | None
) -> float | None:
    """The owner's accuracy with a filter in front of the model; None where it cannot be known."""
    if owner is None or owner.y is None:
        return None
    out = ask(target, setup.canvas.native(owner.x if change is None else change(owner.x)))
    if len(out) < len(owner.y):
        return None
    return float((out.argmax(axis=1) == owner.y).mean())


def _caught(owner: _Owner | None, rows: NumpyArray, rng: np.random.Generator) -> list[stop.Caught]:
    if owner is None or not len(rows):
        return []
    found = [stop.far_from(owner.x, rows, rng), stop.same_frame(owner.x, rows, rng)]
    return [c for c in found if c is not None]


def _figures(lines: list[_Line], caught: list[stop.Caught]) -> list[Figure]:
    made = [
        Figure(
            name=f"accuracy_under.{x.key.lower()}", value=x.right / max(1, x.n), ci=wilson(x.right, x.n), n=x.n,
            note=f"stolen accuracy with {x.name}",
        )
        for x in lines[1:]
    ]  # fmt: skip
    for c, key in zip(caught, ("far", "frame"), strict=False):
        note = f"{c.name}: share caught at {c.false} false alarms in {c.honest}"
        made.append(Figure(name=f"caught.{key}", value=c.seen / c.of, ci=wilson(c.seen, c.of), n=c.of, note=note))
    return made


def _bars(lines: list[_Line]) -> list[Bars]:
    bands = [wilson(x.right, x.n) for x in lines]
    return [
        Bars(
            title="What is left of the stolen job under each counter-measure",
            note="the program was not learned anew; for the named class alone, the label table was",
            y_label="accuracy on the stolen task",
            names=tuple(x.name for x in lines),
            values=tuple(x.right / max(1, x.n) for x in lines),
            low=tuple(b.low for b in bands),
            high=tuple(b.high for b in bands),
        )
    ]


def _table(lines: list[_Line], caught: list[stop.Caught]) -> list[Table]:
    rows: list[tuple[Cell, ...]] = [
        (x.name, round(x.right / max(1, x.n), 3), "" if x.owner is None else round(x.owner, 3)) for x in lines
    ]
    made = [
        Table(
            title="What would stop it, and what it costs honest users",
            columns=("counter-measure", "stolen accuracy", "accuracy on the owner's pictures"),
            rows=tuple(rows),
        )
    ]
    if caught:
        made.append(
            Table(
                title="Would anybody notice?",
                note="each detector was fitted on some of the owner's pictures and judged on others",
                columns=("detector", "stolen requests caught", "of", "false alarms", "of honest ones"),
                rows=tuple((c.name, c.seen, c.of, c.false, c.honest) for c in caught),
            )
        )
    return made
