"""FaultyServer: a served model that misbehaves by a script, to try what asks it.

A real server on a free port of 127.0.0.1 that speaks the Open Inference Protocol v2 and answers rightly, except where
the script says otherwise. It keeps what it was asked, row by row, so that a budget is held against what the server saw
and not against what the client says of itself::

    with FaultyServer(["fine", "503", "close-body"]) as server:
        card = {"name": "scorer", "adapter": "http", "http": server.card()}
        ...
        assert server.rows <= 1_000
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.seeds import rng

Predict = Callable[[NumpyArray], NumpyArray]

# What each word of a script makes the server do to one request of inference.
FAULTS: Mapping[str, str] = {
    "fine": "answers",
    "slow": "answers after `pause` seconds",
    "late": "says nothing until the server ends",
    "drip": "sends the answer byte by byte, `pause` seconds apart",
    "drip-head": "sends the head of the answer byte by byte, `pause` seconds apart",
    "429": "answers 429 with Retry-After: 2",
    "429-date": "answers 429 with a date two seconds ahead of its own clock",
    "429-long": "answers 429 with Retry-After: 86400",
    "500": "answers 500",
    "502": "answers 502",
    "503": "answers 503 with a page in HTML",
    "504": "answers 504",
    "400": "answers 400",
    "401": "answers 401 and repeats the request's Authorization header in the body",
    "garbage": "answers 200 with what is no JSON",
    "html": "answers 200 with a page in HTML",
    "untyped": "answers rightly, as application/octet-stream",
    "shape": "answers with a third column of probabilities",
    "fewer": "leaves out the answer to the last row",
    "more": "answers one row too many",
    "nan": "answers NaN for the last row",
    "null": "answers null for the last row",
    "text": "answers with words for numbers",
    "schema": "from now on answers with other names, other columns and the classes turned round",
    "close": "closes the connection without a byte",
    "close-head": "closes the connection within the head",
    "close-body": "closes the connection within the body",
    "reset": "resets the connection",
    "redirect": "sends the request on to another host",
    "redirect-here": "sends the request on to another path of its own",
    "huge": "sends a body without end",
    "bomb": "sends a small gzip that unpacks to 512 MB",
    "gzip": "answers rightly, in gzip",
    "packed": "answers in a packing that nobody knows",
    "no-http": "answers with what is no HTTP",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw it. ``at`` is by the server's clock."""

    at: float
    path: str
    rows: int
    fault: str
    again: bool = False


@dataclass(frozen=True)
class Drawn:
    """A script by chance: each request meets a fault with its probability, the same for the same seed."""

    seed: int
    rates: Mapping[str, float]
    after: int = 0

    def __call__(self, number: int) -> str:
        if number < self.after:
            return "fine"
        chance = float(rng(self.seed, "faulty server", number).random())
        for fault, rate in self.rates.items():
            chance -= rate
            if chance < 0:
                return fault
        return "fine"


def linear(x: NumpyArray) -> NumpyArray:
    """The model that is served unless another is given: two classes by the difference of the first two columns."""
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.column_stack([1 - p, p])


@dataclass
class FaultyServer:
    """Serves ``predict`` as model ``scorer``; ``with`` starts and stops it.

    ``script`` is one word of :data:`FAULTS` for each request of inference in the order of their arrival, "fine" when it
    is used up; or a function from the number of the request, as :class:`Drawn`. ``metadata`` is the same for the other
    requests. ``columns`` is the width of a row. ``context`` makes it speak TLS. ``clock`` times what is kept in
    ``seen``.
    """

    script: Iterable[str] | Callable[[int], str] = ()
    metadata: Iterable[str] | Callable[[int], str] = ()
    predict: Predict = linear
    columns: int = 2
    pause: float = 0.02
    clock: Callable[[], float] = time.monotonic
    context: ssl.SSLContext | None = None
    elsewhere: str = "http://192.0.2.1/v2/models/scorer/infer"
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._infer, self._meta = _script(self.script), _script(self.metadata)
        self._lock = threading.Lock()
        self._numbers = {"infer": 0, "meta": 0}
        self._bodies: set[bytes] = set()
        self.changed = False
        self.over = threading.Event()
        self.arrived = threading.Condition(self._lock)

    def __enter__(self) -> FaultyServer:
        server = self

        class Handler(_Handler):
            faulty = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.context is not None:
            self._server.socket = self.context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'http' if self.context is None else 'https'}://127.0.0.1:{self.port}"

    def card(self, **more: Any) -> dict[str, Any]:
        """The `http` section of a card that asks this server."""
        return {"url": self.url, "protocol": "v2", "model": "scorer", **more}

    @property
    def rows(self) -> int:
        """Rows that were asked for inference, whatever came of them."""
        with self._lock:
            return sum(s.rows for s in self.seen)

    @property
    def asked(self) -> list[Seen]:
        """Requests of inference."""
        with self._lock:
            return [s for s in self.seen if s.path.endswith("/infer")]

    def wait(self, requests: int, seconds: float = 60.0) -> bool:
        """Wait until so many requests of inference arrived; False where they did not in time."""
        with self.arrived:
            return self.arrived.wait_for(lambda: self._numbers["infer"] >= requests, seconds)

    def record(self, path: str, rows: int, body: bytes) -> str:
        """Keep a request; the fault that it meets."""
        path = path.partition("?")[0]
        kind = "infer" if path.endswith("/infer") else "meta"
        with self.arrived:
            number = self._numbers[kind]
            self._numbers[kind] += 1
            fault = (self._infer if kind == "infer" else self._meta)(number)
            self.seen.append(Seen(self.clock(), path, rows, fault, bool(body) and body in self._bodies))
            self._bodies.add(body)
            self.changed |= fault == "schema"
            self.arrived.notify_all()
        return fault


def _script(given: Iterable[str] | Callable[[int], str]) -> Callable[[int], str]:
    if callable(given):
        return given
    words: Sequence[str] = list(given)
    unknown = sorted(set(words) - FAULTS.keys())
    if unknown:
        raise ValueError(f"no fault '{unknown[0]}'; there are {', '.join(FAULTS)}")
    return lambda number: words[number] if number < len(words) else "fine"


class _Handler(BaseHTTPRequestHandler):
    faulty: FaultyServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read ``seen``."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True  # the client went away in the middle, as clients of bad servers do

    def do_GET(self) -> None:
        fault = self.faulty.record(self.path, 0, b"")
        self._answer(fault, self._described())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        x = _rows(body)
        fault = self.faulty.record(self.path, len(x), body)
        self._answer(fault, _answered(self.faulty.predict(x), fault, self.faulty.changed))

    def _described(self) -> bytes:
        if not self.path.startswith("/v2/models/"):
            return json.dumps({"name": "faulty", "version": "1", "extensions": []}).encode()
        name = "scores" if self.faulty.changed else "probabilities"
        classes = int(self.faulty.predict(np.zeros((1, self.faulty.columns))).shape[1])
        described = {
            "name": "scorer", "versions": ["1"], "platform": "faulty",
            "inputs": [{"name": "rows", "datatype": "FP64", "shape": [-1, self.faulty.columns]}],
            "outputs": [{"name": name, "datatype": "FP64", "shape": [-1, classes]}],
        }  # fmt: skip
        return json.dumps(described).encode()

    def _answer(self, fault: str, body: bytes) -> None:
        if fault[:3].isdecimal():
            self._status(fault)
        elif fault in ("late", "close", "reset", "no-http"):
            self._broken(fault)
        elif fault in ("redirect", "redirect-here"):
            there = self.faulty.elsewhere if fault == "redirect" else self.path + "/"
            self._send(b"", status=307, headers={"location": there})
        elif fault == "huge":
            self._endless()
        elif fault in ("drip", "drip-head", "close-head", "close-body"):
            self._piecewise(fault, body)
        else:
            if fault == "slow":
                self.faulty.over.wait(self.faulty.pause)
            self._send(*_packed(fault, body))

    def _status(self, fault: str) -> None:
        after = {"429": "2", "429-long": "86400"}.get(fault)
        now = datetime.now(UTC).replace(microsecond=0)
        headers = {"retry-after": after} if after else {}
        if fault == "429-date":
            headers = {
                "retry-after": format_datetime(now + timedelta(seconds=2), usegmt=True),
                "date": format_datetime(now, usegmt=True),
            }
        body = f"<html><h1>{fault[:3]}</h1>\n<p>the model is \x1b[31mnot</p> well</html>"
        if fault == "401":
            body = f"not allowed: {self.headers.get('authorization')} from {dict(self.headers)}"
        self._send(body.encode(), {**headers, "content-type": "text/html"}, int(fault[:3]))

    def _broken(self, fault: str) -> None:
        self.close_connection = True
        if fault == "late":
            self.faulty.over.wait(60)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault == "no-http":
            self.wfile.write(b"\x16\x03\x01 hello, this is no answer\r\n\r\n")

    def _endless(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        chunk = b"[" * (1 << 20)
        while not self.faulty.over.is_set():
            self.wfile.write(chunk)

    def _piecewise(self, fault: str, body: bytes) -> None:
        self.close_connection = True
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        if fault == "close-head":
            self.wfile.write(head[:20])
        elif fault == "close-body":
            self.wfile.write(head + body[: len(body) // 2])
        else:
            sent = 0 if fault == "drip-head" else len(head)
            self.wfile.write(head[:sent])
            for byte in (head + body)[sent:]:
                if self.faulty.over.wait(self.faulty.pause):
                    return
                self.wfile.write(bytes([byte]))

    def _send(self, body: bytes, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        told = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} -", *(f"{k}: {v}" for k, v in told.items())]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)


def _rows(body: bytes) -> NumpyArray:
    """The rows of a request: one tensor, or one a column."""
    tensors = json.loads(body)["inputs"]
    if len(tensors) == 1:
        return np.asarray(tensors[0]["data"], dtype=np.float64).reshape(tensors[0]["shape"])
    return np.column_stack([np.asarray(t["data"], dtype=np.float64).reshape(-1) for t in tensors])


def _answered(p: NumpyArray, fault: str, changed: bool) -> bytes:
    """The answer in JSON, right or wrong."""
    name, values = "probabilities", p
    if changed:
        name, values = "scores", np.c_[p[:, ::-1], np.zeros(len(p))]
    elif fault == "shape":
        values = np.c_[p, np.zeros(len(p))]
    elif fault == "fewer":
        values = p[:-1]
    elif fault == "more":
        values = np.r_[p, p[:1]]
    data: list[Any] = values.ravel().tolist()
    if fault in ("nan", "null"):
        data[-1] = float("nan") if fault == "nan" else None
    elif fault == "text":
        data = ["a lot"] * len(data)
    output = {"name": name, "datatype": "FP64", "shape": list(values.shape), "data": data}
    return json.dumps({"model_name": "scorer", "outputs": [output]}).encode()


def _packed(fault: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an answer with status 200."""
    if fault == "garbage":
        return body[: len(body) // 2], {}
    if fault == "html":
        return b"<html>\n<p>Welcome to the proxy</p></html>", {"content-type": "text/html"}
    if fault == "untyped":
        return body, {"content-type": "application/octet-stream"}
    if fault == "packed":
        return body, {"content-encoding": "br"}
    if fault in ("gzip", "bomb"):
        return gzip.compress(body) if fault == "gzip" else _bomb(), {"content-encoding": "gzip"}
    return body, {}


def _bomb() -> bytes:
    """Half a megabyte that unpacks to 512: members of a gzip file may simply follow each other."""
    return gzip.compress(bytes(1 << 20)) * 512
