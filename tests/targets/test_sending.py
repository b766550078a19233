"""Sending to a served model: what is repeated, how long is waited, what is never done, and what is said of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.http import HttpCard
from momus.core.errors import BudgetSpent, MomusError, TargetError
from momus.targets.http_once import LARGEST, _unpacked
from momus.targets.http_send import LONGEST, Sender
from momus.testing.asgi import in_a_loop
from momus.testing.faulty_server import FAULTS, Drawn, FaultyServer, linear

INFER = "v2/models/scorer/infer"
SECRET = "sesame-open-7f3a9c"


@dataclass
class Time:
    """A clock that only moves when somebody sleeps: tests wait for nothing, and read what would have been waited."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        there = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, there)


def body(*rows: tuple[float, float]) -> bytes:
    x = np.array(rows)
    tensor = {"name": "rows", "datatype": "FP64", "shape": list(x.shape), "data": x.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def first_column(reply: Any) -> list[float]:
    (output,) = json.loads(reply.body)["outputs"]
    values: list[float] = np.reshape(output["data"], output["shape"])[:, 1].tolist()
    return values


def sender(
    server: FaultyServer,
    time: Time,
    *,
    ledger: Path | None = None,
    until: Callable[[], float] | None = None,
    chance: float = 0.5,
    per_minute: float | None = None,
    **card: Any,
) -> Sender:
    given = {"seconds": 20, "retries": 2, "token": SECRET, **card}
    return Sender(
        HttpCard(**server.card(**given)), name="scorer", base=Path(), ledger=ledger, until=until,
        per_minute=per_minute, clock=time, sleep=time.sleep, chance=lambda: chance,
    )  # fmt: skip


def arrivals(server: FaultyServer) -> list[float]:
    return [round(s.at - 1000, 3) for s in server.asked]


BACK_OFF = [0.0, 0.25, 0.75]
PASSING = {
    "429": ("429", [0.0, 2.25, 4.75]), "429-date": ("429", [0.0, 2.25, 4.75]), "502": ("502", BACK_OFF),
    "503": ("503", BACK_OFF), "504": ("504", BACK_OFF), "late": ("late", BACK_OFF), "drip": ("late", BACK_OFF),
    "drip-head": ("late", BACK_OFF), "close": ("closed", BACK_OFF), "close-head": ("closed", BACK_OFF),
    "close-body": ("closed", BACK_OFF), "reset": ("closed", BACK_OFF), "no-http": ("broken", BACK_OFF),
}  # fmt: skip


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_asked_again_later_and_later_and_the_answer_is_the_same(fault: str) -> None:
    kind, at = PASSING[fault]
    limit = 0.25 if kind == "late" else 20
    with FaultyServer([fault, fault], clock=(time := Time())) as server, sender(server, time, seconds=limit) as asking:
        (reply,) = asking.post(INFER, [body((1, 2), (2, 1))], [2])
        assert first_column(reply) == pytest.approx(linear(np.array([(1, 2), (2, 1)]))[:, 1])
        assert arrivals(server) == at and server.rows == 6
        assert asking.told == (f"2 of 3 requests were repeated ({kind} x 2), after waits of {at[-1]:.1f} s in all",)


FINAL = {
    "400": ("target/http-status", "status 400"), "401": ("target/http-status", "status 401"),
    "500": ("target/http-status", "status 500"), "huge": ("target/http-too-large", "larger than 64 MB"),
    "bomb": ("target/http-too-large", "larger than 64 MB"), "packed": ("target/http-answer", "packed as 'br'"),
    "redirect": ("target/http-redirect", "to another host, http://192.0.2.1/"),
    "redirect-here": ("target/http-redirect", "sends the request on"),
    "429-long": ("target/http-status", "come back after 86400 s"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FINAL)
def test_what_will_not_pass_is_asked_once_and_is_one_line(fault: str) -> None:
    code, words = FINAL[fault]
    with FaultyServer([fault], clock=(time := Time())) as server, sender(server, time) as asking:
        with pytest.raises(TargetError) as caught:
            asking.post(INFER + "?key=in-the-address", [body((1, 2))], [1])
        assert len(server.seen) == 1
    error = caught.value
    assert error.code == code and words in error.message and "\n" not in str(error) and "\x1b" not in str(error)
    assert error.place == f"target 'scorer' at 127.0.0.1:{server.port}/{INFER}" and error.hint
    assert len(error.message) < 400


@pytest.mark.parametrize("fault", ["fine", "untyped", "gzip", "slow"])
def test_an_answer_in_other_clothes_is_an_answer(fault: str) -> None:
    with FaultyServer([fault]) as server, sender(server, Time()) as asking:
        (reply,) = asking.post(INFER, [body((1, 2))], [1])
        assert first_column(reply) == pytest.approx([1 / (1 + math.e)]) and asking.told == ()


def test_every_fault_of_the_server_is_one_that_is_tried_here_or_in_a_whole_run() -> None:
    from_the_answer = {"garbage", "html", "shape", "fewer", "more", "nan", "null", "text", "schema"}
    assert set(FAULTS) == {"fine", "untyped", "gzip", "slow"} | set(PASSING) | set(FINAL) | from_the_answer


def test_who_was_refused_often_enough_says_how_often_for_how_long_and_what_the_server_said() -> None:
    with FaultyServer(["503"] * 9, clock=(time := Time())) as server, sender(server, time, retries=3) as asking:
        with pytest.raises(TargetError) as caught:
            asking.post(INFER, [body((1, 2))], [1])
        assert len(server.asked) == 4
    quoted = "'<html><h1>503</h1> <p>the model is not</p> well</html>'"
    assert caught.value.message == f"status 503, {quoted} (asked 4 times in 1.8 s)"


@pytest.mark.parametrize(
    ("chance", "waits"), [(0.0, [0.0] * 9), (1.0, [0.5, 1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST])]
)
def test_waits_are_random_between_nothing_and_a_time_that_doubles_up_to_half_a_minute(
    chance: float, waits: list[float]
) -> None:
    with FaultyServer(["503"] * 9, clock=(time := Time())) as server:
        with sender(server, time, retries=9, chance=chance) as asking:
            asking.post(INFER, [body((1, 2))], [1])
        assert np.diff([s.at for s in server.asked]).tolist() == pytest.approx(waits)


def test_no_secret_of_the_card_is_ever_repeated() -> None:
    headers = {"X-Api-Key": "another-secret-99", "X-Plain": "Basic dXNlcjpwYXNz"}
    with (
        FaultyServer(["401", "401"], clock=(time := Time())) as server,
        sender(server, time, headers=headers) as asking,
    ):
        said = []
        for path in (INFER, INFER + "?key=address-secret-1"):
            with pytest.raises(TargetError) as caught:
                asking.post(path, [body((1, 2))], [1])
            said.append(f"{caught.value!r} {caught.value} {asking.told} {asking.place(path)}")
    text = " ".join(said)
    assert "not allowed: Bearer ***" in text, "the server's words are told"
    assert not [s for s in (SECRET, "another-secret-99", "dXNlcjpwYXNz", "address-secret-1") if s in text]


def test_a_header_that_cannot_be_sent_is_an_error_without_its_value() -> None:
    with FaultyServer() as server, pytest.raises(TargetError, match="the header 'authorization' holds") as caught:
        sender(server, Time(), token="line\nbreak-secret")
    assert "secret" not in str(caught.value)


def test_a_pause_that_outlasts_the_measurement_ends_it_at_once() -> None:
    server = FaultyServer(["503"] * 99, clock=(time := Time()))
    with server, sender(server, time, retries=20, chance=1.0, until=lambda: 1002.0) as asking:
        with pytest.raises(BudgetSpent):
            asking.post(INFER, [body((1, 2))], [1])
        assert arrivals(server) == [0.0, 0.5, 1.5] and time.now == 1001.5, "it did not wait for nothing"
        time.now = 1002.5
        with pytest.raises(BudgetSpent):
            asking.post(INFER, [body((1, 2))], [1])
        assert len(server.asked) == 3


def test_a_server_that_wants_a_day_is_not_waited_for_and_that_is_told() -> None:
    with FaultyServer(["429-long"], clock=(time := Time())) as server:
        with sender(server, time, until=lambda: 1060.0) as asking:
            with pytest.raises(BudgetSpent):
                asking.post(INFER, [body((1, 2))], [1])
            assert asking.told == ("a wait of 86400 s for the server would have outlasted the measurement",)
        assert len(server.asked) == 1


def test_a_late_answer_is_not_waited_for_beyond_the_measurement() -> None:
    with FaultyServer(["late"]) as server, sender(server, (time := Time()), until=lambda: time.now + 0.1) as asking:
        with pytest.raises(BudgetSpent):
            asking.post(INFER, [body((1, 2))], [1])
        assert asking.told == () and len(server.asked) == 1


def test_as_many_as_the_card_allows_are_under_way_and_answers_keep_their_order() -> None:
    together, most, now = threading.Barrier(3), [0], [0]
    lock = threading.Lock()

    def predict(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(60)  # goes on only when three are here at once
        with lock:
            now[0] -= 1
        return linear(x)

    with FaultyServer(predict=predict) as server, sender(server, Time(), at_once=3) as asking:
        replies = asking.post(INFER, [body((i, 0)) for i in range(12)], [1] * 12)
        assert [first_column(r)[0] for r in replies] == pytest.approx([1 / (1 + math.exp(-i)) for i in range(12)])
    assert most == [3]


def test_a_server_that_is_gone_is_not_asked_for_ever() -> None:
    server = FaultyServer(lambda number: "503", clock=(time := Time()))
    with server, sender(server, time, retries=2, at_once=1) as asking:
        for _ in range(2):
            with pytest.raises(TargetError, match="status 503"):
                asking.post(INFER, [body((1, 2))], [1])
        assert len(server.asked) == 6
        with pytest.raises(TargetError, match="not asked any more: its last 6 requests failed"):
            asking.post(INFER, [body((1, 2))], [1])
        assert len(server.asked) == 6


def test_a_bad_row_does_not_close_the_door_for_the_others() -> None:
    script = ["500", "503", "503", "503", "fine", "503", "503", "fine"]
    with FaultyServer(script, clock=(time := Time())) as server, sender(server, time, at_once=1) as asking:
        for _ in range(2):
            with pytest.raises(TargetError):
                asking.post(INFER, [body((1, 2))], [1])
        assert len(asking.post(INFER, [body((1, 2))] * 2, [1, 1])) == 2


def test_a_server_that_fails_by_chance_gives_the_same_answers() -> None:
    rates = {"503": 0.2, "429": 0.1, "close-body": 0.1, "reset": 0.1}
    rows = np.random.default_rng(0).normal(size=(60, 2))
    with FaultyServer(Drawn(7, rates), clock=(time := Time())) as server, sender(server, time, retries=12) as asking:
        replies = asking.post(INFER, [body(tuple(r)) for r in rows], [1] * 60)
        assert [first_column(r)[0] for r in replies] == pytest.approx(linear(rows)[:, 1].tolist())
        met = [s for s in server.asked if s.fault != "fine"]
        assert len(server.asked) == 60 + len(met) and len(met) > 10
        assert asking.told[0].startswith(f"{len(met)} of {60 + len(met)} requests were repeated")


def test_no_connection_is_no_question() -> None:
    with FaultyServer() as server:
        pass
    with sender(server, Time(), retries=1) as asking:
        with pytest.raises(TargetError, match="the connection was refused \\(asked 2 times") as caught:
            asking.post(INFER, [body((1, 2))], [1])
        assert caught.value.code == "target/http-closed" and asking.asked.rows == 0


def test_it_works_where_a_loop_runs_already() -> None:
    with FaultyServer() as server, sender(server, Time()) as asking:

        async def notebook() -> int:
            return len(asking.post(INFER, [body((1, 2))], [1]))

        assert in_a_loop(notebook()) == 1


def test_errors_survive_the_way_out_of_a_worker() -> None:
    import pickle

    with FaultyServer(["400"]) as server, sender(server, Time()) as asking, pytest.raises(MomusError) as caught:
        asking.post(INFER, [body((1, 2))], [1])
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.code == "target/http-status"


def test_an_answer_packed_in_millions_of_empty_pieces_is_too_large_at_once() -> None:
    pieces = gzip.compress(b"") * 20_000
    assert len(_unpacked(pieces, {"content-encoding": "gzip"}, LARGEST)[0]) > LARGEST
    few = gzip.compress(b"ab") + gzip.compress(b"c")
    assert _unpacked(few, {"content-encoding": "gzip"}, LARGEST) == (b"abc", True)
