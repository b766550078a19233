"""Trail: what one detector said over the windows of one run. Bounded: old points make room by halving their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from momus.core.evidence import Cell, Line, Series, Table

if TYPE_CHECKING:
    from momus.monitor.alarms import Standing
    from momus.monitor.detector import Reading

MOST_POINTS = 160
MOST_ALARMS = 50
CHART = "Window by window"
ALARMS = "Alarms"
# What a line of the journal holds of a reading and its standing.
Told = Mapping[str, Any]


def told(reading: Reading | None, standing: Standing | None) -> dict[str, Any]:
    """The numbers of a window that a trail goes by, as JSON values."""
    found: dict[str, Any] = {}
    if reading is not None:
        found |= {"v": reading.value, "l": reading.ci.low, "h": reading.ci.high, "n": reading.n, "p": reading.p}
    if standing is not None:
        found |= {"w": standing.wealth, "a": standing.since if standing.alarm else 0, "s": standing.start}
    return found


@dataclass
class Trail:
    """``points`` are (window, value, low, high), every ``step``-th window; ``alarms`` are (first window, likely
    beginning of the change, last window or 0, value at first, highest wealth), oldest first, of which ``forgotten``
    many are only counted."""

    points: list[list[float]] = field(default_factory=list)
    step: int = 1
    windows: int = 0
    events: int = 0
    alarms: list[list[Any]] = field(default_factory=list)
    forgotten: int = 0
    standing: bool = False

    def add(self, number: int, said: Told) -> bool:
        """Take in a window; True where an alarm began or ended in it."""
        if "v" in said:
            self.windows += 1
            self.events += int(said["n"])
            if self.windows % self.step == 0 or not self.points:
                self.points.append([number, said["v"], said["l"], said["h"]])
            if len(self.points) > MOST_POINTS:
                self.points, self.step = self.points[1::2], 2 * self.step
        since = int(said.get("a", 0))
        begun = bool(since) and not self.standing
        ended = self.standing and not since
        if begun:
            self.alarms.append([since, said.get("s", since), 0, said.get("v"), said.get("w", 0.0)])
            if len(self.alarms) > MOST_ALARMS:
                self.alarms, self.forgotten = self.alarms[1:], self.forgotten + 1
        elif ended:
            self.alarms[-1][2] = number
        elif since:
            self.alarms[-1][4] = max(self.alarms[-1][4], said.get("w", 0.0))
        self.standing = bool(since)
        return begun or ended

    @property
    def alarmed(self) -> bool:
        """Whether there was an alarm at all."""
        return bool(self.alarms)

    def evidence(self, metric: str) -> tuple[Series | Table, ...]:
        """The course of the value as a line with its interval, and the alarms as a table."""
        parts: list[Series | Table] = []
        if len(self.points) > 1:
            x, y, low, high = (tuple(float(p[i]) for p in self.points) for i in range(4))
            line = Line(name="value", x=x, y=y, low=low, high=high)
            note = "" if self.step == 1 else f"every {self.step}th window is shown"
            parts.append(Series(title=CHART, note=note, x_label="window", y_label=metric, lines=(line,)))
        if self.alarms:
            rows: tuple[tuple[Cell, ...], ...] = tuple(
                (
                    int(first),
                    int(start),
                    int(last) or "still on",
                    None if value is None else float(f"{value:.6g}"),
                    float(f"{wealth:.4g}"),
                )
                for first, start, last, value, wealth in self.alarms
            )
            columns = ("alarm in window", "change began in about", "ended in window", "value then", "evidence at most")
            note = f"{self.forgotten} earlier ones are not listed" if self.forgotten else ""
            parts.append(Table(title=ALARMS, note=note, columns=columns, rows=rows))
        return tuple(parts)

    def plain(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return dict(vars(self))

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Trail:
        """A trail from :meth:`plain`."""
        return cls(**plain)
