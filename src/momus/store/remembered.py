"""Rows are never changed, so what was once read of them need not be parsed again: the last few thousand are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar

from momus.core.records import Record

MOST = 5000
Kind = TypeVar("Kind", bound=Record)


class Remembered:
    """Parsed records by the number of their row. Safe for several threads; for heads and decisions, which are small."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[int, Record] = OrderedDict()
        self._turn = Lock()

    def get(self, numbers: Sequence[int], read: Callable[[Collection[int]], Mapping[int, Kind]]) -> tuple[Kind, ...]:
        """The records of these rows in their order; those not kept are read, all at once."""
        with self._turn:
            found: dict[int, Any] = {n: self._kept[n] for n in numbers if n in self._kept}
            for n in found:
                self._kept.move_to_end(n)
        missing = [n for n in numbers if n not in found]
        if missing:
            new = read(missing)
            found.update(new)
            with self._turn:
                self._kept.update(new)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return tuple(found[n] for n in numbers)
