"""What a whole run has asked of a served model: one small file that all its worker processes share.

Every access locks the file, and the kernel lets go of the lock when a process dies, however it dies. The record is one
write of one page, so that no reader ever meets half of it. A request is counted before it is sent: a worker that is
killed in the middle may have counted one that never left, never the other way round.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from momus.core import digest
from momus.core.errors import TargetError
from momus.targets.http_pace import Pace, Past

_PAGE = 4096
_KINDS = 40  # different statuses and reasons that are told apart


class QueriesSpent(Exception):
    """The run has asked what the card allows it to ask."""


@dataclass(slots=True)
class Totals:
    """What was asked and what came of it. ``rows`` and ``requests`` count repeats; ``repeats`` says why, by count."""

    requests: int = 0
    rows: int = 0
    repeats: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    received: int = 0
    seconds: float = 0.0

    @property
    def repeated(self) -> int:
        return sum(self.repeats.values())

    def count(self, kinds: dict[str, int], name: str) -> None:
        """One more of a kind; a server that invents statuses does not make the record grow without end."""
        known = name in kinds or len(kinds) < _KINDS
        kinds[name if known else "other"] = kinds.get(name if known else "other", 0) + 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests, "rows": self.rows, "repeats": self.repeats, "statuses": self.statuses,
            "sent": self.sent, "received": self.received, "seconds": round(self.seconds, 3),
        }  # fmt: skip


class Ledger:
    """The record of one target in one run. ``path`` None keeps it in this process: a notebook's own questions."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._kept: tuple[Totals, Past] = (Totals(), Past())
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, folder: Path, target: str, *, clock: Callable[[], float] = time.monotonic) -> Ledger:
        """The record of the target of that name, in the folder of a run."""
        return cls(cls.place(folder, target), clock=clock)

    @staticmethod
    def place(folder: Path, target: str) -> Path:
        """The file of that record."""
        return folder / f"{digest.of_value(target)[:16]}.json"

    def begin(self, rows: int, size: int, pace: Pace, *, most: int | None = None, why: str = "") -> float:
        """Seconds to wait before asking again whether a request may begin; 0.0: it is counted and may be sent.

        ``why`` is the reason for which it is a repeat. Raises QueriesSpent when its rows are more than ``most`` leaves.
        """
        with self._open() as (totals, past):
            if most is not None and totals.rows + rows > most:
                raise QueriesSpent
            now = self._clock()
            wait = past.wait(now, rows, pace)
            if wait > 0:
                return wait
            past.take(now, rows, pace)
            totals.requests += 1
            totals.rows += rows
            totals.sent += size
            if why:
                totals.count(totals.repeats, why)
        return 0.0

    def ended(self, kind: str, received: int, seconds: float) -> None:
        """What came of a request: its status, or how it went wrong."""
        with self._open() as (totals, _):
            totals.count(totals.statuses, kind)
            totals.received += received
            totals.seconds += seconds

    def never_left(self, rows: int, size: int) -> None:
        """A request for which there was no connection: the server has not seen its rows."""
        with self._open() as (totals, _):
            totals.rows -= rows
            totals.sent -= size

    def hold(self, seconds: float) -> None:
        """No worker begins a request for so long."""
        with self._open() as (_, past):
            past.hold(self._clock() + seconds)

    def totals(self) -> Totals:
        with self._open() as (totals, _):
            return totals

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[Totals, Past]]:
        with self._lock:
            if self._path is None:
                yield self._kept
                return
            # A new descriptor each time: the lock is its own, and a forked process shares none with its parent.
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                held = os.pread(handle, _PAGE, 0)
                totals, past = self._read(held)
                yield totals, past
                text = _written(totals, past)
                if text != held:
                    os.pwrite(handle, text, 0)
            finally:
                os.close(handle)

    def _read(self, held: bytes) -> tuple[Totals, Past]:
        if not held:
            return Totals(), Past()
        try:
            record = json.loads(held)
            totals = Totals(**record["totals"])
            past = Past(record["free"], record["held"], {int(k): v for k, v in record["bins"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TargetError(
                "the record of what this run has asked cannot be read", code="target/http-ledger",
                place=str(self._path), hint="Remove the file and run again: the run's queries are counted anew",
            ) from error  # fmt: skip
        # The clock begins anew with the machine; what was counted stays.
        return totals, past if record["boot"] == _boot() else Past()


def _written(totals: Totals, past: Past) -> bytes:
    bins = {str(k): v for k, v in past.bins.items()}
    record = {"totals": totals.as_dict(), "free": past.free, "held": past.held, "bins": bins, "boot": _boot()}
    return json.dumps(record, separators=(",", ":")).encode().ljust(_PAGE)


@cache
def _boot() -> str:
    """Which start of the machine this is; empty where the system does not tell."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
