"""A thread that puts events on disk in groups, so that no request waits for a disk unless it is asked to."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from momus.monitor.spool import EVENT, LARGEST, NOTE, Record, Segments

_GATHER = 0.02  # seconds in which a group forms while nobody waits for it
_PAUSE = 1.0  # seconds after the disk refused
_GROUP = 2000  # items of one fsync
T = TypeVar("T")


@dataclass
class Counts:
    """What became of events since the process began. ``dropped``: the queue was full; ``refused``: the disk was.

    ``unreadable``: no event could be made of an exchange.
    """

    offered: int = 0
    written: int = 0
    dropped: int = 0
    refused: int = 0
    unreadable: int = 0
    noted: Counter[str] = field(default_factory=Counter)  # of the lost, how many the spool says


@dataclass
class _Item(Generic[T]):
    what: T
    size: int
    answer: Callable[[bool], None] | None


class Spooler(Generic[T]):
    """``offer`` never waits. ``build`` makes payloads of what was offered, in the thread.

    The queue holds ``most`` items and ``room`` bytes; what does not fit is dropped and counted, and the spool gets a
    note of it with the next group, so that the watch knows what it cannot see. A process that forks goes on with a
    thread and segments of its own.
    """

    def __init__(
        self,
        folder: Path,
        build: Callable[[T], Sequence[bytes]],
        *,
        most: int = 10_000,
        room: int = 64 << 20,
        segments: Callable[[Path], Segments] = Segments,
    ) -> None:
        self._folder = folder
        self._build = build
        self._most, self._room = most, room
        self._make = segments
        self._begin()
        atexit.register(self.close)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._queue: deque[_Item[T]] = deque()
        self._bytes = 0
        self._news = threading.Condition()
        self._ends = False
        self._urgent = 0
        self._thread: threading.Thread | None = None
        self._segments = self._make(self._folder)
        self.counts = Counts()

    def offer(self, what: T, size: int, answer: Callable[[bool], None] | None = None) -> bool:
        """Queue something of about ``size`` bytes. ``answer`` is called in the thread: True, it is on disk."""
        if os.getpid() != self._pid:
            self._begin()
        with self._news:
            self.counts.offered += 1
            if self._ends or len(self._queue) >= self._most or self._bytes + size > self._room:
                self.counts.dropped += 1
                return False
            self._queue.append(_Item(what, size, answer))
            self._bytes += size
            self._urgent += answer is not None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="momus spool", daemon=True)
                self._thread.start()
            self._news.notify()
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Write what is queued, within so many seconds. A later offer begins anew."""
        if os.getpid() != self._pid or self._thread is None:
            return
        with self._news:
            self._ends = True
            self._news.notify()
        self._thread.join(seconds)
        if not self._thread.is_alive():
            counts = self.counts
            self._begin()
            self.counts = counts

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._queue and not self._ends:
                    self._news.wait()
                if not self._urgent and not self._ends:
                    self._news.wait_for(lambda: bool(self._urgent or self._ends), _GATHER)
                group = [self._queue.popleft() for _ in range(min(_GROUP, len(self._queue)))]
                self._bytes -= sum(item.size for item in group)
                self._urgent -= sum(item.answer is not None for item in group)
            if group:
                self._group(group)
            elif self._ends:
                break
        self._group([])  # a note of what was dropped last
        self._segments.close()

    def _group(self, group: list[_Item[T]]) -> None:
        records: list[Record] = []
        made = []
        moment = time.time()
        for item in group:
            try:
                payloads = [p for p in self._build(item.what) if len(p) <= LARGEST]
            except Exception:  # whatever an application's own function raises; it is counted
                payloads = []
            self.counts.unreadable += not payloads
            made.append((item, bool(payloads)))
            records += [(moment, EVENT, p) for p in payloads]
        lost = self._lost()
        if lost:
            records.append((moment, NOTE, json.dumps(lost).encode()))
        kept = self._keep(records, made, lost)
        for item, good in made:
            if item.answer is not None:
                with contextlib.suppress(RuntimeError):  # the loop that asked is closed
                    item.answer(kept and good)

    def _keep(self, records: list[Record], made: list[tuple[_Item[T], bool]], lost: dict[str, int]) -> bool:
        events = sum(good for _, good in made)
        if not records:
            return True
        try:
            self._segments.append(records)
        except OSError:
            self.counts.refused += events
            if not self._ends:
                time.sleep(_PAUSE if not any(item.answer for item, _ in made) else 0.0)
            return False
        self.counts.written += events
        self.counts.noted.update(lost)
        return True

    def _lost(self) -> dict[str, int]:
        found = {k: getattr(self.counts, k) - self.counts.noted[k] for k in ("dropped", "refused", "unreadable")}
        return {k: v for k, v in found.items() if v}
