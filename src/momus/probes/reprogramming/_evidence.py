"""What a stolen job looks like: the program, requests with the label read from each, accuracy as it was learned."""

from __future__ import annotations

import numpy as np

from momus.core.evidence import Bars, Line, Picture, Pictures, Series, Table
from momus.core.samples import NumpyArray
from momus.methods.adversary_tasks import Task
from momus.methods.ascent import to_host as host
from momus.methods.picture import png
from momus.methods.reprogram import Program
from momus.probes.reprogramming._setup import Setup
from momus.stats.intervals import wilson

SHOWN = 5


def reasons(reason: str) -> Table:
    """The one row there is to show where nothing could be tried."""
    return Table(title="Nothing was tried", columns=("why",), rows=((reason,),))


def program_pictures(setup: Setup, program: Program, read: NumpyArray, y: NumpyArray) -> list[Pictures]:
    """The program with a grey middle, and requests of different labels: true label, what was read from the answer."""
    shape = setup.canvas.shape
    if shape[0] not in (1, 3, 4):
        return []
    frame = setup.canvas.frame(program.weights) + 0.5 * (1 - setup.canvas.mask())
    alone = Picture(caption="the program; the task's picture goes in the middle", png=png(frame))
    rows: list[tuple[Picture, ...]] = [(alone,)]
    index = _different(y)
    if len(index):
        few = Task(setup.held.name, setup.held.x[index], setup.held.y[index], setup.held.classes)
        names = few.classes
        rows.append(
            tuple(
                Picture(caption=f"{names[int(y[i])]}, read as {names[int(read[i])]}", png=png(picture))
                for i, picture in zip(index, host(setup.asked(program, few)), strict=True)
            )
        )
    stands = zip(setup.learn.classes, program.mapping.groups, strict=False)
    outputs = ", ".join(f"{name} = {' '.join(map(str, group))}" for name, group in stands)
    note = f"outputs of the model that stand for each label: {outputs}"[:600]
    return [Pictures(title="The program and requests made with it", note=note, rows=tuple(rows))]


def _different(y: NumpyArray) -> NumpyArray:
    _, first = np.unique(y, return_index=True)
    few = np.linspace(0, max(0, len(first) - 1), min(SHOWN, len(first))).round().astype(int)
    return np.asarray(first[few])


def learning(program: Program, setup: Setup) -> list[Series]:
    """Share of the minibatches' examples read right against the rows asked, averaged over up to 40 stretches."""
    if len(program.curve) < 2:
        return []
    parts = np.array_split(np.array(program.curve), min(40, len(program.curve)))
    x = tuple(float(p[-1, 0]) for p in parts)
    right = Line(name="examples read right", x=x, y=tuple(float(p[:, 2].mean()) for p in parts))
    level = 1 / setup.labels
    chance = Line(name="chance", x=(x[0], x[-1]), y=(level, level), dashed=True)
    return [
        Series(
            title="Learning the program",
            x_label="model rows asked so far",
            y_label="share of training examples",
            lines=(right, chance),
        )
    ]


def comparison(stolen: NumpyArray, linear: NumpyArray, guess: NumpyArray) -> Bars:
    """The three accuracies beside each other, on the same held-out pictures."""
    n = len(stolen)
    hits = [int(a.sum()) for a in (stolen, linear, guess)]
    bands = [wilson(k, n) for k in hits]
    return Bars(
        title="The stolen job, done by whom",
        y_label="accuracy on the stolen task",
        names=("the model, reprogrammed", "a linear model of the attacker's", "chance"),
        values=tuple(k / n if n else 0.0 for k in hits),
        low=tuple(b.low for b in bands),
        high=tuple(b.high for b in bands),
    )
