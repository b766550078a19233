"""Where one window ends and the next begins: exactly after so many events, or by the events' own time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.card.monitor import WindowCard
from momus.core.errors import MomusError
from momus.core.samples import NumpyArray
from momus.monitor.events import Batch
from momus.monitor.source import LOST, SAMPLES, SHED, Aside

_AGREE = 16  # events in a row that must come from far ahead before the watch believes it
_LEAP = 86_400.0  # seconds, and a hundred windows: further ahead than that is far
_PATIENCE = 10_000  # events without a time before windows of time are given up
LATE = "late event"
FAR = "time far ahead"


@dataclass
class Window:
    """The window that is open."""

    number: int = 1
    events: int = 0
    first: float = math.nan  # the events' own times
    last: float = math.nan
    begin: float = math.nan  # of a spell of time
    far: int = 0  # events in a row from far ahead
    counts: dict[str, int] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    dear: bool = False  # the dear detectors missed some of it

    @property
    def shed(self) -> int:
        return self.counts.get(SHED, 0)

    @property
    def broken(self) -> int:
        return sum(many for kind, many in self.counts.items() if kind in LOST)

    def count(self, kind: str, many: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + many

    def plain(self) -> dict[str, Any]:
        """As JSON; what is not known is None there."""
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in vars(self).items()}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Window:
        known: dict[str, Any] = {k: math.nan if v is None else v for k, v in plain.items()}
        return cls(**known)

    def following(self) -> Window:
        return Window(number=self.number + 1, begin=self.begin, far=self.far)


class Cutter:
    """Cuts batches at the ends of windows. The same events give the same windows however they come in batches."""

    def __init__(self, card: WindowCard) -> None:
        self._size = card.size
        self._seconds = card.seconds or 0.0
        self.window = Window()
        self._untimed = 0

    @property
    def end(self) -> float:
        """The moment at which the open window is over; NaN where events decide."""
        return self.window.begin + self._seconds if self._seconds else math.nan

    def pieces(self, batch: Batch, aside: Aside) -> Iterator[tuple[Batch, bool]]:
        """Events of one window each, in order, and whether the window is over after them.

        The window counts its events before each piece is handed out; the next one begins when the caller says so
        by :meth:`next`.
        """
        n = len(batch)
        low = place = 0
        ends = self._by_time(batch.time) if self._seconds else self._by_count(n)
        for high, target in ends:
            # before the first event of the next window: by count it is over by then, by time it is not
            upto = 2 * high + (1 if self._seconds else 0)
            if self._seconds and high == low and not self.window.events:
                self.window.begin = target  # nothing came for a while
                continue
            yield self._piece(batch, low, high, aside, place, upto), True
            low, place = high, upto
            if self._seconds:
                self.window.begin = target
        if low < n or place <= 2 * n:
            yield self._piece(batch, low, n, aside, place, 2 * n + 2), False

    def next(self) -> None:
        """The window was closed; the next begins."""
        self.window = self.window.following()

    def _piece(self, batch: Batch, low: int, high: int, aside: Aside, start: int, upto: int) -> Batch:
        window = self.window
        window.events += high - low
        for kind, many in aside.upto(upto, start).items():
            window.count(kind, many)
        window.shown = [*window.shown, *aside.shown(upto, start)][:SAMPLES]
        times = batch.time[low:high]
        times = times[~np.isnan(times)]
        if len(times):
            window.first = float(np.fmin(window.first, times.min()))
            window.last = float(np.fmax(window.last, times.max()))
            if self._seconds and not math.isnan(window.begin):
                late = int((times < window.begin).sum())
                if late:
                    window.count(LATE, late)
        return batch.take(slice(low, high)) if high - low < len(batch) else batch

    def _by_count(self, n: int) -> Iterator[tuple[int, float]]:
        high = 0
        while high + self._size - self.window.events <= n:
            high += self._size - self.window.events
            yield high, math.nan

    def _by_time(self, times: NumpyArray) -> Iterator[tuple[int, float]]:
        """Indices at which a window is over, with the beginning of the next."""
        known = np.flatnonzero(~np.isnan(times))
        if not len(known):
            self._patience(len(times))
            return
        self._untimed = -1
        seconds = self._seconds
        if math.isnan(self.window.begin):
            self.window.begin = math.floor(float(times[known[0]]) / seconds) * seconds
        at = 0  # in ``known``
        moments = times[known]
        while True:
            ahead = np.flatnonzero(moments[at:] >= self.end)
            if not len(ahead):
                if len(moments) > at:
                    self.window.far = 0
                return
            if ahead[0] > 0:
                self.window.far = 0
            at += int(ahead[0])
            moment = float(moments[at])
            if moment >= self.end + max(_LEAP, 100 * seconds):
                self.window.far += 1
                if self.window.far < _AGREE:
                    self.window.count(FAR)
                    at += 1
                    if at == len(moments):
                        return
                    continue
            self.window.far = 0
            yield int(known[at]), math.floor(moment / seconds) * seconds

    def _patience(self, n: int) -> None:
        if self._untimed >= 0:
            self._untimed += n
        if self._untimed > _PATIENCE:
            raise MomusError(
                f"windows of {self._seconds:g} seconds need events with a time; {self._untimed:,} had none",
                code="monitor/no-time", place="monitor.fields.time",
                hint="Name where it stands in a line, or say window: {events: 2000}",
            )  # fmt: skip
