"""Pulsing: a watcher that lets others see a run under way by a row in the store, and tells its own watcher all of it.

Everything that touches the store happens on one thread of its own: a store that is slow, locked or gone costs the run
nothing. A job may compute for minutes without a word, so the row is renewed while nothing happens, too: what is not
heard from for a minute is gone, and not merely busy.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from momus.core.decisions import JobPulse, Pulse
from momus.core.errors import StoreError
from momus.core.records import Finding, Status
from momus.reports.progress import Progress

if TYPE_CHECKING:
    from momus.assess.watching import Watcher
    from momus.store import Store

SECOND = 1.0
# Renewed so often while nothing changes.
HEARTBEAT = 10.0
# A store that refused so often in a row is not asked again.
PATIENCE = 5
MOST_JOBS = 24
MEMORY = ":memory:"


class Pulsing:
    """Wraps a watcher for the time of one run: ``with Pulsing(store, run.id, watcher) as watcher``."""

    def __init__(
        self, store: Store, run: str, inner: Watcher, *, every: float = SECOND, heartbeat: float = HEARTBEAT
    ) -> None:
        self._store, self._run, self._inner = store, run, inner
        self._every, self._heartbeat = every, heartbeat
        self._progress = _Unseen(io.StringIO(), live=False)
        self._failing = 0
        self._changed, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        """Jobs are known."""
        self._progress.start(jobs)
        self._changed.set()
        self._inner.start(jobs)

    def update(self, key: str, fraction: float, note: str) -> None:
        """A job moved on."""
        self._progress.update(key, fraction, note)
        self._changed.set()
        self._inner.update(key, fraction, note)

    def done(self, key: str, finding: Finding | None, text: str) -> None:
        """A job ended."""
        self._progress.done(key, finding, text)
        self._failing += finding is not None and finding.status is Status.FAIL
        self._changed.set()
        self._inner.done(key, finding, text)

    def warn(self, text: str) -> None:
        """Something to know before the jobs begin."""
        self._inner.warn(text)

    def __enter__(self) -> Pulsing:
        if self._store.name != MEMORY:  # one connection, and nobody else could look
            self._thread = threading.Thread(target=self._beat, name="momus-pulse", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)  # a store that hangs must not hold up the end of a run

    def now(self) -> Pulse:
        """What the run says of itself at this moment."""
        told = self._progress
        under_way = told.under_way()
        return Pulse(
            run=self._run,
            done=told.finished,
            total=len(told.jobs),
            failing=self._failing,
            jobs=tuple(
                JobPulse(probe=j.probe, target=j.target, fraction=j.fraction, note=j.note)
                for j in under_way[:MOST_JOBS]
            ),
            seconds_left=told.remaining(),
            ended=self._over.is_set(),
        )

    def _beat(self) -> None:
        refused, wrote = 0, -self._heartbeat
        while refused < PATIENCE:
            over = self._over.is_set()
            if over or self._changed.is_set() or time.monotonic() - wrote >= self._heartbeat:
                self._changed.clear()
                wrote = time.monotonic()
                refused = 0 if self._written() else refused + 1
            if over:
                return
            self._over.wait(self._every)

    def _written(self) -> bool:
        try:
            self._store.pulse(self.now())
        except StoreError:
            return False
        return True


class _Unseen(Progress):
    """The bookkeeping of the terminal's progress, without its lines."""

    def _say(self, line: str) -> None:
        """Nobody reads it here."""
