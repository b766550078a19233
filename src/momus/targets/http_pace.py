"""How fast a served model may be asked: when the next request may begin, reckoned on numbers that a file can hold.

``per_second`` spaces the beginnings of requests evenly. ``per_minute`` bounds the rows of any sixty seconds: they are
counted in bins of a second, and a bin counts as a whole until its last moment is a minute old, so that no window of the
service's own can hold more than it allows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests that may begin in a second, rows that may be asked in a minute. None: no bound."""

    per_second: float | None = None
    per_minute: float | None = None


@dataclass(slots=True)
class Past:
    """What was begun so far, on a clock that only goes forward and that all workers of a machine share."""

    free: float = 0.0
    held: float = 0.0
    bins: dict[int, int] = field(default_factory=dict)

    def wait(self, now: float, rows: int, pace: Pace) -> float:
        """Seconds until a request with ``rows`` may begin; 0 is now."""
        waits = [0.0, self.held - now]
        if pace.per_second:
            waits.append(self.free - now)
        if pace.per_minute:
            waits.append(self._room(now, rows, pace.per_minute))
        return max(waits)

    def take(self, now: float, rows: int, pace: Pace) -> None:
        """Count a request that begins now."""
        if pace.per_second:
            self.free = max(now, self.free) + 1 / pace.per_second
        if pace.per_minute and rows:
            self._forget(now)
            self.bins[int(now)] = self.bins.get(int(now), 0) + rows

    def hold(self, until: float) -> None:
        """Nobody begins before: the server asked for a pause."""
        self.held = max(self.held, until)

    def _room(self, now: float, rows: int, most: float) -> float:
        self._forget(now)
        asked = sum(self.bins.values())
        wait = 0.0
        # A request larger than the bound itself goes into an empty minute: what the service makes of it, it will say.
        for start in sorted(self.bins):
            if asked + rows <= most:
                break
            asked -= self.bins[start]
            wait = start + 1 + WINDOW - now
        return wait

    def _forget(self, now: float) -> None:
        self.bins = {start: rows for start, rows in self.bins.items() if start + 1 + WINDOW > now}
