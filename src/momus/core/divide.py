"""One probe's work cut into parts that do not depend on each other: done by whoever is free, counted once.

A part is a function to arrays, and a name for all that it depends on beside the job itself. Cuts lie where the work
itself has its joints (one corruption, one training), never at a number of workers, so that no number depends on who did
what. Where several nodes work at one job (``mate``), they find each other's parts in the cache they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from momus.core import digest, spread
from momus.core.cache import Cache
from momus.core.errors import BudgetSpent
from momus.core.meter import Meter
from momus.core.samples import NumpyArray

VERSION = 1
_COUNTED = ("queries", "calls", "gradients")


def may(meter: Meter | None) -> bool:
    """Whether what is asked of this target can be cut: not where a bound on queries cuts it already, where answers vary
    by themselves, or where the target is a connection, which cannot be shared."""
    if meter is None or meter.budget.queries is not None:
        return False
    return not meter.info.randomised and meter.info.adapter != "http"


def run(
    jobs: Mapping[str, spread.Job],
    *,
    identity: str,
    meter: Meter,
    slots: spread.Slots | None,
    cache: Cache | None,
    mate: int | None,
) -> dict[str, Mapping[str, NumpyArray]]:
    """What each part gives, by its name, and the meter as if all had been done here.

    Parts that time did not suffice for are left out. ``identity`` names the job: the same model, rows, seed and
    options. Without it, or with nobody else at work, nothing is kept.
    """
    names = list(jobs)
    counted: list[spread.Job] = [partial(_counted, jobs[name], meter) for name in names]
    if cache is not None and mate is not None and identity:
        keys = [digest.of_value(["part", VERSION, identity, name]) for name in names]
        counted = [partial(_kept, cache, key, job) for key, job in zip(keys, counted, strict=True)]
        ahead(counted, [[k] for k in keys], cache, mate)
    found: dict[str, Mapping[str, NumpyArray]] = {}
    for name, arrays in zip(names, spread.run(counted, slots), strict=True):
        if not arrays:
            continue
        for kind, amount in zip(_COUNTED, arrays["meter"], strict=True):
            setattr(meter, kind, getattr(meter, kind) + int(amount))
        found[name] = {k.removeprefix("part/"): v for k, v in arrays.items() if k != "meter"}
    return found


def ahead(jobs: Sequence[Callable[[], Any]], keys: Sequence[Sequence[str]], cache: Cache, mate: int) -> None:
    """Do what nobody has done or is doing; each mate begins elsewhere. What others do is read afterwards.

    A job's answers are kept in the cache under its ``keys`` by the job itself.
    """
    start = int(_apart(mate) * len(jobs))
    for i in (*range(start, len(jobs)), *range(start)):
        if not all(cache.holds(key) for key in keys[i]) and not any(cache.busy(key) for key in keys[i]):
            jobs[i]()


def _apart(mate: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8 ...: as far from all earlier ones as may be."""
    place, step = 0.0, 0.5
    while mate:
        place, mate, step = place + step * (mate % 2), mate // 2, step / 2
    return place


def _counted(job: spread.Job, meter: Meter) -> Mapping[str, NumpyArray]:
    """A part's arrays and what it asked; the meter is left as it was. Nothing where time is up."""
    before = [getattr(meter, kind) for kind in _COUNTED]
    try:
        arrays = {f"part/{k}": v for k, v in job().items()}
    except BudgetSpent:
        return {}
    finally:
        asked = [getattr(meter, kind) - b for kind, b in zip(_COUNTED, before, strict=True)]
        for kind, b in zip(_COUNTED, before, strict=True):
            setattr(meter, kind, b)
    return {**arrays, "meter": np.array(asked)}


def _kept(cache: Cache, key: str, job: spread.Job) -> Mapping[str, NumpyArray]:
    """The same from the cache; what time did not suffice for is not kept."""
    try:
        return cache.arrays(key, partial(_or_spent, job))
    except BudgetSpent:
        return {}


def _or_spent(job: spread.Job) -> Mapping[str, NumpyArray]:
    arrays = job()
    if not arrays:
        raise BudgetSpent
    return arrays
