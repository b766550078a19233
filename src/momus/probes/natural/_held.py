"""The hard set before a second model: what it loses there, against as many rows drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.evidence import Bars
from momus.core.probe import Trial
from momus.core.records import Interval
from momus.methods import transfer
from momus.methods.transfer import Side
from momus.probes.natural import _models
from momus.probes.natural._mining import Study
from momus.probes.natural._models import Second

KINDS = {"beside": "another model of the card", "copy": "retrained with another seed", "witness": "own simple model"}


@dataclass(frozen=True)
class Held:
    """The hard set against as many rows drawn by chance, for the target and a second model.

    ``disputed`` is the second model on all confident errors, those with doubtful labels included. ``same`` names
    a second model that turned out to be the target itself, whose place Momus' own simple model took.
    """

    name: str
    kind: str
    target: tuple[Side, Side]
    second: tuple[Side, Side]
    disputed: Side
    drop: float
    ci: Interval
    same: str = ""


def transferred(target: Any, made: Study, second: Second | None, most: int, trial: Trial) -> Held | None:
    """Hard set and random sample before both models; None without a hard set or without anybody to ask."""
    hard = made.hard(most)
    if not len(hard):
        return None
    rng = np.random.default_rng(trial.seed + 2)
    ordinary = rng.choice(len(made.y), min(len(hard), len(made.y)), replace=False)
    own = tuple(transfer.side(~made.wrong[i], made.answers.confidence[i]) for i in (hard, ordinary))
    name, kind = "own simple model", "witness"
    sides: list[Side] = []
    alike = second is not None  # the model itself under another name: that its own errors fool it shows nothing
    if second is not None:
        name, kind = second.name, second.kind
        for index in (hard, ordinary, made.mined.rows[:most]):
            said = _models.ask(second.model, made.samples.x[index])
            ordered = _models.in_order(said, second.model.info.classes, target.info.classes)
            if ordered is None:
                alike = False
                break
            alike &= _models.same(ordered, made.answers.take(index))
            known = None if ordered.probabilities is None else ordered.confidence
            sides.append(transfer.side(ordered.said == made.y[index], known))
        if alike:
            sides = []
    if len(sides) < 3 and made.evidence is not None:
        name, kind = "own simple model", "witness"
        best = made.evidence.argmax(axis=1)
        sets = (hard, ordinary, made.mined.rows[:most])
        sides = [transfer.side(best[i] == made.y[i], made.evidence[i].max(axis=1)) for i in sets]
    if len(sides) < 3:
        return None
    gap, ci = transfer.drop(sides[0], sides[1])
    twin = second.name if second is not None and alike else ""
    return Held(name, kind, (own[0], own[1]), (sides[0], sides[1]), sides[2], gap, ci, twin)


def drawn(held: Held) -> Bars:
    values = [s.accuracy for s in (*held.target, *held.second)]
    low, high = zip(*((s.ci.low, s.ci.high) for s in (*held.target, *held.second)), strict=True)
    names = ("this model, hard set", "this model, random", f"{held.name}, hard set", f"{held.name}, random")
    return Bars(
        title="Does the hard set transfer?",
        y_label="accuracy",
        names=names,
        values=tuple(values),
        low=tuple(low),
        high=tuple(high),
        note=f"The second model: {KINDS[held.kind]}. On its own hard set this model is wrong by construction"
        + ("; the simple model helped to clear the set, so that its share is an understatement"
           if held.kind == "witness" else ""),
    )  # fmt: skip
