"""The server under the pages: uvicorn, with an end to clients that only hold a connection open."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI

from momus.core.errors import MissingExtra, MomusError
from momus.web.security import MOST_HEAD

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ModuleNotFoundError as missing:
    raise MissingExtra.of("momus serve", "web", str(missing.name)) from missing

# For the head of a request to be whole, and for an answer to be taken. uvicorn itself would wait for ever.
HEAD_SECONDS = 10.0
TAKE_SECONDS = 30.0
KEEP_SECONDS = 15
MOST_CONNECTIONS = 512


class Bounded(H11Protocol):
    """HTTP/1.1 that hangs up on a client whose request does not arrive, or who does not take the answer."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._head: asyncio.TimerHandle | None = None
        self._take: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_SECONDS, self._no_request)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering:
            self._head = _cancelled(self._head)
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self._no_request)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._take = self._take or self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._take = _cancelled(self._take)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # closing in order would wait for a reader that there is not
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head, self._take = _cancelled(self._head), _cancelled(self._take)
        super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _no_request(self) -> None:
        self._head = None
        if not self._answering:
            self.transport.abort()


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Nothing, after the timer was stopped."""
    if timer is not None:
        timer.cancel()
    return None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; an error of one line where the address cannot be used."""
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        made = socket.create_server((host, port), family=family, backlog=256)
        # Connections inherit it. Without it an answer's body waits up to 40 ms until the reader has confirmed its head.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    except OSError as error:
        hint = "Choose another with --port, or 0 for a free one; --host names an address of this machine"
        raise MomusError(
            f"cannot listen there: {error.strerror or error}", code="web/address", place=f"{host}:{port}", hint=hint
        ) from None


def server(app: FastAPI, **more: Any) -> uvicorn.Server:
    """A server for an app: nothing a header says of addresses is believed, and nothing says what runs here."""
    settings: dict[str, Any] = {
        "http": Bounded,
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_keep_alive": KEEP_SECONDS,
        "timeout_graceful_shutdown": 5,
        "limit_concurrency": MOST_CONNECTIONS,
        "h11_max_incomplete_event_size": MOST_HEAD,
    }
    return uvicorn.Server(uvicorn.Config(app, **{**settings, **more}))


def address(listening: socket.socket) -> str:
    """The address to type into a browser on this machine."""
    host, port = listening.getsockname()[:2]
    named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


@contextmanager
def logged() -> Iterator[None]:
    """What was done and refused goes to standard error, one line each with its time; nothing else does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    levels = {"momus.web": logging.INFO, "uvicorn": logging.ERROR}
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
    try:
        yield
    finally:
        for name in levels:
            logging.getLogger(name).removeHandler(handler)
