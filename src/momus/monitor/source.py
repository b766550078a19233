"""Source: where events come from, and from which place on. The same place gives the same events again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from momus.core.errors import CardError
from momus.core.samples import NumpyArray
from momus.monitor.events import Batch

if TYPE_CHECKING:
    from momus.monitor.decode import Decoder

# Plain JSON: where each file, segment or partition was left. An empty one is the beginning.
Position = Mapping[str, Any]
# How many of ``n`` records that come next are kept, as a mask; None keeps all.
Keep = Callable[[int], NumpyArray | None]

SAMPLES = 5  # broken lines of a window that are shown
LETTERS = 160  # of each


@dataclass
class Aside:
    """What stands between events or inside them and is none: broken lines, values nobody can read, what was shed.

    Each entry has a place in the batch: ``2 i`` before event ``i``, ``2 i + 1`` inside it. A window takes the entries
    up to where it ends, so that it counts the same however the events were cut into batches.
    """

    kinds: list[str] = field(default_factory=list)
    at: list[NumpyArray] = field(default_factory=list)
    many: list[NumpyArray] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)

    def before(self, event: int, kind: str, many: int = 1, text: bytes | None = None) -> None:
        """Something that is no event stood before ``event``."""
        self._add(kind, np.array([2 * event]), np.array([many]))
        if text is not None:
            self.texts.append((2 * event, f"{kind}: {text[:LETTERS].decode('utf-8', 'replace')}"))

    def left_out(self, kept: NumpyArray, kind: str) -> None:
        """Records that a mask did not keep, each standing before the next one that was kept."""
        ahead = np.cumsum(kept)[~kept]
        if len(ahead):
            places, many = np.unique(ahead, return_counts=True)
            self._add(kind, 2 * places, many)

    def inside(self, events: NumpyArray, kind: str) -> None:
        """Events (indices) that have something of ``kind``."""
        if len(events):
            self._add(kind, 2 * np.asarray(events, np.int64) + 1, np.ones(len(events), np.int64))

    def upto(self, place: int, start: int = 0) -> dict[str, int]:
        """Counts of each kind at places from ``start`` to below ``place``."""
        found: dict[str, int] = {}
        for kind, at, many in zip(self.kinds, self.at, self.many, strict=True):
            inside = int(many[(at >= start) & (at < place)].sum())
            if inside:
                found[kind] = found.get(kind, 0) + inside
        return found

    def shown(self, place: int, start: int = 0) -> list[str]:
        """The first texts between two places."""
        return [text for at, text in self.texts if start <= at < place][:SAMPLES]

    def _add(self, kind: str, at: NumpyArray, many: NumpyArray) -> None:
        self.kinds.append(kind)
        self.at.append(at)
        self.many.append(many)


@dataclass(frozen=True)
class Taken:
    """Events that were read, the place after them, and what was found that is no event."""

    batch: Batch
    position: Position
    aside: Aside
    records: int  # what was read in all, kept or not


class Source(Protocol):
    """Events in their order, from any place on."""

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """At most ``most`` records after a place, those that ``keep`` chose decoded. None there yet: no records."""
        ...

    def waiting(self, after: Position) -> int:
        """About how many records wait after a place."""
        ...

    def passed(self, position: Position) -> None:
        """Everything before ``position`` is in two checkpoints and will never be asked for again."""
        ...

    def done(self, after: Position) -> bool:
        """Whether a read that brought nothing means that there is nothing."""
        ...

    def final(self) -> None:
        """Nothing more will be written: a last line without an end is a line."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


SHED = "shed"
BROKEN = "broken line"
TOO_LONG = "line too long"
# What counts as broken: it arrived, and nobody can say what it was.
LOST = frozenset({BROKEN, TOO_LONG, "torn record", "spoiled record"})


def finish(
    decoder: Decoder, records: list[Any], position: Position, aside: Aside, keep: Keep | None, *, rows: bool = False
) -> Taken:
    """Shed what ``keep`` leaves out, before anything is spent on it, and decode the rest."""
    mask = keep(len(records)) if keep is not None and records else None
    kept = records
    if mask is not None and not mask.all():
        kept = [r for r, wanted in zip(records, mask.tolist(), strict=True) if wanted]
        ahead = np.concatenate([[0], np.cumsum(mask)])
        # what stood before record i stands before the first kept one at or after i
        aside.at = [2 * ahead[np.minimum(at // 2, len(records))] for at in aside.at]
        aside.texts = [(2 * int(ahead[min(at // 2, len(records))]), text) for at, text in aside.texts]
        aside.left_out(mask, SHED)
    batch = decoder.rows(kept, aside) if rows else decoder.lines(kept, aside)
    return Taken(batch, position, aside, len(records))


def open_source(text: str, decoder: Decoder, base: Path = Path()) -> Source:
    """The source that a card names: ``kafka://``, ``spool:``, Parquet by its ending, else JSON lines."""
    if text.startswith("kafka://"):
        from momus.monitor.kafka import Stream

        return Stream(text, decoder)
    if text.startswith("spool:"):
        from momus.monitor.spool_read import SpoolFolder

        return SpoolFolder(base / text.removeprefix("spool:"), decoder)
    if re.match(r"[a-z][a-z0-9+.]+://", text):
        raise CardError(
            f"no events can be read from '{text.split('://')[0]}://'", code="monitor/source", place="monitor.source",
            hint="Name a file or pattern, spool:folder, or kafka://host:port/topic",
        )  # fmt: skip
    if re.search(r"\.(parquet|pq)$", text):
        from momus.monitor.parquet import ParquetFiles

        return ParquetFiles(base / text, decoder)
    from momus.monitor.log import LogFiles

    return LogFiles(base / text, decoder)
