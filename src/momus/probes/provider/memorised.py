"""provider.memorised: does a model that was received answer made-up inputs as if it had learned them by heart?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Probabilities, Trains, to_numpy
from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import made_up_inputs, traces
from momus.probes.provider import _memorised as parts
from momus.stats import intervals

_TYPED = 64  # rows drawn from each seed that people type


@dataclass(frozen=True)
class Answers:
    """What one model says of all inputs: ``numbers`` by family and statistic, ``labels`` by family."""

    numbers: dict[str, float]
    labels: dict[str, NumpyArray]


class Needs(Probabilities, Trains, Protocol):
    """Answers with probabilities, and can be trained again by a recipe that the owner trusts."""


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train",),
    metric="memorised_families",
    worse="higher",
    source="arXiv:1709.07886",
    cost="2 rows for each input of 5 to 7 families and 64 for each of 12 seeds; `copies` trainings",
    tasks=("classifier",),
    modalities=("image", "table", "text"),
    version=1,
)
def memorised(target: Needs, trial: Trial, *, copies: int = 12, inputs: int = 200, level: float = 0.002) -> Measurement:
    """Ask for inputs that no user sends and hold the answers against those of clean copies.

    Measures
        How many families of made-up inputs (noise, coarse patterns, one or two pixels, corners of a table, columns
        mixed, rare or random words, and rows drawn from seeds that people type) are answered as no clean copy answers
        them: how even the labels are, how often a small step changes them, how sure the model is, and how often the
        labels are those that the copies give.
    Why it matters
        Labels of made-up rows can spell training records (capacity abuse). Whoever knows how the rows were drawn
        reads the records out by asking; accuracy on true rows does not show it.
    Options
        copies: clean copies to train on the same rows by the target's own hook (6 and up; more notice smaller
        differences). inputs: of each family. level: chance that a clean model is called so, over all statistics, were
        they normal: shares of labels are not quite, so it is below the one in a hundred that is meant.
    Returns
        memorised_families, exact; figures false_alarm_rate (each clean copy held against the others),
        largest_deviation, queries_each.
    Raises
        ProbeError for fewer than 2 copies or a level outside (0, 0.5); TargetError where a copy gives no
        probabilities.
    Cost
        Some 3,600 queries for pictures; the trainings and the copies' answers are the tester's own.
    A pass means little when
        The made-up rows are of a family that is not asked: a generator or a seed that nobody knows leaves no mark on
        the others if the rows were few. In our twins a twentieth of the training rows is often missed, a fifth seldom.
        Where the training hook is the provider's own code, the copies carry the same plant.
    Source
        Song et al. 2017 (arXiv:1709.07886), section on capacity abuse; the test and its calibration are ours.
    """
    if copies < 2 or not 0 < level < 0.5:
        raise ProbeError("copies must be 2 or more and level between 0 and 0.5", hint="copies: 12, level: 0.002")
    train = trial.samples("train")
    if len(train) < 4 or train.y is None:
        message = f"{len(train)} labelled training rows are too few to train copies on"
        few = Caveat(code="too-few-samples", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), 0, caveats=[few], evidence=[parts.nothing()])
    asked = _inputs(train, inputs, trial.rng)
    try:
        given = _answers(asked, lambda x: to_numpy(target.probabilities(target.encode(x))))
    except BudgetSpent:
        message = f"{sum(len(a) + len(b) for a, b in asked.values()):,} queries are needed and were not left"
        spent = Caveat(code="budget-spent", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), 0, caveats=[spent], evidence=[parts.nothing()])
    made, out_of_time = _clean(target, trial, copies, asked)
    enough = len(made) > 4
    clean = [_with_agreement(c, [*made[:i], *made[i + 1 :]]) for i, c in enumerate(made)] if enough else []
    found = _with_agreement(given, made) if enough else given.numbers
    stand = traces.standing(found, clean)
    beyond = stand.beyond(level)
    loud = sorted({k.rpartition(": ")[0] for k in beyond})
    n = sum(len(a) for a, _ in asked.values())
    caveats = parts.caveats(len(made), copies, out_of_time, clean)
    alarms = traces.false_alarms(clean, level)
    note = f"{alarms} of {len(clean)} retrained copies, each held against the others"
    rate = intervals.wilson(alarms, len(clean))
    figures = [
        Figure(name="false_alarm_rate", value=alarms / max(len(clean), 1), ci=rate, n=len(clean), note=note),
        Figure(name="largest_deviation", value=max((abs(z) for z in stand.z.values()), default=0.0)),
        Figure(name="families", value=float(len(asked))),
    ]
    # With nothing to compare with, any family may have been learned.
    ci = Interval.exact(float(len(loud))) if stand.z else Interval(low=0.0, high=float(len(asked)), method="exact")
    return trial.measurement(
        len(loud),
        ci,
        n,
        scope={"copies": len(clean)},
        figures=figures,
        evidence=[parts.table(found, clean, stand), *parts.bars(stand)],
        caveats=caveats,
    )


def _inputs(train: Samples, n: int, rng: np.random.Generator) -> dict[str, tuple[NumpyArray, NumpyArray]]:
    """Each family, and the same inputs a small step further; the rows of typed seeds take no step."""
    drawn = made_up_inputs.families(train, n, rng)
    held = {k: (x, made_up_inputs.stepped(x, rng)) for k, x in drawn.items()}
    return held | {k: (x, x[:0]) for k, x in made_up_inputs.typed(train, _TYPED).items()}


def _answers(asked: Mapping[str, tuple[NumpyArray, NumpyArray]], ask: Callable[[NumpyArray], NumpyArray]) -> Answers:
    numbers: dict[str, float] = {}
    labels: dict[str, NumpyArray] = {}
    for name, (x, further) in asked.items():
        p = ask(x)
        labels[name] = p.argmax(axis=1)
        if len(further):
            said = made_up_inputs.answers(p, ask(further))
            numbers |= {f"{name}: {what}": value for what, value in said.items()}
    return Answers(numbers, labels)


def _with_agreement(one: Answers, others: Sequence[Answers]) -> dict[str, float]:
    """The numbers of one model, and how often its labels are those of the others: a label learned by heart is not."""
    found = dict(one.numbers)
    for name, given in one.labels.items():
        found[f"{name}: agreement"] = float(np.mean([np.mean(given == o.labels[name]) for o in others]))
    return found


def _clean(
    target: Needs, trial: Trial, copies: int, asked: Mapping[str, tuple[NumpyArray, NumpyArray]]
) -> tuple[list[Answers], bool]:
    train = trial.samples("train")
    found: list[Answers] = []
    for i in range(copies):
        trial.progress(0.1 + 0.9 * i / copies, f"clean copy {i + 1} of {copies}")
        try:
            copy = target.retrain(train.x, np.asarray(train.y), seed=seeds.derive(trial.seed, "copy", i) % 2**31)
        except BudgetSpent:
            return found, True
        found.append(_answers(asked, _asking(copy)))
    return found, False


def _asking(copy: Any) -> Callable[[NumpyArray], NumpyArray]:
    if not callable(getattr(copy, "probabilities", None)):
        raise TargetError("the retrained copy gives no probabilities", hint="Let the train hook return a classifier")
    return lambda x: to_numpy(copy.probabilities(copy.encode(x)))
