"""The vocabulary of system facts: which facts there are, which values they take, what settles each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

FactValue = bool | int | float | str | tuple[str, ...]
FactKind = Literal["yes_no", "one_of", "some_of", "count", "number"]

_TRUE = frozenset({"yes", "true", "on", "y"})
_FALSE = frozenset({"no", "false", "off", "n"})
_UNKNOWN = frozenset({"unknown", "?", "tbd", "todo", ""})


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the vocabulary.

    ``values`` lists the allowed words of a ``one_of`` or ``some_of`` fact, from least to most where ``ordered``.
    ``ask`` is the question that settles it.
    """

    key: str
    kind: FactKind
    ask: str
    values: tuple[str, ...] = ()
    ordered: bool = False

    @property
    def allowed(self) -> str:
        """The values a card may write, in words."""
        match self.kind:
            case "yes_no":
                return "yes, no or unknown"
            case "one_of":
                return f"one of {', '.join(self.values)} (or unknown)"
            case "some_of":
                return f"one or more of {', '.join(self.values)} (or unknown)"
            case "count":
                return "a whole number, 0 or more (or unknown)"
            case "number":
                return "a number, 0 or more (or unknown)"

    def read(self, raw: object) -> FactValue | None:
        """The typed value of what somebody wrote, None for unknown. ValueError when it is not allowed."""
        if raw is None or (isinstance(raw, str) and raw.strip().lower() in _UNKNOWN):
            return None
        if self.kind == "some_of":
            return self._read_several(raw)
        if self.kind == "one_of":
            word = _word(raw)
            if word not in self.values:
                raise ValueError(str(raw))
            return word
        if self.kind == "yes_no":
            word = _word(raw)
            if word not in _TRUE | _FALSE:
                raise ValueError(str(raw))
            return word in _TRUE
        return self._read_number(raw)

    def _read_several(self, raw: object) -> tuple[str, ...] | None:
        items = [_word(v) for v in (raw if isinstance(raw, list | tuple) else [raw])]
        for item in items:
            if item not in self.values:
                raise ValueError(item)
        # The order of the vocabulary, so that equal sets are equal values.
        return tuple(v for v in self.values if v in items) or None

    def _read_number(self, raw: object) -> int | float:
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise ValueError(str(raw))
        number = float(raw)
        if not 0 <= number < float("inf") or (self.kind == "count" and number != int(number)):
            raise ValueError(str(raw))
        return int(number) if self.kind == "count" else number


def _word(raw: object) -> str:
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    return str(raw).strip().lower().replace("-", "_").replace(" ", "_")


@cache
def load_facts() -> Mapping[str, Fact]:
    """The whole vocabulary, dotted key -> Fact, in the order of the file. Read once."""
    with (Path(__file__).parent / "facts.toml").open("rb") as stream:
        rooms = tomllib.load(stream)
    return MappingProxyType(
        {
            f"{room}.{name}": Fact(
                key=f"{room}.{name}",
                kind=entry["kind"],
                ask=entry["ask"],
                values=tuple(entry.get("values", ())),
                ordered=entry.get("ordered", False),
            )
            for room, entries in rooms.items()
            for name, entry in entries.items()
        }
    )
