"""A stream replayed through the watch as it runs in production: its windows, its checkpoint, its control of alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from momus.card.monitor import MonitorCard
from momus.monitor.detector import Detector, State
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.sinks import Closed
from momus.monitor.source import Aside, Keep, Position, Taken
from momus.monitor.watch import Pace, Watch, fitted


@dataclass
class Replay:
    """A batch as a source."""

    batch: Batch

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """The next events."""
        start = int(after.get("event", 0))
        stop = min(len(self.batch), start + most)
        return Taken(self.batch.take(slice(start, stop)), {"event": stop}, Aside(), stop - start)

    def waiting(self, after: Position) -> int:
        return 0  # a replay is never behind: nothing is shed

    def passed(self, position: Position) -> None:
        """Nothing to forget."""

    def done(self, after: Position) -> bool:
        return int(after.get("event", 0)) >= len(self.batch)

    def final(self) -> None:
        """Nothing was going to be written."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class Heard:
    """A sink that keeps every window."""

    windows: list[Closed] = field(default_factory=list)
    told: tuple[str, ...] = ()

    def window(self, closed: Closed) -> None:
        self.windows.append(closed)

    def close(self) -> None:
        """Nothing to give back."""


class Watcher:
    """Detectors fitted once on a reference, and set back to their beginning before each stream."""

    def __init__(self, reference: Reference, card: MonitorCard, seed: int = 0) -> None:
        self.reference, self.card = reference, card
        self.detectors, self.lacking = fitted(reference, card, seed)
        self._first: Mapping[str, State] = {name: d.state() for name, d in self.detectors.items()}

    def watch(self, batch: Batch, folder: Path) -> list[Closed]:
        """The windows of one stream; ``folder`` takes the checkpoint."""
        for name, made in self.detectors.items():
            made.restore(self._first[name])
        heard = Heard()
        detectors: Mapping[str, Detector] = self.detectors
        never = Pace(seconds=1e9)
        watch = Watch(
            self.reference,
            self.card,
            Replay(batch),
            folder,
            sinks=(heard,),
            detectors=detectors,
            fresh=True,
            pace=never,
        )
        watch.run(once=True)
        lost = sorted(set(self.detectors) - set(watch.detectors))
        if lost:
            raise RuntimeError(f"detectors failed on the way: {', '.join(lost)}: {'; '.join(watch.told)}")
        return heard.windows
