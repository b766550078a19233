"""From a card to a watch that runs: reference, detectors, source, and the sinks that the card asks for."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from momus.card import SystemCard
from momus.core import digest
from momus.core.records import Severity
from momus.monitor.build import Built, build, section, watched
from momus.monitor.decode import Decoder
from momus.monitor.diary import Diary
from momus.monitor.findings import Kind
from momus.monitor.messages import Message, Writer
from momus.monitor.metrics import Metrics
from momus.monitor.sinks import Closed, Sink
from momus.monitor.source import Source, open_source
from momus.monitor.telemetry import Telemetry
from momus.monitor.watch import Watch, fitted
from momus.monitor.webhook import Webhooks
from momus.store import Store

Progress = Callable[[float, str], None]


@dataclass
class Watching:
    """A watch ready to run, with what it began from."""

    watch: Watch
    source: Source
    built: Built
    diary: Diary
    kinds: dict[str, Kind]
    metrics: Metrics | None
    alerts: Webhooks | None
    tally: Tally
    relay: Relay
    first: int = 1

    @property
    def told(self) -> tuple[str, ...]:
        """What went wrong outside: a store, a receiver, a collector, the log itself."""
        parts = (
            self.watch.told,
            getattr(self.source, "told", ()),
            self.relay.told,
            *(s.told for s in self.relay.sinks),
        )
        return tuple(dict.fromkeys(line for part in parts for line in part))


@dataclass
class Tally:
    """The sink that counts for the end: what this process read, and which alarms it saw, with their severity."""

    writer: Writer
    told: tuple[str, ...] = ()
    windows: int = 0
    events: int = 0
    shed: int = 0
    broken: int = 0
    waiting: int = 0
    seconds: float = 0.0
    last: Closed | None = None
    readings: dict[str, Any] = field(default_factory=dict)
    worst: dict[str, Severity | None] = field(default_factory=dict)  # of each detector that was at alarm
    behind: Callable[[], int] | None = None
    _seen: int = 0

    def window(self, closed: Closed) -> None:
        if closed.number <= self._seen:
            return
        self._seen, self.last = closed.number, closed
        self.windows += 1
        self.events += closed.events
        self.shed += closed.shed
        self.broken += closed.broken
        self.seconds += closed.seconds
        self.waiting = closed.waiting
        self.readings |= closed.readings
        for name in closed.alarms:
            reading = closed.readings.get(name)
            severity = None
            if reading is not None:
                _, severity = self.writer.judged(closed, name, closed.standings[name], reading)
            known = self.worst.get(name)
            self.worst[name] = max((s for s in (known, severity) if s is not None), key=lambda s: s.rank, default=None)

    def close(self) -> None:
        """The source is still open: how much waits there now."""
        if self.behind is not None:
            self.waiting = self.behind()


class Alerts:
    """The sink that tells receivers of alarms: those on the card, and the collector."""

    def __init__(self, writer: Writer, receivers: Sequence[Callable[[Message], None]]) -> None:
        self.told: tuple[str, ...] = ()
        self._writer, self._receivers, self._seen = writer, receivers, 0

    def window(self, closed: Closed) -> None:
        if closed.number <= self._seen:
            return
        self._seen = closed.number
        for message in self._writer.of(closed):
            for receiver in self._receivers:
                receiver(message)

    def close(self) -> None:
        """The receivers are sinks of their own, or closed with the watch."""


@dataclass
class Relay:
    """Hands windows on to sinks that are made once the watch has its folder for itself. One that breaks its word, and
    raises, does not keep the others from hearing."""

    sinks: list[Sink] = field(default_factory=list)
    told: tuple[str, ...] = ()

    def window(self, closed: Closed) -> None:
        for sink in self.sinks:
            self._safely(sink, partial(sink.window, closed))

    def close(self) -> None:
        for sink in self.sinks:
            self._safely(sink, sink.close)

    def _safely(self, sink: Sink, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            line = f"{type(sink).__name__} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            self.told = tuple(dict.fromkeys((*self.told, line)))[-10:]


def state_folder(card: SystemCard, given: Path | None = None) -> Path:
    """Where a watch keeps its state: a folder of its own for each target."""
    name = watched(card)
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]
    return given or card.base / ".momus" / "monitor" / f"{plain}-{digest.of_value([card.system, name])[:8]}"


def start(
    card: SystemCard,
    store: Store,
    *,
    folder: Path,
    seed: int = 0,
    fresh: bool = False,
    metrics: str | None = None,
    allow_unsafe: bool = False,
    command: str = "",
    progress: Progress | None = None,
    shown: Callable[[Writer], Sequence[Sink]] = lambda _writer: (),
) -> Watching:
    """Make a watch ready. Raises MomusError with what to do for a card, log or state that is not usable."""
    wanted, target = section(card), watched(card)
    built = build(card, fresh=fresh, allow_unsafe=allow_unsafe, listener=progress)
    reference = built.reference
    detectors, lacking = fitted(reference, wanted, seed)
    kinds = {name: Kind(name, d.metric, d.worse) for name, d in detectors.items()}
    source = open_source(wanted.source, Decoder(wanted.fields, reference), card.base)
    relay = Relay()
    watch = Watch(reference, wanted, source, folder, seed, (relay,), detectors=detectors, fresh=fresh)
    if fresh:
        _forget(folder)
    watch.lacking.update(lacking)
    writer = Writer(card, kinds, target=target, watch=_name(folder), seed=seed)
    tally = Tally(writer, behind=lambda: source.waiting(watch.position))
    diary = Diary(card, store, folder, target=target, kinds=kinds, seed=seed, command=command, every=wanted.run)
    address = metrics or wanted.metrics
    standings = {name: watch.control.standing(name) for name in kinds}
    served = Metrics(target, standings, address) if address else None
    hooks = Webhooks(wanted.alerts, folder / "alerts") if wanted.alerts else None
    spans = Telemetry(wanted.otlp, target, card.system) if wanted.otlp else None
    receivers = [r.alert for r in (hooks, spans) if r is not None]
    told: list[Sink] = [tally, diary, Alerts(writer, receivers), *(s for s in (served, spans, hooks) if s is not None)]
    relay.sinks = [*told, *shown(writer)]
    return Watching(watch, source, built, diary, kinds, served, hooks, tally, relay, watch.window.number)


def _name(folder: Path) -> str:
    """The watch's own name: made once and kept with its state, so that its alarms are told apart from later ones."""
    path = folder / "watch.json"
    try:
        return str(json.loads(path.read_text("utf-8"))["watch"])
    except (OSError, ValueError, KeyError, TypeError):
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{digest.of_value([str(folder), time.time_ns()])[:8]}"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"watch": name}), "utf-8")
        return name


def _forget(folder: Path) -> None:
    """Begin anew: what is left of an earlier watch goes, messages that no receiver has confirmed included."""
    for name in ("watch.json", "diary.json", "diary.jsonl"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "alerts", ignore_errors=True)
