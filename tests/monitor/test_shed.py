"""Under more load than one core can take the lag stays bounded, and what was left out is counted to the last event."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import Heard, Sums, event, plain, reference, watch

from momus.card.monitor import FieldsCard
from momus.monitor.decode import Decoder
from momus.monitor.events import Batch
from momus.monitor.shed import Shedder
from momus.monitor.source import Aside, Keep, Position, Taken, finish
from momus.monitor.watch import Pace


class Clock:
    """Seconds that pass only by work that is done."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Load:
    """Events that arrive at a rate by the clock; reading one costs a little of it."""

    def __init__(self, clock: Clock, rate: float, total: int) -> None:
        self.clock, self.rate, self.total = clock, rate, total
        self.lags: list[int] = []
        self._decoder = Decoder(FieldsCard(input="", output="", label=""), reference())

    def arrived(self) -> int:
        return min(self.total, int(self.clock.seconds * self.rate))

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        at = int(after.get("at", 0))
        n = min(most, self.arrived() - at)
        if n <= 0:
            self.clock.seconds += 0.001
            n = 0
        self.clock.seconds += n * 1e-6
        rows = [{"time": event(i)["time"]} for i in range(at, at + n)]
        return finish(self._decoder, rows, {"at": at + n}, Aside(), keep, rows=True)

    def waiting(self, after: Position) -> int:
        self.lags.append(self.arrived() - int(after.get("at", 0)))
        return self.lags[-1]

    def passed(self, position: Position) -> None: ...

    def done(self, after: Position) -> bool:
        return bool(after) and int(after["at"]) == self.total

    def final(self) -> None: ...

    def close(self) -> None: ...


class Slow(Sums):
    """Costs 100 microseconds an event: 10,000 events a second is all it can take."""

    def __init__(self, clock: Clock, cost: float = 1e-4, *, cheap: bool = True) -> None:
        super().__init__(cheap=cheap)
        self.clock, self.cost = clock, cost

    def take(self, batch: Batch) -> None:
        super().take(batch)
        self.clock.seconds += self.cost * len(batch)


def loaded(folder: Path, rate: float, total: int, detectors: Any, **card: Any) -> tuple[Heard, Load, Any]:
    clock = Clock()
    made = {name: make(clock) for name, make in detectors.items()}
    load = Load(clock, rate, total)
    heard = Heard()
    said = {"window": {"events": 1000}, **card}
    at = watch(
        folder, card=said, made=load, detectors=made, sinks=[heard], pace=Pace(seconds=1.0, idle=0.0, clock=clock)
    )
    at.run(once=True)
    return heard, load, at


@pytest.mark.parametrize(("times", "bound"), [(2, 1.5), (10, 3.5)])
def test_more_load_than_can_be_taken(tmp_path: Path, times: int, bound: float) -> None:
    total = 150_000
    heard, load, made = loaded(tmp_path, times * 10_000, total, {"test.sums": Slow}, behind=10_000)
    assert 10_000 < max(load.lags) < bound * 10_000 + 4096 * times  # and what comes during one read
    taken = sum(w.events for w in heard.windows) + made.window.events
    shed = sum(w.shed for w in heard.windows) + made.window.shed
    assert taken + shed == total == made.records
    assert 0.3 / times < taken / total < 1
    assert all(w.events == 1000 for w in heard.windows)


def test_never_leaves_nothing_out_however_late(tmp_path: Path) -> None:
    heard, load, _ = loaded(tmp_path, 20_000, 60_000, {"test.sums": Slow}, behind=1000, shed="never")
    assert sum(w.events for w in heard.windows) == 60_000
    assert sum(w.shed for w in heard.windows) == 0
    assert max(load.lags) > 20_000


def test_dear_detectors_rest_first_and_say_nothing_of_half_a_window(tmp_path: Path) -> None:
    detectors = {
        "test.sums": lambda clock: Slow(clock, 2e-5),
        "test.dear": lambda clock: Slow(clock, 2e-4, cheap=False),
    }
    heard, load, made = loaded(tmp_path, 20_000, 150_000, detectors, behind=20_000, shed="dear")
    assert sum(w.shed for w in heard.windows) + made.window.shed == 0  # without the dear one it keeps up
    assert 20_000 < max(load.lags) < 40_000
    rested = [w for w in heard.windows if w.dear]
    assert 0 < len(rested) < len(heard.windows)
    assert all(("test.dear" in w.readings) != w.dear for w in heard.windows)
    assert all(w.readings["test.dear"].n == 1000 for w in heard.windows if not w.dear)
    assert all(w.readings["test.sums"].n == 1000 for w in heard.windows)


def test_dear_policy_draws_where_resting_is_not_enough(tmp_path: Path) -> None:
    detectors = {"test.sums": Slow, "test.dear": lambda clock: Slow(clock, cheap=False)}
    heard, load, made = loaded(tmp_path, 20_000, 100_000, detectors, behind=5000, shed="dear")
    shed = sum(w.shed for w in heard.windows) + made.window.shed
    assert shed > 0
    assert sum(w.events for w in heard.windows) + made.window.events + shed == 100_000
    assert max(load.lags) < 3.5 * 5000 + 4096


def test_the_same_lags_leave_out_the_same_events(tmp_path: Path) -> None:
    first, *_ = loaded(tmp_path / "a", 20_000, 60_000, {"test.sums": Slow}, behind=3000)
    again, *_ = loaded(tmp_path / "b", 20_000, 60_000, {"test.sums": Slow}, behind=3000)
    assert [plain(w) for w in first.windows] == [plain(w) for w in again.windows]


def test_what_is_kept_is_a_fair_draw_that_does_not_depend_on_reads() -> None:
    def drawn(seed: int, sizes: list[int]) -> Any:
        shedder = Shedder("sample", 1000, seed)
        shedder.look(2000)
        assert shedder.share == 0.25
        return np.concatenate([shedder.keep(n) for n in sizes])

    one = drawn(0, [40_000])
    assert np.array_equal(one, drawn(0, [1, 999, 20_000, 19_000]))
    assert not np.array_equal(one, drawn(1, [40_000]))
    for lag in (1, 2, 7, 64):  # neither runs nor every so many-th
        assert abs(np.mean(one[lag:] & one[:-lag]) - 0.0625) < 0.006
    assert abs(one.mean() - 0.25) < 0.01
    assert abs(one[::23].mean() - 0.25) < 0.04  # one caller of many
    shedder = Shedder("sample", 1000, 0)
    shedder.look(1000)
    assert shedder.keep(10) is None
