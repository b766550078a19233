"""What is worth mutating on: inputs that showed something new, drawn the more often the rarer what they showed is."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from momus.methods.fuzz.area import Outcome
from momus.methods.fuzz.mutate import mutate

_MOST = 600


@dataclass(frozen=True, slots=True)
class Seed:
    """An input to begin with: its format, where it comes from (example, made, bomb, coverage), its bytes."""

    format: str
    origin: str
    data: bytes


@dataclass(slots=True)
class _Entry:
    format: str
    data: bytes
    sign: tuple[str, str]
    chosen: int = 0
    children: int = 0  # of its mutants, how many showed something new


def sign_of(outcome: Outcome) -> tuple[str, str]:
    """What an outcome shows that is the same each time, so without time and memory: kind, and place or looks."""
    return outcome.kind, outcome.detail if outcome.kind == "answered" else outcome.place


@dataclass
class Corpus:
    """Entries, and how often each sign was seen."""

    entries: list[_Entry] = field(default_factory=list)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  # new looks of answers, a format

    def learn(
        self, format_: str, data: bytes, outcome: Outcome, parent: int | None = None, *, always: bool = False
    ) -> None:
        """Keep an input whose outcome is new; those that end a process are kept as failures, not to be mutated on."""
        sign = sign_of(outcome)
        new = sign not in self.seen
        self.seen[sign] += 1
        if outcome.kind in ("crashed", "hung", "memory"):
            if parent is not None:
                self.entries[parent].chosen += 10  # its kind of news is known, and dear
            return
        if new and outcome.kind == "answered":
            self.answers[format_] += 1
            new = self.answers[format_] <= 100  # an echo of the input is news without end
        if (new or always) and len(self.entries) < _MOST:
            self.entries.append(_Entry(format_, data, sign))
            if parent is not None:
                self.entries[parent].children += 1

    def children(self, count: int, rng: Random) -> list[tuple[int, str, bytes]]:
        """Mutants with the number of the entry each comes from and its format."""
        weights = list(accumulate(self._energy(e) for e in self.entries))
        alike: dict[str, list[bytes]] = {}
        for entry in self.entries:
            alike.setdefault(entry.format, []).append(entry.data)
        made = []
        for _ in range(count):
            at = min(bisect(weights, rng.random() * weights[-1]), len(self.entries) - 1)
            entry = self.entries[at]
            entry.chosen += 1
            made.append((at, entry.format, mutate(entry.data, rng, entry.format, alike[entry.format])))
        return made

    def _energy(self, entry: _Entry) -> float:
        """Answered inputs reach furthest; what is rare and what has borne fruit is followed up; large ones are slow."""
        fresh = (1 + 4 * entry.children) / (1 + 0.05 * entry.chosen)
        deep = 1.0 if entry.sign[0] in ("answered", "nonfinite") else 0.3
        rare = float((1 + self.seen[entry.sign]) ** -0.5)
        return deep * fresh * (0.1 + rare) / (1 + len(entry.data) / 20_000)
