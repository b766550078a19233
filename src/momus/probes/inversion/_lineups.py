"""What the line-ups say about a search: who was picked out, beside every control that might explain it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray
from momus.methods.class_inversion import Likeness
from momus.probes.inversion import _evidence as evidence
from momus.probes.inversion._people import People
from momus.stats.intervals import clustered

TURNS = 3  # other people whose likeness is tried in a person's place
KNOWS = 0.5  # how far above chance a recogniser must know real photographs before its word counts
BIAS = 0.1  # how far above chance a control may surely lie


@dataclass(frozen=True)
class Share:
    """Share of line-ups in which somebody was picked; ``each`` (people, rounds), NaN where there was no photograph."""

    each: NumpyArray

    @property
    def of(self) -> NumpyArray:
        return np.asarray(np.isfinite(self.each).sum(axis=1))

    @property
    def people(self) -> NumpyArray:
        """(people,) share of each; NaN without photographs."""
        return np.asarray(np.nansum(self.each, axis=1) / np.where(self.of > 0, self.of, np.nan))

    @property
    def value(self) -> float:
        return float(np.nansum(self.each) / max(1, int(self.of.sum())))

    @property
    def ci(self) -> Interval:
        """All line-ups of one person count as resembling each other."""
        return clustered(np.nansum(self.each, axis=1), self.of)

    def figure(self, name: str, note: str = "") -> Figure:
        return Figure(name=name, value=self.value, ci=self.ci, n=int(self.of.sum()), note=note)


@dataclass(frozen=True)
class Answered:
    """What the model says to the finished pictures: (people,) confidence in the class wanted, and whether it wins."""

    confidence: NumpyArray
    arrived: NumpyArray


def held(people: People, z: NumpyArray) -> Share:
    """Line-ups for one likeness of each person."""
    panel = people.panel
    return Share(panel.judge(people.read(z), np.arange(panel.people), people.rounds))


def controls(people: People, z: NumpyArray, rng: np.random.Generator) -> dict[str, Share]:
    """The same line-ups for pictures that know nothing of the person."""
    panel, n = people.panel, people.panel.people
    drawn = rng.standard_normal(z.shape)
    length = np.linalg.norm(z, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
    middle = panel.photos.astype(float).mean(axis=0, keepdims=True).repeat(n, axis=0)
    return {
        "start": held(people, np.zeros_like(z)),
        "mean": Share(panel.judge(middle, np.arange(n), people.rounds)),
        "noise": held(people, drawn * length),
        "wrong_class": _others(people, z),
    }


def _others(people: People, z: NumpyArray) -> Share:
    """Somebody else's likeness in each person's line-ups, the mean over a few others of the same half."""
    panel, seen = people.panel, people.read(z)
    tries = []
    for turn in range(1, TURNS + 1):
        whose = np.arange(panel.people)
        for h in np.unique(panel.half):
            members = np.flatnonzero(panel.half == h)
            whose[members] = np.roll(members, turn)
        tries.append(panel.judge(seen[whose], np.arange(panel.people), people.rounds))
    return Share(np.mean(tries, axis=0))


def conclude(
    trial: Trial,
    people: People,
    likeness: Likeness,
    answered: Answered | None,
    *,
    unit: str,
    more: Sequence[Figure] = (),
    signs: Sequence[Caveat | None] = (),
) -> Measurement:
    """Holds the line-ups and writes down what they say. ``unit`` is what the search's effort is counted in."""
    chance = 1 / people.panel.size
    own, real = held(people, likeness.z), Share(people.panel.real(people.rounds))
    against = controls(people, likeness.z, trial.rng)
    ci = own.ci
    low, high = (beyond(v, chance) for v in (ci.low, ci.high))
    figures = [
        own.figure("lineup_identification", f"one of {people.panel.size}; guessing gives {chance:.2f}"),
        real.figure("recogniser_accuracy", "real photographs in the same line-ups"),
        *(share.figure(f"{name}_identification") for name, share in against.items()),
    ]
    if answered is not None:
        figures.append(Figure(name="classes_reached", value=float(answered.arrived.mean()), n=len(answered.arrived)))
    trail = [(asked, held(people, z)) for asked, z in likeness.trail]
    return trial.measurement(
        beyond(own.value, chance),
        Interval(low=low, high=high, level=ci.level, method=ci.method),
        int(own.of.sum()),
        scope={
            "persons": people.panel.people,
            "line_up": people.panel.size,
            "recogniser": f"{people.panel.look}, {people.panel.how}",
            "queries": trial.meter.cost.queries if trial.meter else 0,
        },
        figures=[*figures, *more],
        evidence=[
            *evidence.pictures(people, likeness.z, own.people, answered.confidence if answered else None),
            evidence.bars(own, real, against, chance),
            *evidence.course(trail, chance, unit),
            evidence.table(people, likeness, own.people, answered.confidence if answered else None),
        ],
        caveats=[*people.notes, *_doubts(real, against, chance), *_stuck(likeness, answered), *filter(None, signs)],
    )


def beyond(share: float, chance: float) -> float:
    """A share of line-ups as the share of people recognised, guesses taken out: 0 at chance, 1 where all are picked."""
    return (share - chance) / (1 - chance)


def _doubts(real: Share, against: dict[str, Share], chance: float) -> list[Caveat]:
    found = []
    if beyond(real.value, chance) < KNOWS:
        message = (
            f"the recogniser picks the right person for {real.value:.0%} of real photographs ({chance:.0%} by chance):"
            " it could not tell a likeness from none"
        )
        found.append(Caveat(code="recogniser-weak", message=message, blocks="both"))
    for name, share in against.items():
        if share.ci.low > chance + BIAS:
            words = name.replace("_", " ")
            message = f"the line-up favours the right person even without the search: {share.value:.0%} for {words}"
            found.append(Caveat(code="lineup-biased", message=message, blocks="fail"))
    return found


def _stuck(likeness: Likeness, answered: Answered | None) -> list[Caveat]:
    found = []
    if not likeness.complete or answered is None:
        asked = likeness.trail[-1][0] if likeness.trail else 0
        message = f"the budget ended the search after {asked:,} rows: more might recover more"
        found.append(Caveat(code="budget-spent", message=message))
    elif answered.arrived.mean() < 0.5:
        message = (
            f"only {answered.arrived.mean():.0%} of the searches ended in an input that gets the name sought: the "
            "search, not the model, is the limit"
        )
        found.append(Caveat(code="search-fell-short", message=message))
    return found
