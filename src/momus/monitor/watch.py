"""Watch: events in, windows judged, told to sinks; one checkpoint, so that a kill loses nothing and doubles nothing."""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from momus.card.monitor import MonitorCard
from momus.core import digest
from momus.core.errors import MomusError
from momus.core.seeds import derive
from momus.monitor import checkpoint
from momus.monitor.alarms import Control
from momus.monitor.closed import dumped, loaded
from momus.monitor.detector import Detector, Lacking, Reading, fits
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.shed import Shedder
from momus.monitor.sinks import Closed, Sink
from momus.monitor.source import Position, Source, Taken
from momus.monitor.windows import Cutter, Window

FORMAT = 1
MOST = 4096  # records of one read
_RARELY = 15  # times as long between checkpoints while no window is over: states are megabytes
_GRACE = 5.0  # seconds after the end of a spell of time in which its events may still come
# What makes a state another's when it changes on the card; detectors and the reference count by themselves.
_CARD = ("fields", "window", "one_false_alarm_in", "options")


@dataclass(frozen=True)
class Pace:
    """``seconds`` between checkpoints, which are also what windows wait for before sinks hear of them; ``idle`` between
    looks for new events; ``clock`` and ``now`` tell the time, for costs and for windows of time."""

    seconds: float = 2.0
    idle: float = 0.2
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time


def fitted(reference: Reference, card: MonitorCard, seed: int) -> tuple[dict[str, Detector], dict[str, Lacking]]:
    """The detectors that the card chooses by name or mode, and those that cannot watch this system.

    Raises MomusError for a name that no detector and no mode has.
    """
    known = fits()
    for word in (*card.detectors, *card.skip, *card.options):
        if not any(_chosen(name, (word,)) for name in known):
            raise MomusError(
                f"there is no detector '{word}'", code="monitor/unknown-detector", place="monitor",
                hint=f"There are {', '.join(known) or 'none'}",
            )  # fmt: skip
    detectors: dict[str, Detector] = {}
    lacking: dict[str, Lacking] = {}
    for name, fit in known.items():
        if (card.detectors and not _chosen(name, card.detectors)) or _chosen(name, card.skip):
            continue
        made = fit(reference, card.options.get(name, {}), derive(seed, "detector", name))
        if isinstance(made, Lacking):
            lacking[name] = made
        else:
            detectors[name] = made
    return detectors, lacking


def _chosen(name: str, words: Sequence[str]) -> bool:
    return any(name == word or name.startswith(f"{word}.") for word in words)


class Watch:
    """Reads a source from where the last checkpoint stands, and tells sinks of every window in order.

    A checkpoint holds the place in the source, the open window, the state of every detector and of the control, and
    the windows that sinks have not been told of. Sinks are told after it was written: what they heard is never made
    otherwise by a kill, and the last window alone may be told again, the same to the last bit.
    One process watches a folder at a time.
    """

    def __init__(
        self,
        reference: Reference,
        card: MonitorCard,
        source: Source,
        folder: Path,
        seed: int = 0,
        sinks: Sequence[Sink] = (),
        *,
        detectors: Mapping[str, Detector] | None = None,
        fresh: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self._source = source
        self._folder = folder
        self._sinks = tuple(sinks)
        self._pace = pace or Pace()
        self.detectors, self.lacking = ({}, {}) if detectors is not None else fitted(reference, card, seed)
        self.detectors |= dict(detectors or {})
        self.control = Control(self.detectors, card.one_false_alarm_in)
        self._shedder = Shedder(card.shed, card.behind, seed)
        self._cutter = Cutter(card.window)
        self._position: Position = {}
        self._passed: Position | None = None  # of the last checkpoint
        self._given: Position | None = {}  # of the one before it, which the source may forget
        self._pending: list[Closed] = []
        self._told_to = 0  # number of the last window that sinks heard of
        self._dirty = False
        self._spent = 0.0
        self._waiting = 0
        self._stop = threading.Event()
        self.told: tuple[str, ...] = ()
        self.records = 0
        chosen = {k: v for k, v in card.model_dump(mode="json").items() if k in _CARD}
        self._whose = {
            "format": FORMAT, "reference": reference.digest, "card": digest.of_value(chosen), "seed": seed,
            "detectors": sorted(self.detectors),
        }  # fmt: skip
        self._lock = self._alone()
        if fresh:
            checkpoint.clear(folder)
        self._restore()
        self._saved = self._pace.clock()

    @property
    def position(self) -> Position:
        """The place in the source up to which everything is counted."""
        return self._position

    @property
    def window(self) -> Window:
        """The window that is open."""
        return self._cutter.window

    def run(self, once: bool = False) -> None:
        """Watch until :meth:`stop`, or until the source has nothing more where it is only asked ``once``.

        The open window stays open in the checkpoint, and is gone on with the next time.
        """
        if once:
            self._source.final()
        try:
            self._deliver()
            while not self._stop.is_set():
                if self.step():
                    continue
                if once and self._source.done(self._position):
                    break
                self._stop.wait(self._pace.idle)
        finally:
            self.close()

    def stop(self) -> None:
        """Finish what is being read, write a checkpoint, end. For signal handlers and other threads."""
        self._stop.set()

    def close(self) -> None:
        """A last checkpoint; sinks and source are closed."""
        try:
            for _ in range(2):  # when both checkpoints stand here, a spool can give back its segments
                if self._dirty or self._given != self._position:
                    self.save()
            for sink in self._sinks:
                sink.close()
        finally:
            self._source.close()
            os.close(self._lock)

    def step(self) -> bool:
        """Read once. False where nothing waited."""
        self._waiting = self._source.waiting(self._position)
        self._shedder.look(self._waiting)
        started = self._pace.clock()
        taken = self._source.read(self._position, MOST, self._shedder.keep)
        self._take(taken, started)
        if self._due():
            self.save()
        if not taken.records:
            self._overdue()
        return taken.records > 0

    def _due(self) -> bool:
        """Whether a checkpoint is: soon when sinks wait for a window, else as seldom as a replay is cheap."""
        patience = self._pace.seconds * (1 if self._pending else _RARELY)
        return self._dirty and self._pace.clock() - self._saved >= patience

    def _take(self, taken: Taken, started: float) -> None:
        self._dirty |= taken.position != self._position
        self._position = taken.position
        self.records += taken.records
        for piece, over in self._cutter.pieces(taken.batch, taken.aside):
            self._feed(piece)
            now = self._pace.clock()
            self._spent += now - started
            started = now
            if over:
                self._finish()
        self._spent += self._pace.clock() - started

    def _feed(self, piece: Batch) -> None:
        window = self._cutter.window
        if self._shedder.dear and len(piece):
            window.dear = True
        if not len(piece):
            return
        for name, detector in list(self.detectors.items()):
            if detector.cheap or not window.dear:
                try:
                    detector.take(piece)
                except Exception as error:  # one broken detector must not blind the others
                    self._failed(name, error)

    def _finish(self) -> None:
        """Close the open window."""
        window = self._cutter.window
        readings: dict[str, Reading] = {}
        standings = {}
        for name, detector in list(self.detectors.items()):
            try:
                reading = detector.close(window.number)
            except Exception as error:
                self._failed(name, error)
                continue
            if reading is not None and (detector.cheap or not window.dear):
                readings[name] = reading
            p = readings[name].p if name in readings else None
            standings[name] = self.control.look(name, p, window.number)
        closed = Closed(
            number=window.number, start=window.first, end=window.last, events=window.events, shed=window.shed,
            broken=window.broken, readings=readings, standings=standings, lacking=dict(self.lacking),
            seconds=self._spent, waiting=self._waiting, dear=window.dear, counts=dict(sorted(window.counts.items())),
            shown=tuple(window.shown),
        )  # fmt: skip
        self._spent = 0.0
        self._pending.append(closed)
        self._dirty = True
        self._cutter.next()

    def _overdue(self) -> None:
        """A spell of time is over and nothing came after it: the clock closes it, and the checkpoint says so."""
        end = self._cutter.end
        if self._cutter.window.events and not math.isnan(end) and self._pace.now() > end + _GRACE:
            self._finish()
            self._cutter.window.begin = end
            self.save()

    def _failed(self, name: str, error: Exception) -> None:
        del self.detectors[name]
        what = f"it failed: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
        self.lacking[name] = Lacking(what, "Start the watch anew; report the message if it comes again")
        self._say(f"{name}: {what}")

    def _say(self, line: str) -> None:
        self.told = (*self.told[-19:], line)

    def save(self) -> bool:
        """Write the checkpoint, then tell sinks of the windows that it holds. False where it could not be written."""
        groups = {name: d.state() for name, d in self.detectors.items()} | {"control": self.control.state()}
        plain = {
            **self._whose, "position": self._position, "window": self._cutter.window.plain(),
            "shed": self._shedder.plain(), "pending": [dumped(c) for c in self._pending],
            "records": self.records,
        }  # fmt: skip
        try:
            checkpoint.save(self._folder, plain, groups)
        except OSError as error:
            # an alarm must get out even where nothing can be written; the last checkpoint stays as it is
            self._say(f"the checkpoint could not be written: {error.strerror or error}")
            written = False
        else:
            if self._passed is not None:
                self._source.passed(self._passed)
            self._given, self._passed = self._passed, self._position
            self._dirty, written = False, True
        self._saved = self._pace.clock()
        self._deliver()
        return written

    def _deliver(self) -> None:
        for closed in self._pending:
            if closed.number <= self._told_to:
                continue  # made again after a kill
            for sink in self._sinks:
                try:
                    sink.window(closed)
                except Exception as error:  # a sink that breaks its word must not stop the watch
                    self._say(f"{type(sink).__name__} failed on window {closed.number}: {error}")
            self._told_to = closed.number
            checkpoint.tell(self._folder, closed.number)
        self._pending.clear()  # the next checkpoint is without them; nothing hurries it

    def _restore(self) -> None:
        found, said = checkpoint.load(self._folder)
        if said:
            self._say(said)
        self._told_to = checkpoint.told(self._folder)
        if found is None:
            return
        plain = found.plain
        differs = [k for k, v in self._whose.items() if plain.get(k) != v]
        if differs:
            raise self._refused(f"its state was made with another {' and '.join(differs)}")
        for name, detector in self.detectors.items():
            if name not in found.groups:
                continue  # it failed in the process before: it begins anew
            try:
                detector.restore(found.groups[name])
            except (ValueError, KeyError) as error:
                raise self._refused(f"the state of {name} does not fit: {error}") from error
        self.control.restore(found.groups["control"])
        self._cutter.window = Window.of(plain["window"])
        self._shedder.restore(plain["shed"])
        self._position = self._passed = plain["position"]
        self.records = int(plain["records"])
        self._pending = [loaded(c) for c in plain["pending"]]

    def _refused(self, why: str) -> MomusError:
        os.close(self._lock)
        return MomusError(
            why, code="monitor/other-state", place=str(self._folder),
            hint="Watch in another folder, or begin anew with --fresh",
        )  # fmt: skip

    def _alone(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise MomusError(
                "another process watches in this folder", code="monitor/running", place=str(self._folder),
                hint="Stop it first, or give this watch a folder of its own",
            ) from None  # fmt: skip
        return handle
