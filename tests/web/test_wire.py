"""Over a plain socket, to the server itself; and what runs in its process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from momus.core.records import Run
from momus.store import open_store
from momus.web import forms, serving

END = b"Connection: close\r\n\r\n"
GET = b"GET /session.json HTTP/1.1\r\nHost: localhost\r\n"


def talk(url: str, *parts: bytes, pause: float = 0.0, wait: float = 5.0) -> bytes:
    """Say something to a server over a plain socket; all that it answers until it hangs up, or until we give up."""
    host, port = url.removeprefix("http://").split(":")
    told = b""
    with socket.create_connection((host, int(port)), timeout=wait) as line:
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
            while piece := line.recv(65536):
                told += piece
        except TimeoutError:
            told += b" and held the line"
        except OSError:
            pass
    return told


GET = b"GET /session.json HTTP/1.1\r\nHost: localhost\r\n"
END = b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (GET + END, b"200"),
        (b"GET /session.json HTTP/1.1\r\n" + END, b"400"),
        (GET + b"Host: evil.example\r\n" + END, b"400"),
        (b"GET http://evil.example/session.json HTTP/1.1\r\nHost: localhost\r\n" + END, b"400"),
        (b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: localhost\r\n" + END, b"404"),
        (GET + b"X: " + b"a" * 20_000 + b"\r\n" + END, b"4"),
        (GET + b"X: y\r\n" * 5_000 + END, b"4"),
        (b"get" + GET[3:] + END, b"405"),
        (GET + b"Content-Length: 3\r\nContent-Length: 4\r\n" + END, b"400"),
        (GET + b"Content-Length: -1\r\n" + END, b"400"),
        (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n" + END + b"0\r\n\r\n", b"400"),
        (GET + b"X\x00: y\r\n" + END, b"400"),
        (GET + b" X: y\r\n" + END, b"421"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n" + END, b"400"),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n" + END, b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (GET + b"Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: x\r\n\r\n", b"200"),
        (b"GET /session.json HTTP/1.0\r\nHost: localhost\r\n\r\n", b"401"),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n" + END, b"405"),
    ],
)
def test_malformed_requests(served: Any, said: bytes, status: bytes) -> None:
    """Over a plain socket, to uvicorn itself: an answer of the right kind, or none; never a 5xx, and it lives on."""
    told = talk(served.url, said, wait=2.0)
    assert told.startswith(b"HTTP/1.1 " + status) or (not told and status[:1] == b"4"), told[:200]
    assert b"Traceback" not in told and b"uvicorn" not in told.lower()
    assert talk(served.url, GET + END).startswith(b"HTTP/1.1 200")


def test_slow_clients_are_hung_up_on(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.15)
    monkeypatch.setattr(forms, "SECONDS", 0.15)
    assert talk(served.url) == b"", "says nothing"
    assert talk(served.url, b"GET / HT") == b"", "begins and stops"
    assert talk(served.url, GET, *[b"X: y\r\n"] * 8, pause=0.05) == b"", "never ends its head"
    first = talk(served.url, GET + b"\r\n", b"GET / HT", pause=0.05)
    assert first.count(b"HTTP/1.1 200") == 1 and b"held" not in first, "a second request that never comes"
    slow = (
        b"POST /session/name HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\nConnection: close\r\n"
        + b"Content-Type: %s\r\n\r\n" % forms.MEDIA.encode()
    )
    assert b"HTTP/1.1 408" in talk(served.url, slow, b"name=")


def test_a_client_that_does_not_read_is_hung_up_on(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TAKE_SECONDS", 0.15)
    host, port = served.url.removeprefix("http://").split(":")
    static = next(a for a in served.app.state.site.files.table if a.endswith("htmx.min.js"))
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((host, int(port)))
    line.sendall(f"GET {static} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 100)
    line.settimeout(10)
    time.sleep(0.6)
    with pytest.raises(OSError, match=r"reset|pipe"):
        while line.send(b"x"):
            time.sleep(0.02)
    line.close()
    assert talk(served.url, GET + END).startswith(b"HTTP/1.1 200")


USER_CODE = """
import json, sys, warnings
warnings.simplefilter("ignore")
store, out = sys.argv[1:]
touched = []
def watch(event, args):
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class"):
        touched.append(event)
    if event == "open" and isinstance(args[0], str) and ("model" in args[0] and "bomb" in args[0]):
        touched.append(args[0])
sys.addaudithook(watch)
from starlette.testclient import TestClient
from momus.store import open_store
from momus.web.access import Access
from momus.web.app import create_app, routes
import re
with open_store(store) as opened:
    app = create_app(opened, Access())
    client = TestClient(app, base_url="http://127.0.0.1:8017")
    told = {}
    for route in routes(app):
        if "GET" in route.methods:
            systems = [line["id"] for line in client.get("/index.json").json()["systems"]]
            known = {"system": systems[0], "run": "20260101-000000-0b0b", "mode": "membership"}
            path = re.sub(r"\\{(\\w+)(:\\w+)?\\}", lambda m: known.get(m[1], "x"), route.path)
            told[path] = client.get(path).status_code
heavy = ("torch", "sklearn", "onnxruntime", "pandas", "joblib", "bomb_model")
heavy += ("momus.targets", "momus.worlds", "momus.assess.worker")
json.dump({"heavy": [m for m in heavy if m in sys.modules], "touched": touched, "told": told}, open(out, "w"))
"""


def test_no_user_code_runs_here(tmp_path: Path) -> None:
    """A card full of code: pages show its text, and neither it nor any framework is imported, opened or run."""
    (tmp_path / "bomb_model.py").write_text("open('gone-off', 'w')")
    card = f"""
system: bomb
facts: {{api.reach: public}}
targets:
- {{name: model, adapter: callable, factory: "{tmp_path}/bomb_model.py:go", classes: [a, b], output: labels}}
data: {{test: {{path: "{tmp_path}/bomb_model.csv", label: y}}}}
"""
    with open_store(tmp_path / "s.sqlite") as store:
        for n, text in enumerate((card, "!!python/object/apply:os.system ['touch gone-off']", "system: [")):
            at = datetime(2026, 1, 1, tzinfo=UTC)
            told = {"card_text": text, "card_path": str(tmp_path / "momus.yaml"), "card_digest": "0" * 64}
            name = f"20260101-000000-0b0{'bcd'[n]}"
            run = Run(id=name, system="bomb", seed=0, created=at, ended=at, **told)
            store.append(run.id, run)
    out = tmp_path / "out.json"
    command = [sys.executable, "-c", USER_CODE, str(tmp_path / "s.sqlite"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(out.read_text())
    assert told["heavy"] == [] and told["touched"] == [] and not list(tmp_path.rglob("gone-off"))
    assert not [p for p, status in told["told"].items() if status >= 500], told["told"]
    assert sum(status == 200 for status in told["told"].values()) > 5
