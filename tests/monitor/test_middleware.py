"""The middleware changes no byte, holds up no response, and puts each exchange on disk or counts it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import JOBS, reference

from momus.card.monitor import FieldsCard
from momus.core.errors import MomusError
from momus.monitor.decode import Decoder
from momus.monitor.events import Batch
from momus.monitor.middleware import Momus
from momus.monitor.spool_read import SpoolFolder
from momus.testing.asgi import in_a_loop

ROW = {"age": 40, "income": 1.5, "debt": 0, "job": "nurse"}
fastapi = pytest.importorskip("fastapi")


def events(spool: Path, momus: Momus) -> tuple[Batch, dict[str, int]]:
    """What a watch reads of what was kept."""
    momus._spooler.close(60)
    taken = SpoolFolder(spool, Decoder(FieldsCard(), reference())).read({}, 1000)
    return taken.batch, taken.aside.upto(1 << 40)


def raw(spool: Path, momus: Momus) -> list[dict[str, Any]]:
    """The lines themselves."""
    momus._spooler.close(60)
    found: list[dict[str, Any]] = []

    class Lines(Decoder):
        def lines(self, lines: Any, aside: Any) -> Batch:
            found.extend(map(json.loads, lines))
            return super().lines(lines, aside)

    SpoolFolder(spool, Lines(FieldsCard(), reference())).read({}, 1000)
    return found


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """A bare application: answers with 0.25 and 0.75, in three pieces."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if b"explode" in body:
        raise RuntimeError("the model fell over")
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-model", b"v7")]})
    for piece in (b'{"scores": ', b"[0.25, ", b"0.75]}"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def asked(app: Any, *requests: dict[str, Any]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app, client=("10.1.2.3", 99))
    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        return [await client.request(**{"method": "POST", "url": "/predict", **request}) for request in requests]


def run(app: Any, *requests: dict[str, Any]) -> list[httpx.Response]:
    return in_a_loop(asked(app, *requests))


def test_a_bare_application_is_kept_as_it_answers(tmp_path: Path) -> None:
    app = Momus(
        echo, spool=tmp_path, input="request.row", output="response.scores", caller="header.x-user",
        fields={"version": "answer.x-model", "label": lambda exchange: exchange.question["truth"]}, names="plain",
    )  # fmt: skip
    [answer] = run(app, {"json": {"row": ROW, "truth": 1}, "headers": {"X-User": "ann"}})
    assert (answer.status_code, answer.json()) == (201, {"scores": [0.25, 0.75]})
    batch, odd = events(tmp_path, app)
    assert odd == {}
    assert batch.callers == ("ann",)
    assert batch.x.tolist() == [[40.0, 1.5, 0.0, float(JOBS.index("nurse"))]]
    assert batch.outputs.tolist() == [[0.25, 0.75]]
    assert (batch.status[0], batch.version, batch.label[0]) == (201, ("v7",), 1.0)
    assert batch.size[0] == len(answer.request.content)
    assert batch.seconds[0] > 0
    assert abs(batch.time[0] - __import__("time").time()) < 3600


def test_fastapi_with_streams_batches_and_errors(tmp_path: Path) -> None:
    app = fastapi.FastAPI()

    @app.post("/predict")
    async def predict(body: dict[str, Any]) -> dict[str, Any]:
        if body["rows"] == "bad":
            raise fastapi.HTTPException(422, "no rows")
        return {"p": [[0.5, 0.5] for _ in body["rows"]]}

    @app.post("/stream")
    async def stream(request: fastapi.Request) -> Any:
        from starlette.responses import StreamingResponse

        body = await request.body()

        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"p": '
            yield b"[[0.1,0.9]]" if body else b""
            yield b"}"

        return StreamingResponse(pieces(), media_type="application/json")

    @app.post("/other")
    async def other() -> str:
        return "not watched"

    kept: list[Momus] = []

    class Kept(Momus):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            kept.append(self)

    app.add_middleware(Kept, spool=tmp_path, paths=["/predict", "/str*"], input="request.rows[]", output="response.p[]")
    answers = run(
        app,
        {"json": {"rows": [ROW, {**ROW, "age": 50}]}},
        {"url": "/stream", "json": {"rows": [ROW]}},
        {"json": {"rows": "bad"}},
        {"url": "/other"},
        {"method": "GET"},
    )
    assert [a.status_code for a in answers] == [200, 200, 422, 200, 405]
    batch, odd = events(tmp_path, kept[0])
    assert odd == {}
    assert batch.status.tolist() == [200, 200, 200, 422]
    assert batch.x[:, 0].tolist()[:3] == [40.0, 50.0, 40.0]
    assert np.isnan(batch.x[3]).all()
    assert batch.outputs.tolist()[:3] == [[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]
    assert len(batch.callers) == 1
    assert "10.1.2.3" not in str(raw(tmp_path, kept[0]))


def test_an_exception_passes_and_is_an_event(tmp_path: Path) -> None:
    app = Momus(echo, spool=tmp_path)
    with pytest.raises(RuntimeError, match="fell over"):
        run(app, {"content": b'"explode"'})
    [event] = raw(tmp_path, app)
    assert event["status"] == 500
    assert event["input"] == "explode"
    assert "output" not in event


def test_websockets_and_lifespan_pass_through(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], receive is given))
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})

    async def given() -> Any:
        return {"type": "websocket.connect"}

    async def sent(message: Any) -> None:
        seen.append(message["type"])
        if message["type"] == "lifespan.shutdown.complete":
            seen.append(len(list(tmp_path.glob("*.spool"))))

    app = Momus(inner, spool=tmp_path)
    app._spooler.offer(Any, 1)  # something that no event can be made of: its note is what is flushed
    in_a_loop(app({"type": "websocket"}, given, sent))
    in_a_loop(app({"type": "lifespan"}, given, sent))
    assert seen == [
        ("websocket", True), ("lifespan", True), "lifespan.startup.complete", "lifespan.shutdown.complete", 1,
    ]  # fmt: skip


def test_long_bodies_pass_whole_and_are_not_looked_at(tmp_path: Path) -> None:
    async def long(scope: Any, receive: Any, send: Any) -> None:
        total = 0
        while True:
            message = await receive()
            total += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % total})

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"[1]" * 100

    app = Momus(long, spool=tmp_path, most=1000)
    [answer] = run(app, {"content": body()})
    assert answer.text == "30000"
    [event] = raw(tmp_path, app)
    assert event["size"] == 30_000
    assert event["output"] == 30_000
    assert "input" not in event


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 5000, b"NaN", b'{"row": 1e999}', b"null", b'"\\ud800"'])
def test_strange_bodies_are_events_without_input(tmp_path: Path, body: bytes) -> None:
    app = Momus(echo, spool=tmp_path, input="request.row", output="response.scores")
    run(app, {"content": body})
    batch, odd = events(tmp_path, app)
    assert np.isnan(batch.x).all()
    assert batch.outputs.tolist() == [[0.25, 0.75]]
    assert set(odd) <= {"input: not a row of the table"}


def test_callers_are_digests_that_all_processes_share(tmp_path: Path) -> None:
    one, two = Momus(echo, spool=tmp_path / "a"), Momus(echo, spool=tmp_path / "a")
    other, salted = Momus(echo, spool=tmp_path / "b"), Momus(echo, spool=tmp_path / "c", salt="pepper")
    names = []
    for app, folder in ((one, "a"), (two, "a"), (other, "b"), (salted, "c")):
        run(app, {"json": ROW})
        names.append({e["caller"] for e in raw(tmp_path / folder, app)}.pop())
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert all(len(name) == 24 and "10.1" not in name for name in names)
    assert (tmp_path / "a" / "salt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "wrong", [{"output": "reply.x"}, {"fields": {"colour": "request.x"}}, {"names": "hashed"}, {"input": "body"}]
)
def test_fields_that_do_not_exist_are_refused_at_once(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(MomusError, match="monitor/field"):
        Momus(echo, spool=tmp_path, **wrong)


def test_a_slow_disk_holds_up_nobody_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    fsync = __import__("os").fdatasync

    def slow(handle: int) -> None:
        assert go.wait(60)
        fsync(handle)

    monkeypatch.setattr("momus.monitor.spool.os.fdatasync", slow)
    app = Momus(echo, spool=tmp_path / "a", queue=4)
    answers = run(app, *({"json": ROW} for _ in range(60)))
    assert {a.status_code for a in answers} == {201}
    assert app.counts.dropped >= 40
    waiting = Momus(echo, spool=tmp_path / "b", wait=0.05)
    assert run(waiting, {"json": ROW})[0].status_code == 201
    assert waiting.unacknowledged == 1
    go.set()
    assert len(raw(tmp_path / "a", app)) == 60 - app.counts.dropped
    assert run(Momus(echo, spool=tmp_path / "c", wait=60.0), {"json": ROW})[0].status_code == 201


def test_who_waits_gets_an_answer_only_when_the_event_is_on_disk(tmp_path: Path) -> None:
    app = Momus(echo, spool=tmp_path, wait=60.0)

    async def look() -> list[int]:
        found = []
        for _ in range(3):
            await asked(app, {"json": ROW})
            found.append(app.counts.written)
        return found

    assert in_a_loop(look()) == [1, 2, 3]
    assert app.unacknowledged == 0


def test_a_full_disk_does_not_harm_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    app = Momus(echo, spool=tmp_path, wait=60.0)
    with monkeypatch.context() as patch:
        patch.setattr("momus.monitor.spool.os.write", full)
        assert run(app, {"json": ROW})[0].status_code == 201
    assert app.unacknowledged == 1
    assert run(app, {"json": ROW})[0].status_code == 201
    batch, odd = events(tmp_path, app)
    assert len(batch) == 1
    assert odd["refused by the middleware"] == 1


def test_a_client_that_hangs_up(tmp_path: Path) -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise asyncio.CancelledError

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    app = Momus(gone, spool=tmp_path)
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "client": None}
    with contextlib.suppress(asyncio.CancelledError):
        in_a_loop(app(scope, receive, send))
    [event] = raw(tmp_path, app)
    assert event["status"] == 500
    assert "caller" not in event
