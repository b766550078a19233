"""Alerts reach receivers that are dead, slow or hostile: signed, at least once, in order, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from momus.card import load_card
from momus.card.monitor import AlertCard
from momus.monitor.findings import Kind
from momus.monitor.messages import Writer
from momus.monitor.outbox import Outbox, receiver_of
from momus.monitor.webhook import Webhooks, signature

from .conftest import reading, window

SECRET = "a secret of the card"


@dataclass
class Receiver:
    """A webhook's receiver that answers as it is told to: statuses in turn, then 200."""

    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.came:
                    status = outer.answers.pop(0) if outer.answers else 200
                    if self.path != "/hook":
                        outer.strayed.append(self.path)
                    outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    outer.came.notify_all()
                self.send_response(status)
                if status // 100 == 3:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.got) >= count, timeout=60)

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _hooks(folder: Path, *urls: str, **more: Any) -> Webhooks:
    cards = [AlertCard(url=url, secret=SECRET, headers={"X-Team": "on call"}) for url in urls]
    return Webhooks(cards, folder, **{"first": 0.001, **more})


def _sent(hooks: Webhooks) -> None:
    """Wait until nothing waits any more: the thread removes a letter after its answer came."""
    hooks.close()
    assert hooks.waiting == 0


def _message(name: str) -> dict[str, Any]:
    return {"id": name, "event": "alarm.began", "text": f"ALARM {name}"}


def test_a_message_arrives_once_signed_and_named(receiver: Receiver, tmp_path: Path) -> None:
    hooks = _hooks(tmp_path, receiver.url)
    hooks.alert(_message("a"))
    hooks.alert(_message("a"))  # told again after a restart
    receiver.wait(1)
    _sent(hooks)
    headers, body = receiver.got[0]
    assert json.loads(body) == _message("a")
    assert (headers["idempotency-key"], headers["content-type"], headers["x-team"]) == (
        "a",
        "application/json",
        "on call",
    )
    signed = hmac.new(SECRET.encode(), headers["momus-timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["momus-signature"] == f"v1={signed.hexdigest()}"
    assert signature("other", int(headers["momus-timestamp"]), body) != headers["momus-signature"]


def test_it_is_repeated_until_it_is_taken_in_order(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [500, 429, 503, 404]
    hooks = _hooks(tmp_path, receiver.url, first=0.0)  # due again at once: the order is not the waiting's merit
    for name in "abc":
        hooks.alert(_message(name))
    receiver.wait(7)
    _sent(hooks)
    assert receiver.ids == ["a"] * 5 + ["b", "c"] and hooks.told == ()


def test_a_restart_sends_what_was_left_and_secrets_are_not_on_the_disk(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [503] * 2
    dead = _hooks(tmp_path, receiver.url, first=3600.0)
    dead.alert(_message("a"))
    receiver.wait(1)
    dead.alert(_message("b"))
    dead.close()
    assert dead.waiting == 2 and "2 waiting" in dead.told[0] and "127.0.0.1" in dead.told[0]
    kept = "".join(p.read_text() for p in tmp_path.iterdir())
    assert SECRET not in kept and "/hook" not in kept and "/hook" not in dead.told[0]
    (tmp_path / "000000000000-x-broken.json").write_text("{")
    alive = _hooks(tmp_path, receiver.url)
    receiver.wait(4)
    _sent(alive)
    assert receiver.ids[-2:] == ["a", "b"] and [p.suffix for p in tmp_path.iterdir()] == [".unreadable"]


def test_a_redirect_goes_nowhere(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [307, 308]
    hooks = _hooks(tmp_path, receiver.url)
    hooks.alert(_message("a"))
    receiver.wait(1)
    hooks.close()
    assert not receiver.strayed and hooks.waiting == 1 and "not followed" in hooks.told[0]


def test_a_dead_receiver_holds_up_neither_the_watch_nor_the_others(receiver: Receiver, tmp_path: Path) -> None:
    stuck = threading.Event()

    class Client:
        """Answers for the good receiver, and hangs for the dead one."""

        def __init__(self) -> None:
            import httpx

            self.inner = httpx.Client(follow_redirects=False)

        def post(self, url: str, **more: Any) -> Any:
            import httpx

            if "dead" in url:
                stuck.set()
                raise httpx.ReadTimeout("nobody there")
            return self.inner.post(url, **more)

        def close(self) -> None:
            self.inner.close()

    hooks = _hooks(tmp_path, "https://dead.example.org/secret-path", receiver.url, client=Client(), first=3600.0)
    hooks.alert(_message("a"))
    assert stuck.wait(60)
    hooks.alert(_message("b"))
    receiver.wait(2)
    hooks.close()
    assert receiver.ids == ["a", "b"] and hooks.waiting == 2
    assert "dead.example.org does not answer" in hooks.told[0] and "secret-path" not in hooks.told[0]


def test_a_message_that_waits_is_kept_once(tmp_path: Path) -> None:
    box = Outbox(tmp_path)
    assert box.put("r", "a", 1, b"{}") and box.put("r", "a", 2, b"{}") and box.put("r", "b", 3, b"{}")
    assert [letter.key for letter in box.letters()] == ["a", "b"]


def test_a_receiver_that_left_the_card_is_told_no_more(receiver: Receiver, tmp_path: Path) -> None:
    Outbox(tmp_path).put(receiver_of("https://gone.example.org/"), "a", 1, b"{}")
    hooks = _hooks(tmp_path, receiver.url)
    hooks.alert(_message("b"))
    receiver.wait(1)
    _sent(hooks)
    assert receiver.ids == ["b"]


def test_what_a_message_says(watched: Callable[..., Path]) -> None:
    card = load_card(watched())
    writer = Writer(card, {"shift.inputs": Kind("shift.inputs", "distance", "higher")}, target="model", watch="w1")
    seen = {"shift.inputs": reading(0.6, who=("secret-name-1", "secret-name-2"))}
    (began,) = writer.of(window(4, alarm=True, news="began", readings=seen))
    (ended,) = writer.of(window(9, news="ended"))
    assert not list(writer.of(window(5, alarm=True)))
    assert (began["schema"], began["event"], ended["event"]) == ("momus.alert/1", "alarm.began", "alarm.ended")
    assert (began["window"], began["value"], began["limit"], began["status"]) == (4, 0.6, 0.1, "fail")
    assert (began["severity"], began["callers"], began["mode_id"]) == ("critical", 2, "M14")
    assert began["alarm"] == ended["alarm"] and began["id"] != ended["id"]
    assert began["text"].startswith("ALARM: small &lt;b&gt;, model: shift.inputs (") and "critical" in began["text"]
    assert "secret-name" not in json.dumps(began) and began["do"] and "do" not in ended
    other = Writer(card, {"shift.inputs": Kind("shift.inputs", "distance", "higher")}, target="model", watch="w2")
    assert next(iter(other.of(window(4, alarm=True, news="began", readings=seen))))["id"] != began["id"]
    assert began["from"] == "2026-09-21T14:13:24Z" and json.loads(json.dumps(began, allow_nan=False)) == began


def test_a_message_is_on_the_disk_before_it_is_called_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[bool, int]] = []

    def fsync(handle: int) -> None:
        what = Path(f"/proc/self/fd/{handle}").readlink()
        flushed.append((what == tmp_path, len(list(tmp_path.glob("*.json")))))

    monkeypatch.setattr(os, "fsync", fsync)
    assert Outbox(tmp_path).put("receiver", "key", 1, b"{}")
    assert flushed == [(False, 0), (True, 1)], "its content, then its name"
