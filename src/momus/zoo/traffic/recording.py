"""What an attack really asks: the probe runs on the served model, and a recorder between them keeps every query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.registry import get_probe
from momus.core.samples import NumpyArray, Samples
from momus.zoo.traffic.systems import Served


@dataclass(frozen=True)
class Recording:
    """Queries of one attack in their order: the monitor's rows and the model's answers."""

    attack: str
    x: NumpyArray
    outputs: NumpyArray

    def __len__(self) -> int:
        return len(self.x)


def recorded(system: Served, probe: str, seed: int, options: Mapping[str, Any], most: int = 20_000) -> Recording:
    """Run ``probe`` against ``system`` from outside and keep what it asked, ``most`` queries at most.

    The probe's own look at the data it was given, before and after the attack, is among the queries: a real attacker
    asks with the inputs he starts from as well.
    """
    asked: list[NumpyArray] = []
    told: list[NumpyArray] = []

    def door(x: NumpyArray) -> NumpyArray:
        answers = np.asarray(system.answers(x))
        if sum(map(len, asked)) < most:
            asked.append(np.array(x))
            told.append(answers)
        return answers

    known = get_probe(probe)
    roles = {"train": system.train, "test": system.test, "pool": system.test}
    given: dict[str, Any] = {r: roles[r] for r in roles if r in known.data or r in known.optional_data}
    target = _outside(door, system)
    asked.clear()
    told.clear()  # what the target itself asked, to see whether it answers
    known(target, seed=seed, **given, **options)
    return Recording(probe, system.seen(np.concatenate(asked))[:most], np.concatenate(told)[:most])


def _outside(door: Any, system: Served) -> Any:
    from momus.targets.callable_ import callable_target

    samples: Samples = system.test
    return callable_target(
        door, name=system.name, classes=samples.classes, output="probabilities", columns=samples.columns,
        samples=samples,
    )  # fmt: skip
