"""Detectors of populations: calm on clean traffic, awake on planted faults, the same however events are cut."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from momus.judge.limits import default_limits
from momus.monitor.alarms import Control
from momus.monitor.detector import Detector, Lacking, Reading, fits
from momus.monitor.events import Batch, blank
from momus.testing import populations
from momus.testing.populations import FAULTS

NAMES = tuple(dict.fromkeys(name for name, _ in FAULTS))
WINDOW, WINDOWS = 1000, 45


def fitted(name: str, **options: object) -> Detector:
    found = fits()[name](populations.reference(), options, 1)
    assert not isinstance(found, Lacking)
    return found


@cache
def clean(name: str, seed: int) -> tuple[list[Reading], dict[str, np.ndarray]]:
    """Readings of a clean stream, and the state after it."""
    detector, readings = fitted(name), []
    for number in range(1, WINDOWS + 1):
        detector.take(populations.traffic(WINDOW, seed * 1000 + number))
        reading = detector.close(number)
        assert reading is not None
        readings.append(reading)
    return readings, dict(detector.state())


@pytest.mark.parametrize("name", NAMES)
def test_clean_traffic_raises_no_alarm_and_p_is_super_uniform(name: str) -> None:
    p = np.array([r.p for seed in (1, 2) for r in clean(name, seed)[0] if r.p is not None])
    assert len(p) >= 60, "the rates below need windows"
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).sum() <= len(p) * level + 3 * np.sqrt(len(p) * level)
    control = Control(NAMES, 5000)
    assert not any(control.look(name, r.p).alarm for r in clean(name, 1)[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_clean_window_lies_within_its_limit(name: str) -> None:
    limit = default_limits()[f"monitor/{name}"].value
    for r in clean(name, 1)[0][15:20]:
        assert r.ci.low <= limit and r.ci.low <= r.value <= r.ci.high and r.n > 0


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[f"{a}-{b.replace(' ', '-')}" for a, b in FAULTS])
def test_a_planted_fault_is_heard_within_a_few_windows(name: str, fault: str) -> None:
    make, most = FAULTS[name, fault]
    for seed in (1, 2):
        readings, state = clean(name, seed)
        detector = fitted(name)
        detector.restore(state)
        control = Control(NAMES, 5000)
        for r in readings:
            control.look(name, r.p)
        heard = 0
        for number in range(1, 6):
            rng = np.random.default_rng([seed, number])
            detector.take(make(populations.traffic(WINDOW, seed * 1000 + 500 + number), rng))
            reading = detector.close(WINDOWS + number)
            assert reading is not None and reading.p is not None
            if number == 1:
                assert reading.p <= most
            heard = heard or number * control.look(name, reading.p).alarm
        assert 0 < heard <= 5


@pytest.mark.parametrize("name", NAMES)
def test_cuts_between_batches_change_nothing(name: str) -> None:
    whole, cut = fitted(name), fitted(name)
    for number in (1, 2):
        events = populations.traffic(700, number)
        whole.take(events)
        ends = [0, *np.sort(np.random.default_rng(number).integers(0, 700, 9)).tolist(), 700]
        for start, stop in pairwise(ends):
            cut.take(events.take(slice(start, stop)))
        if number == 1:
            assert whole.close(1) == cut.close(1)
    same(whole, cut)
    assert whole.close(2) == cut.close(2)


def test_fewer_kinds_of_events_are_no_broken_inputs() -> None:
    """Drift towards one category makes neighbours agree oftener; nothing is stuck."""
    detector = fitted("corruption.quality")
    for number in range(1, 6):
        detector.take(populations.cell(populations.traffic(WINDOW, number), 7, 1.0, slice(0, 400)))
        reading = detector.close(number)
        assert reading is not None and reading.p is not None and reading.p > 0.05


def same(one: Detector, two: Detector) -> None:
    a, b = one.state(), two.state()
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_in_the_middle_of_a_window_changes_nothing(name: str) -> None:
    whole, half = fitted(name), fitted(name)
    for number in range(1, 4):
        for d in (whole, half):
            d.take(populations.traffic(500, number))
            d.close(number)
    events = populations.traffic(600, 9)
    whole.take(events)
    half.take(events.take(slice(0, 333)))
    again = fitted(name)
    again.restore({k: v.copy() for k, v in half.state().items()})
    again.take(events.take(slice(333, None)))
    same(whole, again)
    assert whole.close(4) == again.close(4)


@pytest.mark.parametrize("name", NAMES)
def test_the_state_of_another_detector_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no state of {name}"):
        fitted(name).restore({"strange": np.zeros(3)})


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow(name: str) -> None:
    """Whoever comes: a state holds at most one entry for each of 16,384 places."""
    detector, rows, names = fitted(name), 30_000, tuple(f"visitor {i}" for i in range(30_000))
    who = np.arange(rows, dtype=np.int32)
    events = blank(rows, columns=8, outputs=2)
    detector.take(replace(events, caller=who, callers=names, contributor=who, contributors=names, label=np.zeros(rows)))
    assert sum(v.nbytes for v in detector.state().values()) < 6e6


@pytest.mark.parametrize("name", NAMES)
def test_no_events_and_events_that_know_nothing_are_never_calm(name: str) -> None:
    detector = fitted(name)
    assert detector.close(1) is None
    nothing: Batch = blank(500)
    detector.take(nothing)
    reading = detector.close(2)
    assert reading is None or reading.p is None or any(c.blocks in ("pass", "both") for c in reading.caveats)


@pytest.mark.parametrize("name", NAMES)
def test_what_stops_coming_is_not_calm(name: str) -> None:
    detector = fitted(name)
    detector.restore(clean(name, 1)[1])
    detector.take(blank(1000, columns=8, outputs=2))
    reading = detector.close(WINDOWS + 1)
    if reading is not None:
        blocked = any(c.blocks in ("pass", "both") for c in reading.caveats)
        assert blocked or (reading.p is not None and reading.p < 1e-6)


def test_every_detector_says_what_it_costs_and_has_a_pass_mark() -> None:
    for name in NAMES:
        detector = fitted(name)
        assert f"monitor/{name}" in default_limits()
        assert detector.name == name and detector.cheap and detector.worse == "higher"
        assert type(detector).__doc__ and fits()[name].__doc__
