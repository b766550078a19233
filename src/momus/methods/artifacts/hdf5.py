"""The outer structure of HDF5 in plain Python: superblock, object headers, who owns which bytes; numbers are not read.

Source: the HDF5 File Format Specification, version 3.0 (superblocks 0 to 3, object headers 1 and 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from momus.methods.artifacts.report import Job, Region, TooMuch

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MESSAGES = 50_000
_CHECKED = 1 << 20  # checksums of larger blocks are left to the loader


class Broken(Exception):
    """The structure does not hold; the message says where."""


class Message(NamedTuple):
    """One message of an object header: its body lies at [start, start + size)."""

    kind: int
    flags: int
    start: int
    size: int


@dataclass
class Hdf5:
    """One HDF5 file: reads fields, and keeps who owns which bytes. Addresses are relative to the superblock's base."""

    job: Job
    region: Region
    where: str
    prefix: int = 0
    version: int = 0
    wide: int = 8  # bytes of an address
    long: int = 8  # bytes of a length
    root: int = -1
    leaf_k: int = 4
    internal_k: int = 16
    chunk_k: int = 32
    extension: int = -1
    end: int = 0
    owners: list[tuple[int, int, str]] = field(default_factory=list)
    _owned: set[tuple[int, int]] = field(default_factory=set)
    _headers: dict[int, list[Message]] = field(default_factory=dict)
    steps: int = 0

    def number(self, at: int, width: int) -> int:
        """An unsigned little-endian number; Broken where it lies outside the file."""
        raw = self.region.take(at, width)
        if len(raw) < width:
            raise Broken("a field lies beyond the end of the file")
        return int.from_bytes(raw, "little")

    def address(self, at: int) -> int:
        """An address field; -1 where it is undefined."""
        value = self.number(at, self.wide)
        return -1 if value == (1 << 8 * self.wide) - 1 else value

    def expect(self, at: int, magic: bytes, version: int = 0) -> None:
        if at < 0 or self.region.take(at, 4) != magic:
            raise Broken(f"no {magic.decode()} where one should be (byte {at:,})")
        if self.number(at + 4, 1) != version:
            raise Broken(f"{magic.decode()} of an unknown version")

    def step(self) -> None:
        """Count a unit of work."""
        self.steps += 1
        if self.steps % 1024 == 0:
            self.job.check_time()

    def claim(self, start: int, size: int, what: str) -> bool:
        """Note an owner of bytes. False where the very same bytes were claimed before; Broken beyond the end."""
        self.step()
        if start < 0 or size < 0 or start + size > len(self.region):
            raise Broken(f"{what} lies beyond the end of the file")
        if (start, size) in self._owned:
            return False
        if len(self._owned) > 2_000_000:
            raise TooMuch("has more than 2,000,000 blocks")
        self._owned.add((start, size))
        if size:
            self.owners.append((start, start + size, what))
        return True

    def checksum(self, start: int, size: int, what: str) -> None:
        """Hold the checksum behind ``size`` bytes against them: the HDF5 library refuses what does not fit."""
        if size <= _CHECKED and lookup3(self.region.take(start, size)) != self.number(start + size, 4):
            raise Broken(f"the checksum of {what} is wrong")

    def open(self) -> None:
        """Read the superblock; the region starts with it."""
        self.version = self.number(8, 1)
        if self.version in (0, 1):
            self._old()
        elif self.version in (2, 3):
            self._new()
        else:
            raise Broken(f"superblock of version {self.version}")

    def _widths(self, at: int) -> None:
        self.wide, self.long = self.number(at, 1), self.number(at + 1, 1)
        if self.wide not in (2, 4, 8) or self.long not in (2, 4, 8):
            raise Broken(f"addresses of {self.wide} bytes")

    def _old(self) -> None:
        self._widths(13)
        if self.region.take(9, 2) != b"\0\0" or self.number(12, 1):
            raise Broken("superblock with unknown parts")
        self.leaf_k, self.internal_k = self.number(16, 2), self.number(18, 2)
        at = 24
        if self.version == 1:
            self.chunk_k = self.number(24, 2)
            at = 28
        base, free, end, driver = (self.address(at + i * self.wide) for i in range(4))
        entry = at + 4 * self.wide
        self._bounds(base, end)
        if free >= 0 or driver >= 0:
            raise Broken("a driver or free-space block, which is not read here")
        self.root = self.address(entry + self.wide)
        self.claim(0, entry + 2 * self.wide + 24, "superblock")

    def _new(self) -> None:
        self._widths(9)
        base, self.extension, end, self.root = (self.address(12 + i * self.wide) for i in range(4))
        size = 12 + 4 * self.wide
        self.checksum(0, size, "the superblock")
        self._bounds(base, end)
        self.claim(0, size + 4, "superblock")

    def _bounds(self, base: int, end: int) -> None:
        # Addresses count from where the superblock lies: the file's start, or behind a user block of ``prefix`` bytes.
        if base not in (0, self.prefix):
            raise Broken(f"a base address of {base:,}")
        self.end = end - self.prefix if base and end > self.prefix else end

    def header(self, at: int) -> list[Message]:
        """All messages of the object header at ``at``, with those of its continuation blocks."""
        if at in self._headers:
            return self._headers[at]
        found: list[Message] = []
        if self.region.take(at, 4) == b"OHDR":
            self._header_two(at, found)
        else:
            self._header_one(at, found)
        self._headers[at] = found
        return found

    def _header_one(self, at: int, found: list[Message]) -> None:
        version, _, count, _, size = (self.number(at + o, w) for o, w in ((0, 1), (1, 1), (2, 2), (4, 4), (8, 4)))
        if version != 1:
            raise Broken(f"no object header at byte {at:,}")
        self.claim(at, 16 + size, "object header")
        blocks, seen = [(at + 16, size)], 0
        while blocks:
            start, size = blocks.pop(0)
            stop = start + size
            while start + 8 <= stop and seen < count:
                message = Message(
                    self.number(start, 2), self.number(start + 4, 1), start + 8, self.number(start + 2, 2)
                )
                self._add(found, message, stop)
                seen += 1
                if message.kind == 0x10:
                    blocks.append(self._continued(message))
                start = message.start + message.size
        if seen != count:
            raise Broken(f"an object header of {count:,} messages lists {seen:,}")

    def _header_two(self, at: int, found: list[Message]) -> None:
        flags = self.number(at + 5, 1)
        if self.number(at + 4, 1) != 2 or flags & 0xC0:
            raise Broken("an object header of unknown version")
        start = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        size = self.number(start, 1 << (flags & 3))
        start += 1 << (flags & 3)
        self.claim(at, start + size + 4 - at, "object header")
        self.checksum(at, start + size - at, "an object header")
        lead = 6 if flags & 4 else 4
        blocks = [(start, size)]
        while blocks:
            start, size = blocks.pop(0)
            stop = start + size
            while start + lead <= stop:
                message = Message(
                    self.number(start, 1), self.number(start + 3, 1), start + lead, self.number(start + 1, 2)
                )
                self._add(found, message, stop)
                if message.kind == 0x10:
                    begin, length = self._continued(message)
                    if self.region.take(begin, 4) != b"OCHK":
                        raise Broken("an object header that does not continue where it says")
                    self.checksum(begin, length - 4, "an object header")
                    blocks.append((begin + 4, length - 8))
                start = message.start + message.size

    def _add(self, found: list[Message], message: Message, stop: int) -> None:
        if message.start + message.size > stop:
            raise Broken("a message reaches beyond its object header")
        if len(found) >= _MESSAGES:
            raise TooMuch(f"has an object of more than {_MESSAGES:,} messages")
        self.step()
        found.append(message)

    def _continued(self, message: Message) -> tuple[int, int]:
        begin, length = self.address(message.start), self.number(message.start + self.wide, self.long)
        if not self.claim(begin, length, "object header") or length < 8:
            raise Broken("an object header continues in itself")
        return begin, length

    def gaps(self) -> list[tuple[int, int]]:
        """Extents that nobody owns; Broken where two owners overlap."""
        found, at = [], 0
        for start, end, what in sorted(self.owners):
            if start < at:
                raise Broken(f"two owners of the same bytes ({what} at byte {start:,})")
            if start > at:
                found.append((at, start))
            at = end
        if at < self.end < len(self.region):
            found.append((at, self.end))
            at = self.end
        if at < len(self.region):
            found.append((at, len(self.region)))
        return found


def lookup3(data: bytes) -> int:
    """Bob Jenkins' lookup3 checksum, as HDF5 uses it (start value 0)."""
    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(data)) & mask
    whole = max((len(data) - 1) // 12, 0) * 12
    for i in range(0, whole, 12):
        a = (a + int.from_bytes(data[i : i + 4], "little")) & mask
        b = (b + int.from_bytes(data[i + 4 : i + 8], "little")) & mask
        c = (c + int.from_bytes(data[i + 8 : i + 12], "little")) & mask
        a = (a - c & mask) ^ (c << 4 & mask | c >> 28)
        c = c + b & mask
        b = (b - a & mask) ^ (a << 6 & mask | a >> 26)
        a = a + c & mask
        c = (c - b & mask) ^ (b << 8 & mask | b >> 24)
        b = b + a & mask
        a = (a - c & mask) ^ (c << 16 & mask | c >> 16)
        c = c + b & mask
        b = (b - a & mask) ^ (a << 19 & mask | a >> 13)
        a = a + c & mask
        c = (c - b & mask) ^ (b << 4 & mask | b >> 28)
        b = b + a & mask
    rest = data[whole:]
    if not rest:
        return c
    rest += bytes(12 - len(rest))
    a = a + int.from_bytes(rest[:4], "little") & mask
    b = b + int.from_bytes(rest[4:8], "little") & mask
    c = c + int.from_bytes(rest[8:], "little") & mask
    for x, turn in (("c", 14), ("a", 11), ("b", 25), ("c", 16), ("a", 4), ("b", 14), ("c", 24)):
        if x == "c":
            c = (c ^ b) - (b << turn & mask | b >> 32 - turn) & mask
        elif x == "a":
            a = (a ^ c) - (c << turn & mask | c >> 32 - turn) & mask
        else:
            b = (b ^ a) - (a << turn & mask | a >> 32 - turn) & mask
    return c
