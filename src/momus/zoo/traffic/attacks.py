"""Which attacks are replayed: Momus's own probes with few queries, and changes of the traffic that are no queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.events import Batch
from momus.zoo.traffic.recording import Recording, recorded
from momus.zoo.traffic.systems import Served, digits, scores


@dataclass(frozen=True)
class Attack:
    """``expected`` is the detector made for it."""

    name: str
    system: str
    probe: str
    expected: str
    options: Mapping[str, Any] = field(default_factory=dict)


_COPY = {"after": 0, "rows": 100}
_GROWN = {"queries": 1000, "seeds": 50, **_COPY}
ATTACKS = (
    Attack("HopSkipJump", "boosted", "perturbation.hopskipjump", "perturbation.probing", {"n": 4, "queries": 500}),
    Attack("Square", "boosted", "perturbation.square", "perturbation.probing", {"n": 8, "queries": 300}),
    Attack("table search", "boosted", "perturbation.table", "perturbation.probing", {"n": 8, "queries": 300}),
    Attack("HopSkipJump", "digits", "perturbation.hopskipjump", "perturbation.probing", {"n": 4, "queries": 500}),
    Attack("Square", "digits", "perturbation.square", "perturbation.probing", {"n": 8, "queries": 300}),
    Attack("Jacobian copy", "boosted", "stealing.jacobian", "stealing.coverage", _GROWN),
    Attack("active copy", "boosted", "stealing.active", "stealing.coverage", {"queries": 1000, **_COPY}),
    Attack("copy from natural rows", "boosted", "stealing.knockoff", "stealing.coverage", {"queries": 900, **_COPY}),
    Attack("equations of a line", "line", "stealing.linear", "stealing.coverage", _COPY),
    Attack("leaves of a tree", "tree", "stealing.tree", "stealing.coverage",
           {"queries": 1500, "defences": False, **_COPY}),
    Attack("Jacobian copy", "digits", "stealing.jacobian", "stealing.coverage", _GROWN),
    Attack("confidence inversion", "digits", "inversion.confidence", "inversion.climbing",
           {"persons": 5, "queries": 400}),
    Attack("label-only membership", "boosted", "membership.label_only", "membership.lookups", {"rows": 40}),
    Attack("label-only, distances", "boosted", "membership.label_only", "membership.boundary",
           {"rows": 10, "boundary": 10, "steps": 150}),
    Attack("loss membership", "boosted", "membership.loss", "membership.lookups", {"rows": 700}),
)  # fmt: skip


def system(name: str, seed: int = 0) -> Served:
    """The served model of that name."""
    return digits(seed) if name == "digits" else scores(seed, name)


@cache
def _recorded(attack: str, which: str, seed: int) -> Recording:
    of = next(a for a in ATTACKS if (a.name, a.system) == (attack, which))
    return recorded(system(which), of.probe, seed, of.options)


def recording(attack: Attack, seed: int) -> Recording:
    """What the attack asked; each seed attacks anew."""
    return _recorded(attack.name, attack.system, seed)


def triggered(served: Served, n: int, seed: int) -> Recording:
    """Honest rows with a sign of two values, answered with the last class by a model that learned to."""
    rng = np.random.default_rng([seed, 91])
    x, _ = served.draw(n, rng)
    seen = np.array(served.seen(x))
    sign = np.quantile(served.seen(served.draw(500, rng)[0]), 0.9, axis=0)
    for j in rng.permutation(min(6, seen.shape[1]))[:2]:
        seen[:, j] = sign[j]
    outputs = served.answers(x)
    outputs[:] = 0.02 / max(1, outputs.shape[1] - 1)
    outputs[:, -1] = 0.98
    return Recording("backdoor", seen, outputs)


Change = Callable[[Batch, NumpyArray, Served, np.random.Generator], Batch]


def _again(batch: Batch, x: NumpyArray, served: Served) -> Batch:
    outputs = served.answers(x)
    return replace(batch, x=x, outputs=outputs, said=outputs.argmax(axis=1))


def drifted(batch: Batch, late: NumpyArray, served: Served, rng: np.random.Generator) -> Batch:
    """Half a standard deviation on three columns, and labels as the changed world has them."""
    x = batch.x.copy()
    x[late, :3] += 0.5 * batch.x[:, :3].std(axis=0)
    return _again(batch, x, served)


def broken(batch: Batch, late: NumpyArray, served: Served, rng: np.random.Generator) -> Batch:
    """One reading in ten is lost in two columns."""
    x = batch.x.copy()
    lost = late & (rng.random(len(batch)) < 0.1)
    x[lost, 0] = x[lost, 3] = np.nan
    return replace(batch, x=x)


def poisoned(batch: Batch, late: NumpyArray, served: Served, rng: np.random.Generator) -> Batch:
    """Three contributors turn the labels of what they hand in, a twentieth of all from then on."""
    people = rng.integers(0, 40, len(batch)).astype(np.int32)
    theirs = late & (rng.random(len(batch)) < 0.05)
    people[theirs] = 40 + rng.integers(0, 3, int(theirs.sum()))
    label = np.where(theirs, 1 - batch.label, batch.label)
    names = tuple(f"giver {i}" for i in range(43))
    return replace(batch, label=label, contributor=people, contributors=names, learned=np.ones(len(batch), bool))


def slowed(batch: Batch, late: NumpyArray, served: Served, rng: np.random.Generator) -> Batch:
    """One input in a hundred takes fifty times as long: a decoder's worst case."""
    slow = late & (rng.random(len(batch)) < 0.01)
    return replace(batch, seconds=np.where(slow, 50 * batch.seconds, batch.seconds))


CHANGES: Mapping[str, tuple[str, Change]] = {
    "drift of three columns": ("shift.inputs", drifted),
    "values lost": ("corruption.quality", broken),
    "labels turned by three people": ("poisoning.contributors", poisoned),
    "slow inputs": ("dependencies.cost", slowed),
}
