"""An attack's queries among honest ones: at a share of the traffic, under one name, several, or ever new ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.events import Batch
from momus.zoo.traffic.recording import Recording

Names = Literal["one", "several", "rotating"]


@dataclass(frozen=True)
class Mixed:
    """``batch`` with the attack from event ``start`` on; ``theirs`` marks the attacker's events."""

    batch: Batch
    theirs: NumpyArray
    start: int


def mixed(clean: Batch, attack: Recording, share: float, names: Names, start: int, seed: int) -> Mixed:
    """From event ``start`` on a ``share`` of the events is the attack's, in the attack's own order.

    Where the attack is over before the stream is, it is asked again from its beginning by the next attacker of the same
    kind, with every number a little off, so that no query is a repetition. Names: ``one``; ``several`` (10) in turn;
    ``rotating`` a new one every three queries.
    """
    rng = np.random.default_rng([seed, 41])
    n = len(clean)
    theirs = np.zeros(n, bool)
    theirs[start:] = rng.random(n - start) < share
    at = np.flatnonzero(theirs)
    source = np.arange(len(at)) % len(attack)
    x, outputs, caller = clean.x.copy(), clean.outputs.copy(), clean.caller.copy()
    x[at], outputs[at] = attack.x[source], attack.outputs[source]
    later = at[len(attack) :]
    if len(later):
        whole = (attack.x == np.round(attack.x)).all(axis=0)
        x[later] += np.where(whole, 0.0, rng.normal(0, 1e-3, (len(later), x.shape[1])) * clean.x.std(axis=0))
    order = np.arange(len(at))
    who = {"one": np.zeros(len(at), int), "several": order % 10, "rotating": order // 3}[names]
    caller[at] = len(clean.callers) + who
    fresh = tuple(f"guest {i}" for i in range(int(who.max(initial=-1)) + 1))
    said, label = clean.said.copy(), clean.label.copy()
    said[at], label[at] = outputs[at].argmax(axis=1), np.nan
    batch = replace(
        clean, x=x, outputs=outputs, caller=caller, callers=(*clean.callers, *fresh), said=said, label=label
    )  # fmt: skip
    return Mixed(batch, theirs, start)
