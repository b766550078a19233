"""FlatBuffers read without trust: tables, vectors and texts, each bounded, each claimed.

Source: the FlatBuffers binary format ("internals") page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from momus.methods.artifacts.report import Job, Region, TooMuch

_MOST = 2_000_000


class Broken(Exception):
    """The bytes do not hold; the message says where."""


@dataclass
class Buffer:
    """The bytes of one file and who owns which of them."""

    job: Job
    region: Region
    owners: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0

    def number(self, at: int, width: int = 4, *, signed: bool = False) -> int:
        raw = self.region.take(at, width)
        if len(raw) < width:
            raise Broken("a field lies beyond the end of the file")
        return int.from_bytes(raw, "little", signed=signed)

    def claim(self, start: int, size: int) -> None:
        self.count += 1
        if self.count > _MOST:
            raise TooMuch(f"has more than {_MOST:,} parts")
        if self.count % 1024 == 0:
            self.job.check_time()
        if start < 0 or size < 0 or start + size > len(self.region):
            raise Broken("a part lies beyond the end of the file")
        self.owners.append((start, start + size))

    def root(self) -> Table:
        self.claim(0, 8)
        return Table(self, self.number(0))

    def gaps(self, slack: int) -> Iterator[tuple[int, int]]:
        """Extents longer than ``slack`` that nobody owns, or that hold more than zeros."""
        at = 0
        for start, end in sorted(self.owners):
            if start > at and (start - at > slack or self.region.take(at, start - at).strip(b"\0")):
                yield at, start
            at = max(at, end)
        if at < len(self.region):
            yield at, len(self.region)


class Table:
    """One table: its fields by number; those that are absent have no place."""

    def __init__(self, buffer: Buffer, at: int) -> None:
        self.buffer, self.at = buffer, at
        if not 4 <= at <= len(buffer.region) - 4:
            raise Broken("a table outside the file")
        vtable = at - buffer.number(at, 4, signed=True)
        size, inline = (buffer.number(vtable, 2), buffer.number(vtable + 2, 2)) if vtable >= 0 else (0, 0)
        if vtable < 0 or size < 4 or size % 2 or inline < 4:
            raise Broken("a table without a description")
        buffer.claim(vtable, size)
        buffer.claim(at, inline)
        self.spots = [buffer.number(vtable + 4 + 2 * i, 2) for i in range((size - 4) // 2)]
        if any(s >= inline for s in self.spots):
            raise Broken("a field outside its table")

    def spot(self, number: int) -> int:
        """Place of a field; -1 where it is absent."""
        found = self.spots[number] if number < len(self.spots) else 0
        return self.at + found if found else -1

    def number(self, number: int, width: int = 4, *, signed: bool = False, default: int = 0) -> int:
        at = self.spot(number)
        return default if at < 0 else self.buffer.number(at, width, signed=signed)

    def follow(self, number: int) -> int:
        at = self.spot(number)
        return -1 if at < 0 else at + self.buffer.number(at)

    def table(self, number: int) -> Table | None:
        at = self.follow(number)
        return None if at < 0 else Table(self.buffer, at)

    def vector(self, number: int, width: int) -> tuple[int, int]:
        """(place of the first item, number of items); claimed. (-1, 0) where it is absent."""
        at = self.follow(number)
        if at < 0:
            return -1, 0
        count = self.buffer.number(at)
        self.buffer.claim(at, 4 + count * width)
        return at + 4, count

    def tables(self, number: int) -> Iterator[Table]:
        start, count = self.vector(number, 4)
        for i in range(count):
            yield Table(self.buffer, start + 4 * i + self.buffer.number(start + 4 * i))

    def text(self, number: int) -> str:
        start, count = self.vector(number, 1)
        return "" if start < 0 else self.buffer.region.take(start, min(count, 4096)).decode("utf-8", "replace")


def flex_texts(raw: bytes) -> list[bytes]:
    """Texts of a FlexBuffer whose root is a vector of texts; Broken where it is anything else.

    Such a buffer is read from its end: width of the root, its type, its offset. Lengths stand in front of their bytes.
    """
    if len(raw) < 4 or raw[-1] not in (1, 2, 4, 8) or raw[-2] >> 2 != 10:
        raise Broken("options that are no list")
    width = 1 << (raw[-2] & 3)
    root = len(raw) - 2 - raw[-1]
    start = root - int.from_bytes(raw[root : root + raw[-1]], "little")
    if not width <= start < root:
        raise Broken("options outside their buffer")
    count = int.from_bytes(raw[start - width : start], "little")
    kinds = raw[start + count * width : start + count * width + count]
    if count > 64 or len(kinds) < count:
        raise Broken("options outside their buffer")
    found = []
    for i, kind in enumerate(kinds):
        at = start + i * width
        place, wide = at - int.from_bytes(raw[at : at + width], "little"), 1 << (kind & 3)
        size = int.from_bytes(raw[place - wide : place], "little") if wide <= place else -1
        if kind >> 2 not in (5, 25) or size < 0 or place + size > len(raw):
            raise Broken("options that are no texts")
        found.append(raw[place : place + size])
    return found
