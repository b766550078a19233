"""From a learned program to a measurement: what it is worth, what it cost, what would stop it, and doubts."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Scores
from momus.core.evidence import Evidence
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.reprogram import Program
from momus.methods.reprogram_worth import Worth, linear_answers, worth
from momus.probes.reprogramming import _evidence, _stop
from momus.probes.reprogramming._setup import NoRoom, Setup, ask
from momus.stats.intervals import wilson

EASY = 0.9  # where the attacker's own model is right this often, a stolen one has nothing to add
LATE = 0.05  # a share right that still rose by this much in the last fifth of the steps


def no_room(trial: Trial, why: NoRoom) -> Measurement:
    """Nothing was tried: no number, and the remedy."""
    note = Caveat(code="no-room", message=why.reason, blocks="both")
    table = _evidence.reasons(why.reason)
    return trial.measurement(
        0.0, Interval(low=0.0, high=1.0, method="nothing asked"), 0, evidence=(table,), caveats=(note,)
    )


def conclude(target: Scores, trial: Trial, setup: Setup, program: Program, *, price: float) -> Measurement:
    """Reads the held-out pictures through the program, holds the answers against a linear model's, tries what stops it.

    The answers come from the untouched target on rows inside the range; those that the budget left out do not count.
    """
    rng = trial.rng
    learned = program.queries
    trial.progress(0.8, "reading the held-out pictures")
    outputs = ask(target, setup.asked(program, setup.held))
    n = len(outputs)
    y = setup.held.y[:n]
    read = program.mapping.read(outputs).argmax(axis=1) if n else np.zeros(0, dtype=np.int64)
    stolen = read == y
    chance = int(np.bincount(setup.learn.y, minlength=setup.labels).argmax()) if len(setup.learn) else 0
    linear = linear_answers(setup.learn.x, setup.learn.y, setup.held.x[:n], rng, setup.labels)
    value = worth(stolen, linear == y, y == chance, rng)
    trial.progress(0.9, "trying what would stop it")
    stop = _stop.measure(target, trial, setup, program, rng) if n else _stop.Stopped()
    figures = _figures(setup, program, stolen, linear == y, y == chance, value, learned, price)
    evidence: list[Evidence] = [
        *_evidence.program_pictures(setup, program, read, y),
        *_evidence.learning(program, setup),
        _evidence.comparison(stolen, linear == y, y == chance),
        *stop.evidence,
    ]
    return trial.measurement(
        value.gain,
        value.gain_ci,
        n,
        scope={
            "task": setup.learn.name,
            "side": setup.canvas.side,
            "cell": setup.canvas.cell,
            "price": price or None,
            "penalty": trial.options.get("penalty") or None,
        },
        figures=(*figures, *stop.figures),
        evidence=evidence,
        caveats=_doubts(target, setup, program, outputs, value, n),
    )


def _figures(
    setup: Setup,
    program: Program,
    stolen: NumpyArray,
    linear: NumpyArray,
    guess: NumpyArray,
    value: Worth,
    learned: int,
    price: float,
) -> list[Figure]:
    n = len(stolen)

    def share(name: str, hits: NumpyArray, note: str) -> Figure:
        k = int(hits.sum())
        return Figure(name=name, value=k / n if n else 0.0, ci=wilson(k, n), n=n, note=note)

    made = [
        share("stolen_accuracy", stolen, f"{setup.learn.name}: {setup.labels} labels read from the model's answers"),
        share("linear_accuracy", linear, f"logistic regression on raw pictures, the same {len(setup.learn)} examples"),
        share("chance", guess, "always naming the commonest label"),
        Figure(
            name="points_above_own", value=value.points, ci=value.points_ci, n=n,
            note="stolen accuracy minus the attacker's own best, the same pictures",
        ),
        Figure(name="queries_to_learn", value=float(learned), note="model rows asked until the program was found"),
        Figure(name="steps_made", value=float(program.steps)),
    ]  # fmt: skip
    above = 100 * (float(stolen.mean()) - float(guess.mean())) if n else 0.0
    if above > 0:
        made.append(
            Figure(name="queries_per_point", value=learned / above, note="rows asked for each point above chance")
        )
    if price > 0:
        made.append(Figure(name="price_to_learn", value=learned * price / 1000, note=f"at {price:g} for 1,000 answers"))
        made.append(Figure(name="price_of_1000_answers", value=price, note="what each 1,000 stolen answers then cost"))
    return made


def _doubts(target: Scores, setup: Setup, program: Program, outputs: NumpyArray, value: Worth, n: int) -> list[Caveat]:
    out = list(
        masking.present(
            [masking.flat_gradients(program.flat), masking.randomised(target.info.randomised)]
            + ([masking.constant(outputs)] if n > 1 else [])
        )
    )
    if not len(setup.learn) or len(np.unique(setup.learn.y)) < 2:
        message = "the task has fewer than two labels to learn from: give more, and of both kinds"
        out.append(Caveat(code="one-label", message=message, blocks="both"))
    if not program.complete or n < len(setup.held):
        message = "the budget ended before the program was learned and read: a longer one may find more"
        out.append(Caveat(code="budget-spent", message=message))
    own = float(value.own.mean()) if n else 0.0
    if n and own >= EASY:
        message = (
            f"a linear model on the raw pictures is right in {own:.0%}: this task cannot show what the model adds; "
            "try task mixed, or a harder one of your own as data.task"
        )
        out.append(Caveat(code="task-too-easy", message=message))
    if program.complete and _rising(program):
        message = "the program was still getting better when the steps ended: more steps may find more"
        out.append(Caveat(code="still-learning", message=message))
    out += [Caveat(code="task-cut-down", message=note, blocks="none") for note in setup.notes]
    return out


def _rising(program: Program) -> bool:
    right = np.array([c[2] for c in program.curve])
    fifth = len(right) // 5
    if fifth < 2:
        return True
    last, before = right[-fifth:], right[-2 * fifth : -fifth]
    noise = 2 * np.sqrt((last.var() + before.var()) / fifth)
    return bool(last.mean() - before.mean() > LATE + noise)
