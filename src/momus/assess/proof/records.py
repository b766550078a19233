"""What came of loading a file in a locked child: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

By = Literal["interpreter", "kernel", "parent"]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happened while a file was loaded. ``by``: who saw it; docs/design/050 says what that is worth."""

    what: str
    detail: str
    by: By
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Try:
    """One loader's try. ``acts`` stand in the order in which they happened; ``notes`` is what honest files do as well.

    ``outcome``: "loaded", "failed" (the loader raised ``error``), "ended" (the file ended the process), "killed" (by a
    signal), "too slow", "too large".
    """

    loader: str
    outcome: str
    error: str = ""
    acts: tuple[Act, ...] = ()
    notes: tuple[Act, ...] = ()
    uncounted: int = 0  # further acts and notes, not kept
    left: tuple[str, ...] = ()  # files that lay in the scratch folder afterwards
    printed: str = ""
    layers: dict[str, str] = field(default_factory=dict)

    @property
    def exhausted(self) -> bool:
        return self.outcome in ("too slow", "too large", "killed") or self.error.startswith(
            ("MemoryError", "RecursionError")
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What the loaders' tries show together. That a file did nothing shows nothing: it may have waited, or looked."""

    tries: tuple[Try, ...]
    missing: tuple[str, ...] = ()  # loaders that would be natural and are not installed

    @property
    def acted(self) -> bool:
        return any(t.acts for t in self.tries)

    def verdict(self, static: str) -> str:
        """The scan's verdict in the light of this one: never a milder word."""
        if self.acted:
            return "dangerous"
        if any(t.exhausted for t in self.tries) and static in ("nothing found", "not understood"):
            return "suspicious"
        return static
