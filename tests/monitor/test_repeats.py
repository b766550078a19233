"""Bots that repeat a row and callers who try again are honest: what comes again is no further evidence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from momus.monitor.detector import Detector, Lacking, Reading, fits
from momus.monitor.events import Batch
from momus.monitor.people import Repeats
from momus.monitor.sketches import fresh, mixed
from momus.monitor.units import Units
from momus.testing import populations

WINDOW = 1000
REPEATED = ("corruption.quality", "natural.confident", "reprogramming.cost")


def fitted(name: str) -> Detector:
    found = fits()[name](populations.reference(), {}, 1)
    assert not isinstance(found, Lacking)
    return found


def read(name: str, batch: Batch, cuts: tuple[int, ...] = ()) -> Reading:
    detector, ends = fitted(name), (0, *cuts, len(batch))
    for start, stop in pairwise(ends):
        detector.take(batch.take(slice(start, stop)))
    found = detector.close(1)
    assert found is not None
    return found


def chance(name: str, batch: Batch) -> float:
    p = read(name, batch).p
    assert p is not None
    return p


def bot(seed: int, row: Batch, share: float) -> Batch:
    """Clean events, a share of which is one caller's who sends one row for ever."""
    events = populations.traffic(WINDOW, seed)
    mine = np.random.default_rng(seed).random(WINDOW) < share

    def put(name: str) -> np.ndarray:
        out = np.array(getattr(events, name))
        out[mine] = getattr(row, name)[0]
        return out

    return replace(
        events, x=put("x"), outputs=put("outputs"), said=put("said"), label=put("label"),
        caller=np.where(mine, 0, events.caller).astype(np.int32),
    )  # fmt: skip


def odd() -> Batch:
    """One event with an input that the model was not made for, answered surely and wrongly."""
    one = populations.traffic(1, 5)
    x = one.x.copy()
    x[0, :6] = [9.0, -9.0, 9.0, -9.0, 9.0, -9.0]
    outputs = populations.answer(x)
    said = outputs.argmax(axis=1)
    return replace(one, x=x, outputs=outputs, said=said, label=1.0 - said)


def twice(seed: int) -> Batch:
    """Every query comes twice in a row, from the same caller."""
    return populations.traffic(WINDOW // 2, seed).take(np.repeat(np.arange(WINDOW // 2), 2))


@pytest.mark.parametrize("name", ["natural.confident", "reprogramming.cost"])
def test_one_odd_row_asked_for_ever_is_one_odd_row(name: str) -> None:
    for seed in (1, 2):
        assert chance(name, bot(seed, odd(), 0.2)) > 1e-3


@pytest.mark.parametrize("name", ["natural.confident", "reprogramming.cost"])
def test_many_odd_rows_are_not(name: str) -> None:
    events = bot(1, odd(), 0.2)
    near = events.x + np.where(events.x[:, :1] == 9.0, 1e-3, 0.0) * np.arange(WINDOW)[:, None] / WINDOW
    assert chance(name, replace(events, x=near)) < 1e-9


@pytest.mark.parametrize("name", REPEATED)
def test_callers_who_send_all_twice_are_no_fault(name: str) -> None:
    assert chance(name, twice(3)) > 1e-3


def test_a_feed_that_is_stuck_is_one_though_its_callers_differ() -> None:
    events = twice(3)
    other = replace(events, caller=(np.arange(WINDOW) % 2).astype(np.int32))
    assert chance("corruption.quality", other) < 1e-9
    nobody = replace(events, caller=np.full(WINDOW, -1, np.int32), callers=())
    assert chance("corruption.quality", nobody) < 1e-9
    one = events.x.copy()
    one[:, 1] = 0.25
    one[:, 0] = np.random.default_rng(0).normal(size=WINDOW)  # so that no row is the one before it
    found = read("corruption.quality", replace(events, x=one))
    assert found.p is not None and found.p < 1e-9 and found.scope["worst"] == "c1 stuck"


@pytest.mark.parametrize("name", REPEATED)
def test_repetitions_are_known_however_a_window_is_cut(name: str) -> None:
    row = odd()
    for events in (bot(4, row, 0.2), twice(4)):
        assert read(name, events, (1, 2, 333, 334, 801)) == read(name, events)


def test_strangers_may_ask_the_same_and_so_may_two_callers() -> None:
    events = populations.traffic(4, 1)
    x = np.repeat(events.x[:1], 4, axis=0)
    repeats, asked = Repeats(x.shape[1], 1), np.zeros(64, np.uint64)
    who = replace(events, x=x, caller=np.array([0, 1, 0, -1], np.int32))
    assert repeats.first(asked, who, x).tolist() == [True, True, False, True]
    assert repeats.first(asked, who, x).tolist() == [False, False, False, True]
    nobody = replace(who, caller=np.zeros(4, np.int32), callers=())
    assert repeats.first(asked, nobody, x).all()
    assert repeats.unique(x).tolist() == [True, False, False, False]


def test_whoever_came_first_keeps_the_place() -> None:
    things = mixed(np.random.default_rng(0).integers(0, 40, 400, dtype=np.uint64))
    whole, cut = np.zeros(8, np.uint64), np.zeros(8, np.uint64)
    at_once = fresh(whole, things)
    pieces = [fresh(cut, part) for part in np.array_split(things, 37)]
    assert np.array_equal(at_once, np.concatenate(pieces))
    assert np.array_equal(whole, cut) and (whole != 0).all()
    assert 8 < at_once.sum() < 400  # those without a place are new each time


def test_fewer_kinds_of_clients_have_not_changed_their_unit() -> None:
    rng = np.random.default_rng(2)
    limits = np.round(np.exp(rng.normal(12, 0.9, (4000, 1))), -4) + 10_000
    incomes = np.exp(rng.normal(10, 0.9, (4000, 1)))  # no two alike
    x = np.hstack([limits, incomes])
    watch = Units(x, np.zeros(2, dtype=bool))
    small = x[(limits[:, 0] <= 150_000) & (incomes[:, 0] <= 20_000)][:128]
    assert (np.median(x, axis=0) > 1.5 * np.median(small, axis=0)).all()
    p, factor = watch.look(small)
    assert factor.tolist() == [1.0, 1.0] and p.tolist() == [1.0, 1.0]
    p, factor = watch.look(x[:128] / [1000.0, 1.0])
    assert factor[0] == pytest.approx(1 / 1000) and p[0] < 1e-9
    p, factor = watch.look(x[:128] * [10.0, 100.0])
    assert factor.tolist() == [10.0, 100.0] and p.max() < 1e-9


def test_an_error_that_a_bot_repeats_is_one_error_of_accuracy() -> None:
    one = populations.traffic(1, 5)
    wrong = replace(one, label=1.0 - one.said)
    for seed in range(3):
        assert chance("shift.harm", bot(seed, wrong, 0.08)) > 0.01
    # as many errors of as many rows are a loss
    events = populations.traffic(WINDOW, 0)
    bad = np.random.default_rng(0).random(WINDOW) < 0.08
    turned = replace(events, label=np.where(bad, 1.0 - events.said, events.label))
    assert chance("shift.harm", turned) < 1e-4


def test_events_without_an_input_do_not_repeat_each_other() -> None:
    events = populations.traffic(60, 1)
    blind = replace(events, x=np.full((60, 0), np.nan), caller=np.zeros(60, np.int32))
    for x in (np.full((60, 4), np.nan), blind.x):
        assert Repeats(x.shape[1], 1).first(np.zeros(1 << 14, np.uint64), blind, x).all()
