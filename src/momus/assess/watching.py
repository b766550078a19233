"""Who is told how a run goes: the protocol, and the watcher that says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from momus.core.records import Finding


class Watcher(Protocol):
    """Who is told how the run goes."""

    def start(self, jobs: Sequence[tuple[str, str, str]]) -> None: ...

    def update(self, key: str, fraction: float, note: str) -> None: ...

    def done(self, key: str, finding: Finding | None, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


class Silent:
    """A watcher that says nothing."""

    def start(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        """Jobs are known."""

    def update(self, key: str, fraction: float, note: str) -> None:
        """A job moved on."""

    def done(self, key: str, finding: Finding | None, text: str) -> None:
        """A job ended."""

    def warn(self, text: str) -> None:
        """Something to know before the jobs begin."""
