"""What a search is held to, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from momus.methods.fuzz.harness import Harness


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take, and the exceptions that are an orderly refusal."""

    seconds: float = 2.0
    memory_mb: int = 512
    refuses: tuple[str, ...] = ()

    @property
    def hurry(self) -> float:
        """Seconds that a try may take where full tries would cost too much; whatever counts is tried in full."""
        return min(self.seconds / 4, 0.25)

    def harness(self, function: Callable[[bytes], Any]) -> Harness:
        return Harness(function, seconds=self.seconds, memory_mb=self.memory_mb, refuses=self.refuses)

    def fails(self, function: Callable[[bytes], Any], failure: Failure, data: bytes, times: int = 1) -> bool:
        """Whether ``data`` still fails in this kind in a fresh process, asked up to ``times`` times."""
        with self.harness(function) as harness:
            return any(o.kind == failure.kind for o in harness.run([data] * times))


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail: what happens and where, the smallest input found for it, and how it was come by.

    ``seen`` inputs failed in this way; ``repeats`` is how often one process must be asked before it fails.
    """

    kind: str
    detail: str
    format: str
    origin: str
    data: bytes
    first: bytes
    seen: int = 1
    repeats: int = 1

    @property
    def place(self) -> str:
        return self.detail.partition(": ")[0]
