"""One hierarchy of errors. Each carries a stable code, a place, a message and a remedy, and prints as one line."""

from __future__ import annotations


class MomusError(Exception):
    """An error a user can act on.

    Parameters
    ----------
    message : what is wrong, in one sentence without a final full stop.
    code : stable identifier, ``room/what`` (``card/unknown-key``).
    place : where, for example ``momus.yaml:4:11`` or ``data/test.csv: column 'age'``.
    hint : what to do about it.
    """

    code = "momus/error"

    def __init__(self, message: str, *, code: str | None = None, place: str = "", hint: str = "") -> None:
        self.message = message
        self.place = place
        self.hint = hint
        if code is not None:
            self.code = code
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.place} {self.code}: {self.message}" if self.place else f"{self.code}: {self.message}"
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would be lost by the default reduction when an error crosses a process border.
        return (_rebuild, (type(self), self.message, self.code, self.place, self.hint))


def _rebuild(kind: type[MomusError], message: str, code: str, place: str, hint: str) -> MomusError:
    return kind(message, code=code, place=place, hint=hint)


class CardError(MomusError):
    """The card (momus.yaml) is not usable."""

    code = "card/invalid"


class DataError(MomusError):
    """A data file is missing, malformed or does not fit the card."""

    code = "data/invalid"


class TargetError(MomusError):
    """The user's model could not be loaded, or broke its contract while it answered."""

    code = "target/failed"


class UnsafeArtifact(TargetError):
    """A file was refused because loading it could run code that nobody vouched for."""

    code = "target/unsafe-artifact"


class ProbeError(MomusError):
    """A probe was asked for something it cannot do (an unknown option, a data set that does not fit)."""

    code = "probe/invalid"


class StoreError(MomusError):
    """A run store cannot be opened, read or written."""

    code = "store/failed"


class NotFound(MomusError):
    """A name is unknown; the hint lists the nearest ones."""

    code = "momus/not-found"


class MissingExtra(MomusError):
    """A feature needs an optional dependency; the hint is the command that installs it."""

    code = "momus/missing-extra"

    @classmethod
    def of(cls, feature: str, extra: str, module: str) -> MissingExtra:
        return cls(
            f"{feature} needs the module '{module}', which is not installed", hint=f"Run: pip install 'momus[{extra}]'"
        )


class BudgetSpent(Exception):
    """The query or time budget is used up. Raised by :class:`~momus.core.meter.Meter` before the query is made.

    A signal, not a fault: methods catch it and return their best so far.
    """
