"""The spool as a source: segments of several writers, merged by the moment of writing, removed when counted."""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import re
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from momus.monitor.decode import Decoder
from momus.monitor.source import Aside, Keep, Position, Taken, finish
from momus.monitor.spool import ENDING, HEAD, LARGEST, MAGIC, NOTE

_NAME = re.compile(r"^(?P<writer>\d{13}-\d+-[0-9a-f]{8})-(?P<number>\d{8})\.spool$")
_BLOCK = 1 << 20
_EVENT_BYTES = 500.0
_BEGINNING = 60.0  # seconds after which a segment that has no name yet belongs to a writer that died
_CHECKED = struct.Struct("<dB")
TORN, SPOILED = "torn record", "spoiled record"


@dataclass
class _Writer:
    """One writer's segments: ``number`` is read from, up to ``at``."""

    name: str
    number: int = 0
    at: int = 0
    over: bool = False  # nothing more will come
    ready: list[tuple[float, str, int, int, int, bytes]] = field(default_factory=list)
    next: int = 0
    seen: tuple[int, int] = (0, 0)  # segment and place up to which ``ready`` was read

    @property
    def left(self) -> int:
        """How many records are ready and were not taken."""
        return len(self.ready) - self.next


class SpoolFolder:
    """Acknowledged records are never lost; a record cut by a crash, which nobody acknowledged, is cut and counted.

    A position holds for each writer the segment and the place in it. What two checkpoints have passed is removed.
    """

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        self._folder = folder
        self._decoder = decoder
        self._writers: dict[str, _Writer] = {}
        self._bytes = self._events = 0.0
        self.told: tuple[str, ...] = ()

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """The next records of all writers by their moments."""
        segments = self._segments()
        self._stand(after, segments)
        for writer in self._writers.values():
            self._fill(writer, segments.get(writer.name, []), most)
        aside = Aside()
        lines: list[bytes] = []
        entries = islice(heapq.merge(*(w.ready[w.next :] for w in self._writers.values())), most)
        taken: list[tuple[float, str, int, int, int, bytes]] = list(entries)
        for _moment, name, number, end, kind, payload in taken:
            writer = self._writers[name]
            writer.next += 1
            writer.number, writer.at = number, end
            self._record(kind, payload, lines, aside)
        self._bytes += sum(len(p) for p in lines)
        self._events += len(lines)
        for writer in self._writers.values():
            if not writer.left:  # what is no record was passed as well
                writer.number, writer.at = writer.seen
        return finish(self._decoder, lines, self._plain(), aside, keep)

    @staticmethod
    def _record(kind: int, payload: bytes, lines: list[bytes], aside: Aside) -> None:
        if kind == NOTE:
            try:
                for what, many in json.loads(payload).items():
                    aside.before(len(lines), f"{what} by the middleware", int(many))
            except (ValueError, AttributeError, TypeError):
                aside.before(len(lines), SPOILED)
        elif kind in (TORN_, SPOILED_):
            aside.before(len(lines), TORN if kind == TORN_ else SPOILED)
        else:
            lines.append(payload)

    def _plain(self) -> Position:
        return {"writers": {w.name: [w.number, w.at, w.over and not w.left] for w in self._writers.values()}}

    def _stand(self, after: Position, segments: dict[str, list[int]]) -> None:
        """Be where the position says: what was read ahead is kept if it still fits."""
        wanted = after.get("writers", {})
        for name in [n for n in self._writers if n not in wanted and n not in segments]:
            del self._writers[name]
        for name in sorted({*wanted, *segments}):
            number, at, over = wanted.get(name, (0, 0, False))
            held = self._writers.get(name)
            if held is None or (held.number, held.at) != (number, at):
                self._writers[name] = _Writer(name, number, at, over, seen=(number, at))
            if name not in segments and self._writers[name].over:
                del self._writers[name]  # read, counted and removed

    def _segments(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        try:
            names = sorted(p.name for p in self._folder.iterdir())
        except FileNotFoundError:
            return {}
        for name in names:
            match = _NAME.match(name)
            if match:
                found.setdefault(match["writer"], []).append(int(match["number"]))
        return found

    def _path(self, writer: str, number: int) -> Path:
        return self._folder / f"{writer}-{number:08d}{ENDING}"

    def _fill(self, writer: _Writer, numbers: list[int], most: int) -> None:
        """Read ahead until ``most`` records are ready or the writer has no more."""
        if writer.next:
            writer.ready = writer.ready[writer.next :]
            writer.next = 0
        while len(writer.ready) < most and not writer.over:
            number, at = writer.seen
            later = [n for n in numbers if n > number]
            if number not in numbers:
                if not later:
                    return
                writer.seen = (later[0], 0)
                continue
            alone = not later and self._left(writer.name, number)
            block = self._block(writer.name, number, at)  # after the look at the lock: nothing can come behind it
            used, whole = self._parse(writer, number, at, block, ends=bool(later) or alone)
            writer.seen = (number, at + used)
            if not whole:
                if later:
                    writer.seen = (later[0], 0)
                elif alone:
                    writer.over = True
                else:
                    return

    def _left(self, name: str, number: int) -> bool:
        """Whether the writer of a segment is gone: nobody holds its lock."""
        try:
            handle = os.open(self._path(name, number), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(handle)

    def _block(self, name: str, number: int, at: int) -> bytes:
        try:
            with open(self._path(name, number), "rb") as stream:
                stream.seek(at)
                return stream.read(_BLOCK + LARGEST + HEAD.size)
        except FileNotFoundError:
            return b""

    def _parse(self, writer: _Writer, number: int, at: int, block: bytes, *, ends: bool) -> tuple[int, bool]:
        """Add the records of a block. How many bytes were used, and whether more may follow in this segment."""
        if at == 0:
            if block[: len(MAGIC)] != MAGIC:
                if ends and block:
                    self._add(writer, 0.0, number, len(block), SPOILED_)
                return (len(block) if ends else 0), False
            place = len(MAGIC)
        else:
            place = 0
        for moment, kind, end, payload in _records(block, place, last=ends):
            self._add(writer, moment, number, at + end, kind, payload)
            place = end
        return place, place > 0 and len(block) >= _BLOCK

    @staticmethod
    def _add(writer: _Writer, moment: float, number: int, end: int, kind: int, payload: bytes = b"") -> None:
        if not moment:  # what is no record stands where the one before it stood
            moment = writer.ready[-1][0] if writer.ready else 0.0
        elif writer.ready:
            moment = max(moment, writer.ready[-1][0])  # a clock that was set back changes no order
        writer.ready.append((moment, writer.name, number, end, kind, payload))

    def waiting(self, after: Position) -> int:
        """Bytes that wait, in events of the mean size so far."""
        wanted = after.get("writers", {})
        left = 0
        for name, numbers in self._segments().items():
            first, at, _over = wanted.get(name, (0, 0, False))
            for number in numbers:
                try:
                    size = self._path(name, number).stat().st_size
                except FileNotFoundError:
                    continue
                left += max(0, size - (at if number == first else len(MAGIC))) if number >= first else 0
        mean = (self._bytes / self._events if self._events else _EVENT_BYTES) + HEAD.size
        return 0 if left < HEAD.size else int(left / mean) or 1

    def passed(self, position: Position) -> None:
        """Remove segments that are wholly before ``position``."""
        wanted = position.get("writers", {})
        for name, numbers in self._segments().items():
            first, _at, over = wanted.get(name, (0, 0, False))
            for number in numbers:
                if number < first or (over and number == first):
                    self._path(name, number).unlink(missing_ok=True)
        for part in self._folder.glob(
            f".*{ENDING}"
        ):  # it holds no record: its writer was killed before it got its name
            if _NAME.match(part.name[1:]) and _age(part) > _BEGINNING:
                part.unlink(missing_ok=True)

    def done(self, after: Position) -> bool:
        """What was there is read."""
        return True

    def final(self) -> None:
        """Records always have an end."""

    def close(self) -> None:
        self._writers.clear()


TORN_, SPOILED_ = 254, 255


def _age(path: Path) -> float:
    """Seconds since it was written; 0 for what is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _records(block: bytes, place: int, *, last: bool) -> Iterator[tuple[float, int, int, bytes]]:
    """Moment, kind, end and payload of each whole record.

    With ``last`` nothing more will be written: what is left over is torn. A record whose checksum is wrong is left out
    where the next one fits behind it; else nobody knows where the next one begins, and the rest is left out.
    """
    total = len(block)
    full = total >= _BLOCK
    while place < total:
        found = _one(block, place)
        if found is not None:
            place = found[2]
            yield found
            continue
        length = HEAD.unpack_from(block, place)[0] if place + HEAD.size <= total else 0
        end = place + HEAD.size + length
        short = place + HEAD.size > total or (0 < length <= LARGEST and end > total)
        if short and (full and total - place <= HEAD.size + LARGEST):
            return  # the next block holds it whole
        if short and not last:
            return  # it is being written
        behind = not short and 0 < length <= LARGEST and (end == total or _one(block, end) is not None)
        if behind:
            place = end
            yield 0.0, SPOILED_, place, b""
        elif last:
            yield 0.0, TORN_, total, b""
            return
        else:
            return


def _one(block: bytes, place: int) -> tuple[float, int, int, bytes] | None:
    """The record at a place, if a whole and sound one stands there."""
    if place + HEAD.size > len(block):
        return None
    length, check, moment, kind = HEAD.unpack_from(block, place)
    start = place + HEAD.size
    payload = block[start : start + length]
    if not 0 < length <= LARGEST or len(payload) < length:
        return None
    if zlib.crc32(payload, zlib.crc32(_CHECKED.pack(moment, kind))) != check:
        return None
    return moment, kind, start + length, payload
