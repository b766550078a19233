"""ASGI middleware that puts what a model is asked and answers into a spool: ``app.add_middleware(Momus, spool=...)``"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from momus.monitor.exchange import Exchange, Field, Reader
from momus.monitor.spooler import Counts, Spooler

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_OVERHEAD = 2000  # bytes that an exchange takes beside its bodies


class Momus:
    """Keeps requests and answers of the chosen paths for ``momus monitor``; needs no framework.

    Bodies are copied as they pass, up to ``most`` bytes each, and never changed. Nothing waits: a thread makes events
    and writes them in groups. Where the thread cannot keep up, or the disk is full, events are dropped and counted
    (:attr:`counts`), and the spool says so.

    Parameters
    ----------
    spool : folder; ``source: spool:FOLDER`` on the card. Worker processes share it.
    paths : paths that are kept, ``/predict`` or ``/v2/*``; none: all.
    methods : HTTP methods that are kept.
    input, output : where they stand: ``request``, ``request.features``, ``response.probabilities``,
        ``request.instances[]`` for one event an item; or a function of the :class:`Exchange`.
    caller : ``client`` (the address), ``header.x-api-key``, ``request.user``, or a function.
    names : ``salted`` writes a keyed digest instead of the caller, the same in all processes that share the spool, and
        ``plain`` the caller itself. ``salt`` is the key; without it one is made and kept in the spool's folder.
    fields : further fields of events (``version``, ``contributor``, ``learned``, ``label``), in the same ways.
    wait : seconds that the end of a response waits for its event to be on disk; 0 does not wait.
    most : bytes of a body that are looked at. ``queue``: exchanges that may wait for the thread.
    """

    def __init__(
        self,
        app: App,
        *,
        spool: str | Path,
        paths: Collection[str] = (),
        methods: Collection[str] = ("POST",),
        input: Field = "request",
        output: Field = "response",
        caller: Field = "client",
        names: str = "salted",
        salt: str = "",
        fields: Mapping[str, Field] | None = None,
        wait: float = 0.0,
        most: int = 256 << 10,
        queue: int = 10_000,
    ) -> None:
        self._app = app
        self._paths = tuple(paths)
        self._methods = frozenset(m.upper() for m in methods)
        self._most = most
        self._wait = wait
        chosen = {"input": input, "output": output, "caller": caller, **(fields or {})}
        self._reader = Reader(Path(spool), chosen, names, salt)
        self._spooler: Spooler[Exchange] = Spooler(Path(spool), self._reader.events, most=queue)
        self.unacknowledged = 0  # responses that ended before their event was on disk, where ``wait`` says they wait

    @property
    def counts(self) -> Counts:
        """What became of the events of this process."""
        return self._spooler.counts

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._at_the_end(send))
        elif scope["type"] == "http" and self._chosen(scope):
            await _Passage(self, scope, receive, send).run(self._app)
        else:
            await self._app(scope, receive, send)

    def _chosen(self, scope: Mapping[str, Any]) -> bool:
        path = str(scope.get("path", ""))
        if scope.get("method") not in self._methods:
            return False
        return not self._paths or any(path.startswith(p[:-1]) if p.endswith("*") else path == p for p in self._paths)

    def _at_the_end(self, send: Send) -> Send:
        """Write what is queued before the server is told that the application is down."""

        async def told(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                self._spooler.close()
            await send(message)

        return told

    async def keep(self, exchange: Exchange) -> None:
        """Queue an exchange, and wait for the disk where that was asked for."""
        size = _size(exchange)
        if not self._wait:
            self._spooler.offer(exchange, size)
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def settle(kept: bool) -> None:
            if not done.done():  # the wait may be over
                done.set_result(kept)

        def answer(kept: bool) -> None:
            loop.call_soon_threadsafe(settle, kept)

        if not self._spooler.offer(exchange, size, answer):
            self.unacknowledged += 1
            return
        try:
            self.unacknowledged += not await asyncio.wait_for(done, self._wait)
        except TimeoutError:
            self.unacknowledged += 1

    def keep_unwaited(self, exchange: Exchange) -> None:
        """Queue an exchange whose response is not to be held up."""
        self._spooler.offer(exchange, _size(exchange))

    @property
    def most(self) -> int:
        return self._most


def _size(exchange: Exchange) -> int:
    return len(exchange.request) + len(exchange.response) + _OVERHEAD


class _Passage:
    """One request on its way through."""

    def __init__(self, momus: Momus, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._momus = momus
        self._scope = scope
        self._receive, self._send = receive, send
        self._began = time.perf_counter()
        self._made = Exchange(time=time.time(), scope=scope)
        self._asked: list[bytes] = []
        self._said: list[bytes] = []
        self._kept = False

    async def run(self, app: App) -> None:
        try:
            await app(self._scope, self._take, self._give)
        finally:
            if not self._kept:  # it failed, or was broken off
                self._made.status = self._made.status or 500
                await self._end(wait=False)

    async def _take(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            self._made.asked += len(body)
            if self._made.asked <= self._momus.most:
                self._asked.append(bytes(body))
            else:
                self._asked.clear()
        return message

    async def _give(self, message: Message) -> None:
        last = False
        if message["type"] == "http.response.start":
            self._made.status = int(message["status"])
            self._made.headers = tuple(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            self._made.said += len(body)
            if self._made.said <= self._momus.most:
                self._said.append(bytes(body))
            else:
                self._said.clear()
            last = not message.get("more_body", False)
        elif message["type"] == "http.response.pathsend":
            last = True
        if last and not self._kept:
            await self._end(wait=True)
        await self._send(message)

    async def _end(self, *, wait: bool) -> None:
        self._kept = True
        made = self._made
        made.seconds = time.perf_counter() - self._began
        made.request, made.response = b"".join(self._asked), b"".join(self._said)
        if wait:
            await self._momus.keep(made)
        else:
            self._momus.keep_unwaited(made)
