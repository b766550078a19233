"""What a whole run may ask of a served model holds over all its processes, also over those that die in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.http import HttpCard
from momus.core.errors import BudgetSpent, TargetError
from momus.targets.http_ledger import Ledger, QueriesSpent
from momus.targets.http_pace import Pace, Past
from momus.targets.http_send import Sender
from momus.testing.faulty_server import FaultyServer

FREE = Pace()
INFER = "v2/models/scorer/infer"
ROWS = json.dumps({"inputs": [{"name": "rows", "datatype": "FP64", "shape": [5, 2], "data": [0.5] * 10}]}).encode()


class Time:
    """A clock that only moves when somebody sleeps."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        there = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, there)


def sender(server: FaultyServer, ledger: Path, time: Time | None = None, **given: Any) -> Sender:
    more = {k: given.pop(k) for k in ("until", "per_minute") if k in given}
    timed: dict[str, Any] = {} if time is None else {"clock": time, "sleep": time.sleep, "chance": lambda: 0.5}
    card = HttpCard(**server.card(**{"retries": 3, "seconds": 20, **given}))
    return Sender(card, name="scorer", base=Path(), ledger=ledger, **more, **timed)


def test_a_run_never_asks_more_rows_than_its_card_allows_repeats_included(tmp_path: Path) -> None:
    script = ["503", "fine", "close-body", "late", "503"]
    with FaultyServer(script, clock=(time := Time())) as server:
        with sender(server, tmp_path, time, queries=33, seconds=0.3, retries=5) as first:
            first.post(INFER, [ROWS] * 2, [5, 5])
            with pytest.raises(BudgetSpent):
                first.post(INFER, [ROWS] * 9, [5] * 9)
            assert "the 33 queries that the card allows a whole run were used up" in first.told[-1]
        assert server.rows == 30 == first.asked.rows
        with sender(server, tmp_path, time, queries=33) as second, pytest.raises(TargetError) as caught:
            second.post(INFER, [ROWS], [5])
        assert caught.value.code == "target/http-budget" and "targets[].http.queries" in caught.value.hint
        with sender(server, tmp_path / "another run", time, queries=33) as other:
            other.post(INFER, [ROWS], [5])
        assert server.rows == 35


def test_all_of_a_runs_processes_count_in_one_place(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from momus.targets.http_ledger import Ledger, QueriesSpent;"
        "from momus.targets.http_pace import Pace; l = Ledger.of(Path(sys.argv[1]), 'm'); n = 0\n"
        "try:\n  while True: l.begin(3, 10, Pace(), most=1000, why='503' if n % 2 else ''); n += 1\n"
        "except QueriesSpent: print(n)"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    done = [int(w.communicate(timeout=120)[0]) for w in workers]
    total = Ledger.of(tmp_path, "m").totals()
    assert sum(done) == 333 == total.requests and total.rows == 999 and total.sent == 3330
    assert total.repeated == sum(n // 2 for n in done)
    assert Ledger.of(tmp_path, "another").totals().requests == 0


def test_threads_of_one_process_count_without_a_file_too() -> None:
    ledger = Ledger()

    def ask(_: int) -> bool:
        try:
            return ledger.begin(1, 1, FREE, most=150) == 0.0
        except QueriesSpent:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(200))) == 150 == ledger.totals().rows


def test_no_more_requests_are_under_way_than_the_card_allows_over_all_workers(tmp_path: Path) -> None:
    here, seen = threading.Semaphore(0), list[int]()
    go_on = threading.Event()

    def predict(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        here.release()
        assert go_on.wait(60)
        return np.full((len(x), 2), 0.5)

    async def sleep(_: float) -> None:
        seen.append(len(server.asked))
        if len(seen) == 3:
            go_on.set()
        await asyncio.sleep(0.01)

    with FaultyServer(predict=predict) as server, ThreadPoolExecutor(1) as pool:
        card = HttpCard(**server.card(at_once=2, seconds=60))
        with (
            sender(server, tmp_path, at_once=2, seconds=60) as first,
            Sender(card, name="scorer", base=Path(), ledger=tmp_path, sleep=sleep) as second,
        ):
            under_way = pool.submit(first.post, INFER, [ROWS] * 2, [5, 5])
            assert here.acquire(timeout=60) and here.acquire(timeout=60)
            second.post(INFER, [ROWS], [5])
            assert len(under_way.result(60)) == 2
    assert seen[:3] == [2, 2, 2] and len(server.asked) == 3


_WORKER = """
import sys
from pathlib import Path
from momus.card.http import HttpCard
from momus.targets.http_send import Sender
card = HttpCard(url=sys.argv[1], model="scorer", at_once=2, seconds=60)
body = sys.argv[3].encode()
Sender(card, name="scorer", base=Path(), ledger=Path(sys.argv[2])).post("v2/models/scorer/infer", [body] * 9, [5] * 9)
"""


def test_a_worker_that_is_killed_while_it_asks_has_counted_all_that_the_server_saw(tmp_path: Path) -> None:
    with FaultyServer(["fine", "fine", "late", "late"]) as server:
        worker = subprocess.Popen([sys.executable, "-c", _WORKER, server.url, str(tmp_path), ROWS.decode()])
        try:
            assert server.wait(4, seconds=120)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait(60)
        total = Ledger.of(tmp_path, "scorer").totals()
        assert total.rows == server.rows == 20 and total.statuses == {"200": 2}
        with sender(server, tmp_path, queries=25) as again:
            again.post(INFER, [ROWS], [5])
            assert again.asked.rows == server.rows == 25, "the next goes on counting, and nothing is stuck"


def test_a_process_that_is_killed_with_the_file_in_its_hands_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from momus.targets.http_ledger import Ledger\n"
        "with Ledger.of(Path(sys.argv[1]), 'm')._open(): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Ledger.of(tmp_path, "m").begin, 1, 1, FREE)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(60)
        assert waiting.result(60) == 0.0
    assert Ledger.of(tmp_path, "m").totals().rows == 1


def test_a_fork_asks_over_connections_of_its_own_and_is_counted_with_its_parent(tmp_path: Path) -> None:
    with FaultyServer() as server, sender(server, tmp_path) as asking:
        asking.post(INFER, [ROWS], [5])
        child = os.fork()
        if child == 0:
            try:
                asking.post(INFER, [ROWS], [5])
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        asking.post(INFER, [ROWS], [5])
        assert asking.asked.rows == 15 == server.rows


def test_a_ledger_that_cannot_be_read_stops_asking_instead_of_counting_anew(tmp_path: Path) -> None:
    Ledger.of(tmp_path, "scorer").begin(7, 1, FREE)
    (path,) = tmp_path.iterdir()
    path.write_text("half a rec")
    with FaultyServer() as server, sender(server, tmp_path) as asking:
        with pytest.raises(TargetError) as caught:
            asking.post(INFER, [ROWS], [5])
        assert caught.value.code == "target/http-ledger" and "\n" not in str(caught.value)
        assert not server.seen


def test_a_server_that_invents_statuses_does_not_fill_the_record(tmp_path: Path) -> None:
    ledger = Ledger.of(tmp_path, "m")
    for status in range(200, 600):
        ledger.begin(1, 1, FREE, why=str(status))
        ledger.ended(str(status), 10**6, 1.5)
    total = ledger.totals()
    assert total.requests == 400 == sum(total.statuses.values()) == total.repeated and len(total.statuses) < 50


def test_requests_begin_no_faster_than_the_card_says_over_all_workers(tmp_path: Path) -> None:
    with FaultyServer(clock=(time := Time())) as server:
        for _ in range(2):
            with sender(server, tmp_path, time, per_second=4, at_once=1) as asking:
                asking.post(INFER, [ROWS] * 4, [5] * 4)
        assert [s.at - 1000 for s in server.asked] == pytest.approx([0.25 * i for i in range(8)])


def test_a_server_that_asks_one_worker_to_wait_is_left_alone_by_all(tmp_path: Path) -> None:
    with FaultyServer(["429"], clock=(time := Time())) as server:
        with sender(server, tmp_path, time, retries=0) as one, pytest.raises(TargetError, match="429"):
            one.post(INFER, [ROWS], [5])
        with sender(server, tmp_path, time) as other:
            other.post(INFER, [ROWS], [5])
        assert [s.at - 1000 for s in server.asked] == [0.0, 2.0]


@pytest.mark.parametrize("rows", [1, 7, 40, 100])
def test_no_minute_ever_holds_more_rows_than_one_caller_may_ask(rows: int) -> None:
    past, pace, now = Past(), Pace(per_minute=100), 977.3
    begun: list[float] = []
    steps = np.random.default_rng(rows).choice([0.001, 0.4, 3.0], 401) * rows / 7  # bursts and pauses
    while len(begun) < 400:
        wait = past.wait(now, rows, pace)
        if wait:
            now += wait
            continue
        past.take(now, rows, pace)
        begun.append(now)
        now += float(steps[len(begun)])
    for start in begun:
        assert sum(rows for t in begun if start <= t < start + 60) <= 100
    assert len(begun) * rows / (begun[-1] - begun[0] + 61) * 60 > 0.8 * (100 // rows * rows), "and hardly fewer"


def test_a_request_larger_than_a_minutes_rows_waits_for_an_empty_minute() -> None:
    past, pace = Past(), Pace(per_minute=100)
    assert past.wait(5.0, 250, pace) == 0
    past.take(5.0, 250, pace)
    assert 60 <= past.wait(5.0, 250, pace) <= 62


def test_a_wait_for_the_pace_that_outlasts_the_measurement_ends_it(tmp_path: Path) -> None:
    server, time = FaultyServer(), Time()
    with server, sender(server, tmp_path, time, until=lambda: 1010.0, per_minute=8, at_once=1) as asking:
        with pytest.raises(BudgetSpent):
            asking.post(INFER, [ROWS] * 3, [5] * 3)
        assert server.rows == 5 and time.now == 1000.0
        assert "would have outlasted the measurement" in asking.told[0]


def test_a_clock_that_began_anew_with_the_machine_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Callable[[], float] = lambda: 90_000.0  # noqa: E731
    before = Ledger.of(tmp_path, "m", clock=clock)
    before.begin(5, 1, Pace(per_second=1))
    before.hold(3600)
    monkeypatch.setattr("momus.targets.http_ledger._boot", lambda: "another start")
    after = Ledger.of(tmp_path, "m", clock=lambda: 12.0)
    assert after.begin(5, 1, Pace(per_second=1)) == 0.0
    assert after.totals().rows == 10, "what was counted stays"
