"""Sends requests to a served model: several at once, repeated where that may help, never past what the card allows.

A request of inference changes nothing at the server, so a POST may be repeated like a GET: the worst is that a row is
answered twice, and counted twice. What went wrong and was made good is told afterwards; what was not is one error.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from momus.card.http import HttpCard
from momus.core.errors import BudgetSpent, TargetError
from momus.core.spread import Slots
from momus.core.text import counts
from momus.targets.http_ledger import Ledger, QueriesSpent, Totals
from momus.targets.http_once import Door, Reply, Trouble
from momus.targets.http_pace import Pace

FIRST, LONGEST = 0.5, 30.0  # seconds: the most that is waited before the first repeat, doubled each time up to the last
SEAT = 0.01  # seconds between two looks for a request of another worker that has ended
PATIENCE = 300.0  # a server that asks to wait longer is not waited for

T = TypeVar("T")


class Sender:
    """One pool of connections to the server of one card, and everything this process asks through it.

    Parameters
    ----------
    base : the card's folder, from which its certificate files are meant.
    ledger : the folder of a run's ledgers, shared by its workers; None counts for this process alone.
    until : the moment, by ``time.monotonic``, at which the measurement is over; BudgetSpent is raised rather than wait
        past it.
    per_minute : rows that the service lets one caller ask in a minute (``service.per_minute``).
    """

    def __init__(
        self,
        card: HttpCard,
        *,
        name: str,
        base: Path,
        ledger: Path | None = None,
        until: Callable[[], float] | None = None,
        per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._card, self._name, self._base = card, name, base
        self._clock, self._sleep = clock, sleep
        # No number depends on it; callers that were refused together must not come back together.
        self._chance = chance or random.SystemRandom().random
        self._until = until or (lambda: math.inf)
        self._ledger = Ledger(clock=clock) if ledger is None else Ledger.of(ledger, name, clock=clock)
        self._pace = Pace(card.per_second, per_minute)
        # Over all workers: the kernel lets go of a place when whoever held it dies.
        self._seats = None if ledger is None else Slots(Ledger.place(ledger, name).with_suffix(".open"), card.at_once)
        self._line = _Line()
        self._door, self._gate = self._opened()
        self._tries, self._answered, self._redirects, self._waited = 0, 0, 0, 0.0
        self._why: Counter[str] = Counter()
        self._notes: dict[str, None] = {}
        self._in_a_row = 0
        # Each request under way may use up its tries before anybody says that the server is gone.
        self._most_in_a_row = (card.at_once + 1) * (card.retries + 1)

    def get(self, path: str) -> Reply:
        """Metadata. Counts as a request without rows."""
        return self._run(self._all("GET", path, [b""], [0], ""))[0]

    def post(
        self, path: str, bodies: Sequence[bytes], rows: Sequence[int], content_type: str = "application/json"
    ) -> list[Reply]:
        """One answer for each body, in their order; ``rows`` says how many inputs each holds.

        Raises TargetError for what repeating did not cure, BudgetSpent when the measurement's time or, once something
        was answered, the run's queries are over.
        """
        return self._run(self._all("POST", path, bodies, rows, content_type))

    def excerpt(self, body: bytes) -> str:
        """The beginning of an answer for an error: one harmless line without any of the card's secrets."""
        return self._door.excerpt(body)

    def place(self, path: str = "") -> str:
        """Target and address, without the query string."""
        url = urlsplit(self._door.url(path))
        return f"target '{self._name}' at {url.netloc}{url.path}"

    @property
    def told(self) -> tuple[str, ...]:
        """What happened on the way, in sentences; empty where every request was answered the first time."""
        lines = []
        if self._why:
            n = sum(self._why.values())
            waited = f", after waits of {self._waited:.1f} s in all" if self._waited >= 0.05 else ""
            lines.append(f"{n} of {self._tries} requests were repeated ({counts(self._why)}){waited}")
        if self._redirects:
            few = (
                "1 request for metadata was"
                if self._redirects == 1
                else f"{self._redirects} requests for metadata were"
            )
            lines.append(f"{few} redirected within {self._card.host}")
        return (*lines, *self._notes)

    @property
    def asked(self) -> Totals:
        """What was asked so far: over all workers of the run, where they share a ledger."""
        return self._ledger.totals()

    def close(self) -> None:
        """Let go of the connections. Harmless when repeated."""
        if self._line.mine:
            with contextlib.suppress(RuntimeError):
                self._line.run(self._door.close())
        self._line.close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> tuple[Door, asyncio.Semaphore]:
        return Door(self._card, self._base, self._name), asyncio.Semaphore(self._card.at_once)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if not self._line.mine:  # a fork: its parent's connections are not ours to write on
            self._line = _Line()
            self._door, self._gate = self._opened()
        return self._line.run(work)

    async def _all(
        self, method: str, path: str, bodies: Sequence[bytes], rows: Sequence[int], content_type: str
    ) -> list[Reply]:
        """All answers; the first that cannot be had ends the others."""
        url = self._door.url(path)
        replies: list[Reply | None] = [None] * len(bodies)
        todo = iter(range(len(bodies)))

        async def work() -> None:
            for i in todo:
                replies[i] = await self._one(method, url, path, bodies[i], rows[i], content_type)

        tasks = [asyncio.ensure_future(work()) for _ in range(min(self._card.at_once, len(bodies)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [r for r in replies if r is not None]

    async def _one(self, method: str, url: str, path: str, body: bytes, rows: int, content_type: str) -> Reply:
        started, why = self._clock(), ""
        for tries in range(1, self._card.retries + 2):
            async with self._gate, self._seat():
                await self._turn(path, rows, len(body), why)
                found = await self._try(method, url, body, rows, content_type)
            if isinstance(found, Reply):
                self._in_a_row = 0
                self._answered += rows
                self._redirects += found.redirects
                return found
            self._in_a_row += 1
            took = self._clock() - started
            if not found.again or tries > self._card.retries or self._in_a_row >= self._most_in_a_row:
                raise self._failed(found, path, tries, took)
            await self._rest(found, tries, path, took)
            why = found.kind
        raise AssertionError("the last try either answers or raises")

    @contextlib.asynccontextmanager
    async def _seat(self) -> AsyncIterator[None]:
        """One of the requests that may be under way at once in the whole run; waits until there is one."""
        held = None
        while self._seats is not None and (held := self._seats.take()) is None:
            if self._clock() >= self._until():
                raise BudgetSpent
            await self._sleep(SEAT)
        try:
            yield
        finally:
            if held is not None:
                held.close()

    async def _turn(self, path: str, rows: int, size: int, why: str) -> None:
        """Wait until the pace and the run's queries let a request begin, and count it."""
        if self._in_a_row >= self._most_in_a_row:
            raise TargetError(
                f"not asked any more: its last {self._in_a_row} requests failed", code="target/http-closed",
                place=self.place(path), hint="See the server's own log, then run again",
            )  # fmt: skip
        while True:
            if self._clock() >= self._until():
                raise BudgetSpent
            try:
                wait = self._ledger.begin(rows, size, self._pace, most=self._card.queries, why=why)
            except QueriesSpent:
                self._spent(path)
            if not wait:
                break
            await self._pause(wait)
        self._tries += 1
        if why:
            self._why[why] += 1

    def _spent(self, path: str) -> None:
        """The run's queries are used up: the best so far for a measurement under way, an error for one that is not."""
        most = f"{self._card.queries:,}"
        if self._answered:
            self._notes[
                f"the {most} queries that the card allows a whole run were used up (targets[].http.queries)"
            ] = None
            raise BudgetSpent
        raise TargetError(
            f"the {most} queries that a whole run may ask are used up", code="target/http-budget",
            place=self.place(path), hint="Raise targets[].http.queries, or run again for the rest",
        )  # fmt: skip

    async def _try(self, method: str, url: str, body: bytes, rows: int, content_type: str) -> Reply | Trouble:
        began = self._clock()
        left = self._until() - began
        found = await self._door.ask(method, url, body, content_type, min(self._card.seconds, max(left, 0.001)))
        kind = str(found.status) if found.status is not None else getattr(found, "kind", "")
        received = len(found.body) if isinstance(found, Reply) else found.received
        self._ledger.ended(kind, received, self._clock() - began)
        if isinstance(found, Trouble):
            if not found.left:
                self._ledger.never_left(rows, len(body))
            if found.wait is not None:
                self._ledger.hold(min(found.wait, PATIENCE))  # for all workers: each of them is the same caller
            if found.kind == "late" and left < self._card.seconds:
                raise BudgetSpent  # not the server was late but the measurement's time over
        return found

    async def _rest(self, found: Trouble, tries: int, path: str, took: float) -> None:
        """Wait before a repeat: what the server asked for, and a random part of a time that doubles."""
        wait = self._chance() * min(LONGEST, FIRST * 2 ** (tries - 1))
        if found.wait is not None:
            wait += found.wait
            if found.wait > PATIENCE and math.isinf(self._until()):
                raise self._failed(found, path, tries, took)
        await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        if self._clock() + seconds >= self._until():
            if seconds > 1:
                self._notes[f"a wait of {seconds:.0f} s for the server would have outlasted the measurement"] = None
            raise BudgetSpent
        self._waited += seconds
        await self._sleep(seconds)

    def _failed(self, found: Trouble, path: str, tries: int, took: float) -> TargetError:
        asked = f" (asked {tries} times in {took:.1f} s)" if tries > 1 else f" (after {took:.1f} s)"
        wait = f", to come back after {found.wait:.0f} s" if found.wait else ""
        return TargetError(f"{found.what}{wait}{asked}", code=found.code, place=self.place(path), hint=found.hint)


class _Line:
    """An event loop in a thread of its own: callers wait for it, and may themselves live in a loop (a notebook)."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def mine(self) -> bool:
        """Whether it was made by this process, and not by one that this is a fork of."""
        return self._pid == os.getpid()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="momus-http", daemon=True).start()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        with self._lock:
            if self._loop is not None and self.mine:
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None
