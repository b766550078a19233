"""What a detector is: fitted once on a reference, fed batches, asked for a reading at the end of each window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from momus.core.evidence import Evidence
from momus.core.records import Caveat, Figure, Interval, Scalar
from momus.core.samples import NumpyArray
from momus.monitor.events import Batch
from momus.monitor.reference import Reference

# The state of a detector: arrays by name, all it needs to go on after a restart as if nothing had happened.
State = Mapping[str, NumpyArray]


@dataclass(frozen=True)
class Reading:
    """What one detector says of one window.

    ``p`` is the chance of something at least as extreme while nothing is wrong, super-uniform by construction or by
    calibration on the reference; None where the window says nothing. The sequential control
    (:mod:`momus.monitor.alarms`) bets on it. ``value`` with its
    95 % interval ``ci`` is the harm or the sign of it, in the detector's own metric, over ``n`` events; ``who`` are the
    callers or contributors behind it, worst first.
    """

    value: float
    ci: Interval
    n: int
    p: float | None
    figures: tuple[Figure, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    scope: Mapping[str, Scalar] = field(default_factory=dict)
    who: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lacking:
    """Why a detector cannot watch this system, and what to do: its row says so, and never that all is well."""

    why: str
    remedy: str


@runtime_checkable
class Detector(Protocol):
    """One indicator of one mode. Its probe id is ``monitor/`` + ``name``, as in ``monitor/shift.harm``.

    Memory is bounded whatever arrives: by the numbers of columns, classes and a fixed number of callers, never by that
    of events. ``take`` is vectorised over the batch. The same events cut into batches in any way give the same
    reading, to the last bit: chance comes from seeds derived from the window's number, not from a running generator.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    worse: ClassVar[Literal["lower", "higher"]]
    cheap: ClassVar[bool]  # False: shed first when there is more than can be kept up with

    def take(self, batch: Batch) -> None:
        """Take events in."""
        ...

    def close(self, number: int) -> Reading | None:
        """The reading of window ``number``, after which the next begins; None where it held nothing to go by."""
        ...

    def state(self) -> State:
        """Everything that the events so far left behind."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state. ValueError where it is not one of this detector's."""
        ...


Fit = Callable[[Reference, Mapping[str, Any], int], "Detector | Lacking"]
_FITS: dict[str, Fit] = {}


def detector(name: str) -> Callable[[Fit], Fit]:
    """Register ``fit(reference, options, seed)`` of a detector named ``mode.technique``; one module of
    :mod:`momus.monitor.detect` holds it."""

    def keep(fit: Fit) -> Fit:
        _FITS[name] = fit
        return fit

    return keep


def fits() -> Mapping[str, Fit]:
    """Name -> how it is fitted, for every detector there is, in the order of names."""
    from momus.monitor import detect

    detect.load()
    return dict(sorted(_FITS.items()))
