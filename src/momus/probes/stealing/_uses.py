"""What an exact copy is good for: inputs that fool the original, and guesses at who was in its training data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from momus.core.capabilities import to_numpy
from momus.core.errors import BudgetSpent
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods import membership
from momus.methods.copying_transfer import pushed, shaken
from momus.methods.domain import Domain
from momus.methods.theft_report import Copy, Exam
from momus.probes.stealing._after import LEAKED, LEAST, After, _bars, _leak, _rate
from momus.probes.stealing._service import gives_probabilities

TRIES = 200  # random changes of a row that are tried on the copy, where no query is counted
STEPS = 3  # along its slope
SIZE = 0.1  # of a change, in interquartile ranges of a column

Graded = Callable[[NumpyArray], NumpyArray]  # flat rows -> probabilities (n, k) of the copy
Said = Callable[[Any, NumpyArray], NumpyArray]


def cost(after: int) -> int:
    """Queries that :func:`uses` may need: examples, their control, and members' losses asked of the original."""
    return 2 * after + 2 * LEAKED * after


def uses(target: Any, trial: Trial, predict: Copy, graded: Graded | None, exam: Exam, said: Said, after: int) -> After:
    """Both uses of a copy of a classifier of tables, on at most ``after`` rows each."""
    if not after or exam.task != "classifier" or not trial.samples("test").is_table:
        return After()
    figures = _transfer(target, trial, predict, graded, exam, said, after)
    figures += _members(target, trial, graded, after) if graded is not None else []
    return After(tuple(figures), tuple(_bars(figures)))


def _transfer(
    target: Any, trial: Trial, predict: Copy, graded: Graded | None, exam: Exam, said: Said, after: int
) -> list[Any]:
    answers = exam.said if exam.y is None else exam.y
    both = (predict(exam.x) == answers) & (exam.said == answers)
    x, y = exam.x[both][:after].astype(float), np.asarray(answers)[both][:after].astype(int)
    if len(x) < LEAST:
        return []
    rng = np.random.default_rng([trial.seed, 94])
    domain = Domain.table(trial.samples("test"))
    tried = {"transfer_rate": _fooling(predict, graded, x, y, domain, rng), "noise_rate": shaken(x, SIZE, domain, rng)}
    notes = {
        "transfer_rate": f"found on the copy, Linf {SIZE:g}, tried on the original",
        "noise_rate": "the same size by chance: the control",
    }
    found = []
    for name, changed in tried.items():
        heard = said(target, changed)
        if len(heard) < len(x):
            break
        found.append(_rate(name, int((heard.astype(int) != y).sum()), len(x), notes[name]))
    return found


def _fooling(
    predict: Copy, graded: Graded | None, x: NumpyArray, y: NumpyArray, domain: Domain, rng: np.random.Generator
) -> NumpyArray:
    """Each row changed so that the copy answers otherwise, along its slope or by trying; as it is where nothing did."""
    out, waiting = x.copy(), np.arange(len(x))
    for turn in range(1 + TRIES):
        rows = x[waiting]
        if turn:
            moved = shaken(rows, SIZE * float(rng.uniform(0.2, 1.0)), domain, rng)
        elif graded is None:
            continue
        else:
            moved = pushed(_slope(graded, y, domain), rows, SIZE, domain, steps=STEPS)
        hit = predict(moved) != y[waiting]
        out[waiting[hit]] = moved[hit]
        waiting = waiting[~hit]
        if not len(waiting):
            break
    return out


def _slope(graded: Graded, y: NumpyArray, domain: Domain) -> Callable[[NumpyArray], NumpyArray]:
    """By differences of the copy's own answers, which cost nothing."""

    def slope(at: NumpyArray) -> NumpyArray:
        step = 1e-3 * np.broadcast_to(np.asarray(domain.scale, dtype=float), at.shape[1:])
        out = np.zeros_like(at)
        for j in np.flatnonzero(step > 0):
            ends = []
            for side in (-1, 1):
                there = at.copy()
                there[:, j] += side * step[j]
                ends.append(np.log(graded(there)[np.arange(len(at)), y] + 1e-300))
            out[:, j] = (ends[0] - ends[1]) / (2 * step[j])
        return out

    return slope


def _members(target: Any, trial: Trial, graded: Graded, after: int) -> list[Any]:
    """The loss threshold asked of the copy, and of the original where it gives probabilities."""
    train, test = trial.data.get("train"), trial.samples("test")
    if train is None or train.y is None or test.y is None or train.y.dtype.kind not in "iu":
        return []
    audit = membership.choose_rows(train, test, LEAKED * after, np.random.default_rng([trial.seed, 95]))
    sides = train.take(audit.members), test.take(audit.others)
    if min(len(s) for s in sides) < LEAST:
        return []

    def fits(answers: Graded, s: Samples) -> NumpyArray:
        assert s.y is not None
        x = to_numpy(target.encode(s.x)).reshape(len(s), -1)
        return np.asarray(np.log(np.clip(answers(x)[np.arange(len(s)), np.asarray(s.y, dtype=int)], 1e-12, None)))

    def original(x: NumpyArray) -> NumpyArray:
        return to_numpy(target.probabilities(target.encode(target.decode(x)))).astype(float)

    found = _leak("copy", *(fits(graded, s) for s in sides))
    if gives_probabilities(target):
        with suppress(BudgetSpent):  # the copy was asked all the same
            found += _leak("original", *(fits(original, s) for s in sides))
    return found
