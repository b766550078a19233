"""inversion.confidence: a likeness of every class from the confidences that any caller sees."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Probabilities, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import masking
from momus.methods.class_inversion import listen, seen
from momus.probes.inversion._lineups import Answered, conclude
from momus.probes.inversion._people import People, nothing, people_of

LENGTHS = (1.0, 2.0, 3.0)  # of the finished push, to see whether the model takes it for the name sought
SILENT = 0.98  # share of answers without difference from which a search has heard next to nothing


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train", "pool"),
    metric="identification_above_chance",
    worse="higher",
    source="doi:10.1145/2810103.2813677",
    cost="persons (queries + 3) rows",
    tasks=("classifier",),
    modalities=("image", "table"),
    classes=5,
)
def confidence(
    target: Probabilities,
    trial: Trial,
    *,
    persons: int = 60,
    line_up: int = 5,
    photos: int = 3,
    queries: int = 250,
    rounds: int = 6,
    radius: float = 0.3,
    waves: int = 16,
    decimals: int | None = None,
    top: int | None = None,
) -> Measurement:
    """Share of people who can be picked out of a line-up by what the confidences give away of them.

    Measures: as inversion.gradient, with nothing but what a caller sees: probabilities rounded to ``decimals``, the
    ``top`` classes alone. Pairs of opposite random pushes of a smooth picture (or row) are asked; what their answers
    differ by adds up to a likeness. Every answer names all classes, so every query serves all of them at once. Where
    rounding tells nothing of some class, later rounds ask around the exaggerated likenesses found so far.

    Why it matters: every caller of a service that tells confidences can do this with a few hundred queries a name.

    Options: ``queries`` a person, in ``rounds``. ``decimals`` and ``top``: what an answer shows; by default what the
    card's service says, else everything. The others as in inversion.gradient, with fewer ``waves``.

    Returns: the figures and evidence of inversion.gradient but the nudged photographs; ``cost_of_queries`` and
    ``minutes_of_queries`` where the card names a price or a rate limit.

    Raises: ProbeError for data without labels, or options out of range.

    Cost: persons (queries + 3) rows.

    A pass means little when: answers are rounded so that hardly any pair differs (said where it is), the budget is
    small, or the attacker holds the model: inversion.gradient finds more.

    Source: Fredrikson, Jha, Ristenpart 2015 (doi:10.1145/2810103.2813677); random pushes in opposite pairs as in
    evolution strategies (arXiv:1703.03864).
    """
    decimals = trial.service.decimals if decimals is None else decimals
    top = trial.service.top if top is None else top
    if queries < 2 or rounds < 1 or not radius > 0 or waves < 1 or (decimals or 0) < 0 or top == 0 or (top or 1) < 1:
        raise ProbeError(
            "queries must be at least 2, rounds, waves and top at least 1, decimals at least 0 and radius above 0",
            place="options",
        )
    found = people_of(target, trial, persons=persons, line_up=line_up, photos=photos, most=waves)
    if not isinstance(found, People):
        return nothing(trial, found)
    count = found.panel.people
    trial.progress(0.05, f"listening for {count} likenesses")

    def answers(z: NumpyArray) -> NumpyArray:
        return seen(to_numpy(target.probabilities(found.native(found.space.lift(z)))), decimals, top)

    with trial.keeping(len(LENGTHS) * count, 0.9):
        likeness = listen(
            answers,
            found.space,
            found.classes,
            queries=queries * count,
            rounds=rounds,
            radius=radius,
            rng=trial.rng,
        )
    trial.progress(0.8, "holding line-ups")
    asked = trial.meter.queries if trial.meter else 0
    return conclude(
        trial,
        found,
        likeness,
        _answered(target, found, likeness.z),
        unit="rows asked, by all classes together",
        more=_price(trial, asked),
        signs=[_silent(likeness.flat), masking.randomised(target.info.randomised)],
    )


def _answered(target: Probabilities, people: People, z: NumpyArray) -> Answered | None:
    """A likeness points the right way if the model gives it the name at some length of the push."""
    sure, arrived = np.zeros(len(z)), np.zeros(len(z), dtype=bool)
    for length in LENGTHS:
        try:
            p = to_numpy(target.probabilities(target.encode(people.read(length * z))))
        except BudgetSpent:
            return None
        sure = p[np.arange(len(z)), people.classes] if length == 1 else sure
        arrived |= p.argmax(axis=1) == people.classes
    return Answered(sure, arrived)


def _silent(flat: float) -> Caveat | None:
    if flat < SILENT:
        return None
    message = f"{flat:.0%} of the pairs of questions got the same answer: there was next to nothing to learn from"
    return Caveat(code="flat-answers", message=message)


def _price(trial: Trial, asked: int) -> list[Figure]:
    """What the queries cost and how long a rate limit makes them take, where the card says so."""
    money, minutes = trial.service.cost(asked), trial.service.minutes(asked)
    out = []
    if money is not None:
        out.append(Figure(name="cost_of_queries", value=money, note=trial.service.currency))
    if minutes is not None:
        out.append(Figure(name="minutes_of_queries", value=minutes))
    return out
