"""The control keeps its promise whatever the p-values are made of, and still hears a shift in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy

from momus.core.samples import NumpyArray
from momus.monitor import alarms
from momus.monitor.alarms import Control

Draw = Callable[[np.random.Generator, tuple[int, int]], NumpyArray]


def _uniform(rng: np.random.Generator, shape: tuple[int, int]) -> NumpyArray:
    return rng.random(shape)


def _counts(rng: np.random.Generator, shape: tuple[int, int]) -> NumpyArray:
    """p-values of a count: few values, and larger than uniform ones."""
    out: NumpyArray = scipy.stats.poisson.sf(rng.poisson(4.0, shape) - 1, 4.0)
    return out


def _same(rng: np.random.Generator, shape: tuple[int, int]) -> NumpyArray:
    """All detectors see the same chance: as dependent as can be."""
    return np.broadcast_to(rng.random((shape[0], 1)), shape)


def _first(draw: Draw, detectors: int, windows: int, needed: float, streams: int, seed: int) -> NumpyArray:
    """(streams,) window of the first alarm of any detector; ``windows`` where there was none until then."""
    rng = np.random.default_rng(seed)
    money = np.full((streams, detectors, len(alarms.KAPPAS)), -np.inf)
    at = np.full(streams, windows)
    for t in range(1, windows):
        money = alarms.grown(money, 1 / detectors, draw(rng, (streams, detectors)))
        at = np.where((at == windows) & (alarms.total(money) >= needed).any(axis=1), t, at)
    return at


@pytest.mark.parametrize("draw", [_uniform, _counts, _same], ids=["uniform", "counts", "all-alike"])
@pytest.mark.parametrize("detectors", [1, 8])
def test_the_mean_number_of_windows_to_a_false_alarm_is_as_promised(draw: Draw, detectors: int) -> None:
    at = _first(draw, detectors, 400, 60.0, 600, 1)
    # Streams are cut at 400 windows, which makes the mean smaller than it is.
    assert at.mean() - 3 * at.std() / np.sqrt(len(at)) >= 60


def test_testing_each_window_by_itself_would_not_keep_it() -> None:
    rng = np.random.default_rng(2)
    naive = np.array([np.argmax((rng.random((400, 8)) < 0.05).any(axis=1)) + 1 for _ in range(300)])
    assert naive.mean() < 5


def test_p_values_that_are_too_small_break_it() -> None:
    """The simulation above can fail: a p that is squared is no p-value."""
    at = _first(lambda rng, shape: rng.random(shape) ** 2, 4, 400, 60.0, 200, 3)
    assert at.mean() < 40


@pytest.mark.parametrize(("size", "most"), [(1.0, 45.0), (2.0, 12.0), (4.0, 4.0), (10.0, 1.01)])
def test_a_shift_is_heard_the_sooner_the_larger_it_is(size: float, most: float) -> None:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> NumpyArray:
        p = rng.random(shape)
        p[:, 0] = scipy.special.ndtr(-(rng.normal(size=shape[0]) + size))
        return p

    at = _first(draw, 20, 150, 5000.0, 60, 4)
    assert at.mean() <= most


def test_the_control_is_what_was_simulated() -> None:
    p = np.random.default_rng(5).random((30, 2)) ** 1.5
    control, money = Control(("a", "b"), 1e6), np.full((2, len(alarms.KAPPAS)), -np.inf)
    for row in p:
        money = alarms.grown(money, 0.5, row)
        seen = [control.look(name, float(v)) for name, v in zip("ab", row, strict=True)]
    assert [s.wealth for s in seen] == pytest.approx(alarms.total(money).tolist(), rel=1e-12)


def test_a_window_that_says_nothing_changes_nothing() -> None:
    control = Control(("a",), 100)
    before = control.look("a", 0.2)
    assert control.look("a", None) == before == control.look("a", float("nan"))


def test_an_alarm_begins_once_and_ends_by_evidence() -> None:
    control = Control(("a", "b"), 1000)
    rng = np.random.default_rng(6)
    calm = [control.look("a", float(v), n) for n, v in enumerate(rng.random(30), 1)]
    fault = [control.look("a", float(v), n) for n, v in enumerate(rng.random(40) ** 20, 31)]
    after = [control.look("a", float(v), n) for n, v in enumerate(rng.random(60), 71)]
    assert not any(s.alarm for s in calm)
    assert [s.news for s in fault].count("began") == 1, "one fault is one message"
    last = fault[-1]
    assert last.alarm and 31 <= last.since <= 36 and abs(last.start - 31) <= 2 and last.times == 1
    ended = [s.news for s in after].index("ended")
    assert 3 <= ended <= 25
    assert not after[-1].alarm and [s.news for s in after].count("began") == 0
    assert not control.standing("b").alarm


def test_an_alarm_that_comes_late_knows_when_the_change_began() -> None:
    off, late = [], []
    for seed in range(20):
        rng, control = np.random.default_rng([10, seed]), Control([f"d{i}" for i in range(10)], 2000)
        p = np.concatenate([rng.random(40), rng.random(200) ** 2.5])
        first = next(s for n, v in enumerate(p, 1) if (s := control.look("d0", float(v), n)).alarm)
        off.append(abs(first.start - 41))
        late.append(first.since - 41)
    assert np.mean(late) > 8 and np.median(off) <= 6 < np.median(late)


def test_a_fault_that_is_still_there_is_rarely_called_ended() -> None:
    rng = np.random.default_rng(7)
    spells = []
    for _ in range(60):
        control = Control(("a",), 100)
        control.look("a", 0.0)
        # The weakest that counts as a fault: half of its windows have p <= 0.1.
        weak = rng.random(300) ** (1 / 0.3)
        spells.append(next((i for i, v in enumerate(weak, 1) if control.look("a", float(v)).news == "ended"), 300))
    assert np.mean(spells) >= 100


def test_over_a_long_watch_alarms_come_no_oftener_than_promised() -> None:
    rng = np.random.default_rng(8)
    controls = [Control(("a", "b"), 40) for _ in range(15)]
    for control in controls:
        for row in rng.random((400, 2)):
            for name, v in zip("ab", row, strict=True):
                control.look(name, float(v))
    began = sum(control.standing(name).times for control in controls for name in "ab")
    assert 0 < began <= 15 * 400 / 40


def test_an_alarm_takes_all_that_was_promised() -> None:
    """Simulated run lengths are some three times the promise; the bar itself is what the proof needs."""
    control, wealth = Control(["a"], 100), 0.0
    for _ in range(500):
        now = control.look("a", 0.2)
        assert now.alarm == (now.wealth >= 100)
        if now.alarm:
            break
        wealth = now.wealth
    assert now.alarm and wealth > 60


def test_a_certain_fault_is_an_alarm_at_once() -> None:
    standing = Control([f"d{i}" for i in range(30)], 5000).look("d3", 0.0)
    assert standing.alarm and standing.news == "began" and np.isfinite(standing.wealth)


def test_a_restart_goes_on_where_it_was() -> None:
    p = np.random.default_rng(9).random((60, 2)) ** 3
    whole, half = Control(("a", "b"), 50), Control(("a", "b"), 50)
    for row in p[:25]:
        for name, v in zip("ab", row, strict=True):
            whole.look(name, float(v)), half.look(name, float(v))
    again = Control(("a", "b"), 50)
    again.restore(half.state())
    for row in p[25:]:
        for name, v in zip("ab", row, strict=True):
            assert whole.look(name, float(v)) == again.look(name, float(v))
    assert all(isinstance(v, np.ndarray) and v.dtype.kind in "Ufi" for v in again.state().values())


def test_detectors_come_and_go() -> None:
    old = Control(("gone", "kept"), 100)
    for _ in range(3):
        old.look("kept", 0.05), old.look("gone", 0.05)
    new = Control(("kept", "new"), 100)
    new.restore(old.state())
    assert new.names == ("kept", "new")
    assert new.standing("kept") == old.standing("kept")
    assert new.standing("new").wealth == 0.0
    # What is added by a window is shared by all there are, so that more of them promise no less.
    assert replace(new.look("new", 1.0), calm=0.0).wealth == pytest.approx(alarms.KAPPAS.mean() / 2)


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_number_that_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="no p-value"):
        Control(("a",), 100).look("a", p)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no state"):
        Control(("a",), 100).restore({"names": np.array(["a"])})
    with pytest.raises(ValueError, match="no detector 'b'"):
        Control(("a",), 100).look("b", 0.5)
