"""Whatever a log or a reference holds, a detector gives numbers, says what it lacks, or says nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from momus.core.records import Measurement
from momus.monitor.detector import Lacking, fits
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.testing import populations

NAMES = tuple(dict.fromkeys(name for name, _ in populations.FAULTS))
N = 400
HOSTILE = "\ud800\x00\x1b]0;mine\x07<b>\u202e" + "x" * 300
ODD = np.arange(N) % 2 == 0
AMOUNTS = {
    "seconds": np.where(ODD, np.inf, -3.0),
    "size": np.full(N, -1e300),
    "memory": np.full(N, np.inf),
    "status": np.full(N, -7, np.int16),
    "reward": np.full(N, np.inf),
    "goal": np.full(N, 1e300),
}
WRONG = {
    "names": {
        "callers": (HOSTILE, *populations.PEOPLE[1:]),
        "contributors": (HOSTILE, *populations.PEOPLE[1:]),
        "version": (HOSTILE,),
    },
    "infinite inputs": {"x": np.where(ODD[:, None], np.inf, -1e308) * np.ones(8)},
    "other columns": {"x": np.zeros((N, 3))},
    "no probabilities": {"outputs": np.full((N, 2), np.nan)},
    "other classes": {"outputs": np.full((N, 3), 1 / 3), "said": np.full(N, 99)},
    "infinite answers": {"outputs": np.full((N, 2), np.inf)},
    "odd labels": {"label": np.where(ODD, 1e9, -5.5)},
    "infinite labels": {"label": np.full(N, np.inf)},
    "amounts": AMOUNTS,
}
# What is done to a reference.
POOR: dict[str, Callable[[Reference], dict[str, Any]]] = {
    "constant": lambda r: {"x": np.zeros_like(r.x)},
    "a column of nothing": lambda r: {"x": np.where(np.arange(8) == 2, np.nan, r.x)},
    "nothing at all": lambda r: {"x": np.full_like(r.x, np.nan)},
    "infinite": lambda r: {"x": np.where(r.x > 2, np.inf, r.x)},
    "never wrong": lambda r: {"label": r.said.astype(float)},
    "one class": lambda r: {"label": np.zeros(len(r))},
    "no answers": lambda r: {"outputs": np.zeros((len(r), 0))},
    "unknown answers": lambda r: {"outputs": np.full((len(r), 2), np.nan)},
    "names": lambda r: {"columns": tuple(replace(c, name=HOSTILE) for c in r.columns), "classes": (HOSTILE, HOSTILE)},
}


def try_it(name: str, reference: Reference, events: Batch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        detector = fits()[name](reference, {}, 1)
        if isinstance(detector, Lacking):
            return
        for number in (1, 2):
            for part in (slice(0, 1), slice(1, 1), slice(1, None)):
                detector.take(events.take(part))
            detector.restore(detector.state())
            reading = detector.close(number)
            if reading is None:
                continue
            assert reading.p is None or 0 <= reading.p <= 1
            assert reading.ci.low <= reading.value <= reading.ci.high
            made = Measurement(
                probe=name, target="m", metric=detector.metric, value=reading.value, ci=reading.ci, n=reading.n,
                worse=detector.worse, scope=dict(reading.scope), figures=reading.figures, evidence=reading.evidence,
                caveats=reading.caveats,
            )  # fmt: skip
            told = made.model_dump_json() + " ".join(reading.who)
            assert "\\u001b" not in told and "\x1b" not in told and "\u202e" not in told


@pytest.mark.parametrize("name", NAMES)
def test_no_event_breaks_a_detector(name: str) -> None:
    reference, events = populations.reference(500), populations.traffic(N, 1)
    for wrong in WRONG.values():
        try_it(name, reference, replace(events, **wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_no_reference_breaks_a_detector(name: str) -> None:
    reference, events = populations.reference(500), populations.traffic(N, 1)
    for poor in POOR.values():
        try_it(name, replace(reference, **poor(reference)), events)
