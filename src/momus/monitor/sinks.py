"""Sink: whoever is told of every window that closed. The store, metrics, alerts and the terminal are sinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from momus.monitor.alarms import Standing
    from momus.monitor.detector import Lacking, Reading


@dataclass(frozen=True)
class Closed:
    """One window, judged. Nothing in it is larger than the list of detectors: callers are named in readings alone.

    ``start`` and ``end`` are the events' own times in seconds since 1970, NaN where they have none. ``events`` were
    looked at, ``shed`` left out by the card's policy, ``broken`` were no events (lines that could not be read); all
    three count this window only. ``readings`` and ``standings`` go by the detector's name; a detector that found
    nothing to go by has no reading, and a standing all the same where the control keeps one. ``lacking`` are the
    detectors that cannot watch this system. ``seconds`` is what the window cost, ``waiting`` how many events wait
    behind it, ``dear`` whether the dear detectors were left out. ``counts`` says of what kind everything was that could
    not be understood or was left out, ``shown`` are the first lines that were no events.
    """

    number: int
    start: float
    end: float
    events: int
    shed: int = 0
    broken: int = 0
    readings: Mapping[str, Reading] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    lacking: Mapping[str, Lacking] = field(default_factory=dict)
    seconds: float = 0.0
    waiting: int = 0
    dear: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    shown: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """The detectors that stand at alarm."""
        return tuple(name for name, standing in self.standings.items() if standing.alarm)


@runtime_checkable
class Sink(Protocol):
    """Told of windows in their order, each after the checkpoint that makes it final: after a ``kill -9`` the last one
    alone may come again, with the same number and the same content, and a sink does nothing about it the second time.

    A sink never raises for what is wrong outside (a store that is locked, a receiver that is dead) and never waits for
    it longer than a moment: it keeps what it could not deliver, and says so in ``told``.
    """

    @property
    def told(self) -> tuple[str, ...]:
        """What is wrong outside right now, a line each."""
        ...

    def window(self, closed: Closed) -> None:
        """A window closed."""
        ...

    def close(self) -> None:
        """The watch ends: deliver what can be delivered now."""
        ...
