"""Zip files read without trust: central directory and local headers are compared, every byte must have an owner.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from momus.methods.artifacts.expand import expand
from momus.methods.artifacts.report import Job, Region, TooMuch

_END = b"PK\x05\x06"
_METHODS = {0: "stored", 8: "deflate", 12: "bz2", 14: "zip lzma"}
_CHECKED = 64 << 20  # CRCs of larger members are left to the loader


@dataclass(slots=True)
class Entry:
    """One member as the central directory describes it, with the place of its data."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    header: int
    mode: int = 0
    data: int = -1
    zip64: bool = False


def is_zip(region: Region) -> bool:
    """Whether any zip reader would take this file: a signature in front or an end record behind."""
    return region.take(0, 4) in (b"PK\x03\x04", b"PK\x05\x06") or _end_record(region) >= 0


def _end_record(region: Region) -> int:
    size = len(region)
    tail = region.take(max(size - 65_557, 0), 65_557)
    at = tail.rfind(_END)
    while at >= 0:
        if at + 22 <= len(tail):
            start = max(size - 65_557, 0) + at
            comment = int.from_bytes(tail[at + 20 : at + 22], "little")
            if start + 22 + comment <= size:
                return start
        at = tail.rfind(_END, 0, at)
    return -1


def read_directory(job: Job, region: Region, where: str) -> list[Entry]:
    """All members; marks everything that zip readers could disagree about. Empty when there is no directory."""
    end = _end_record(region)
    if end < 0:
        job.mark("suspicious", "a zip file without an end: its members cannot be listed", None, where)
        return []
    count, size, offset = struct.unpack("<HII", region.take(end + 10, 10))
    behind = len(region) - end - 22
    if behind:
        job.mark("suspicious", f"{behind:,} bytes follow the end of the zip file", end + 22, where)
    directory_end = end
    if region.take(end - 20, 4) == b"PK\x06\x07":
        record = _zip64(region, end)
        if record is None:
            job.mark("suspicious", "a zip64 end record that cannot be found", end - 20, where)
            return []
        directory_end, count, size, offset = record
    prefix = directory_end - size - offset
    if prefix < 0:
        job.mark("suspicious", "the directory of the zip file is not where its end says", end, where)
        return []
    if count > job.limits.members:
        raise TooMuch(f"has more than {job.limits.members:,} members")
    entries = _entries(job, region, prefix + offset, directory_end, where)
    if len(entries) != count:
        job.mark("suspicious", f"says it has {count:,} members and lists {len(entries):,}", end, where)
    for entry in entries:
        entry.header += prefix
        _compare(job, region, entry, where)
    _owners(job, region, entries, prefix + offset, where)
    _names(job, entries, where)
    return entries


def _zip64(region: Region, end: int) -> tuple[int, int, int, int] | None:
    """(start of the zip64 record, members, directory size, directory offset)."""
    offset = int.from_bytes(region.take(end - 12, 8), "little")
    at = next((a for a in (offset, end - 76) if region.take(a, 4) == b"PK\x06\x06"), -1)
    raw = region.take(at, 56)
    if at < 0 or len(raw) < 56:
        return None
    count, size, directory = struct.unpack("<QQQ", raw[32:56])
    return at, count, size, directory


def _entries(job: Job, region: Region, at: int, stop: int, where: str) -> list[Entry]:
    found: list[Entry] = []
    while at + 46 <= stop and region.take(at, 4) == b"PK\x01\x02":
        raw = region.take(at, 46)
        flags, method = struct.unpack("<HH", raw[8:12])
        crc, packed, size, n_name, n_extra, n_comment = struct.unpack("<IIIHHH", raw[16:34])
        attributes, header = struct.unpack("<II", raw[38:46])
        name = region.take(at + 46, n_name).decode("utf-8", "backslashreplace")
        extra = region.take(at + 46 + n_name, n_extra)
        entry = Entry(name, method, flags, crc, packed, size, header, attributes >> 16)
        _wide(entry, extra)
        found.append(entry)
        at += 46 + n_name + n_extra + n_comment
        if len(found) > job.limits.members:
            raise TooMuch(f"has more than {job.limits.members:,} members")
    if at != stop:
        job.mark("suspicious", f"{stop - at:,} bytes of the zip directory are no entries", at, where)
    return found


def _wide(entry: Entry, extra: bytes) -> None:
    """Sizes and offset from the zip64 extra field, where the short ones are full."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack("<HH", extra[at : at + 4])
        if tag == 1:
            values = [int.from_bytes(extra[i : i + 8], "little") for i in range(at + 4, at + 4 + size - 7, 8)]
            entry.zip64 = True
            for field in ("size", "packed", "header"):
                if getattr(entry, field) == 0xFFFFFFFF and values:
                    setattr(entry, field, values.pop(0))
        at += 4 + size


def _compare(job: Job, region: Region, entry: Entry, where: str) -> None:
    """Hold the local header against the directory's entry."""
    raw = region.take(entry.header, 30)
    place = f"{where}!{entry.name}" if where else entry.name
    if len(raw) < 30 or raw[:4] != b"PK\x03\x04":
        job.mark("suspicious", "has no local header where the directory says", entry.header, place)
        return
    flags, method = struct.unpack("<HH", raw[6:10])
    crc, packed, size, n_name, n_extra = struct.unpack("<IIIHH", raw[14:30])
    entry.data = entry.header + 30 + n_name + n_extra
    local = region.take(entry.header + 30, n_name).decode("utf-8", "backslashreplace")
    if local != entry.name:
        job.mark("suspicious", f"is called {local[:80]!r} in its local header", entry.header, place)
    if method != entry.method:
        job.mark("suspicious", "names two ways of compression", entry.header, place)
    if (flags | entry.flags) & 0x2041:
        job.mark("suspicious", "is flagged as encrypted", entry.header, place)
    full = 0xFFFFFFFF
    given = [(crc, entry.crc, 0), (packed, entry.packed, full), (size, entry.size, full)]
    if any(a != b and not (flags & 8 and a == 0) and not (a == w == full) for a, b, w in given):
        job.mark("suspicious", "has other sizes or another checksum in its local header", entry.header, place)
    if entry.method == 0 and entry.packed != entry.size:
        job.mark("suspicious", "is stored as it is, yet has two sizes", entry.header, place)
    if entry.data + entry.packed > len(region):
        job.mark("suspicious", "reaches beyond the end of the file", entry.header, place)


def _owners(job: Job, region: Region, entries: list[Entry], directory: int, where: str) -> None:
    """Members must follow one another without overlap and without bytes in between."""
    at = 0
    for entry in sorted((e for e in entries if e.data >= 0), key=lambda e: e.header):
        _gap(job, region, at, entry.header, where)
        at = entry.data + entry.packed
        if entry.flags & 8:
            at += _descriptor(region, at, entry)
    _gap(job, region, at, directory, where)


def _gap(job: Job, region: Region, at: int, until: int, where: str) -> None:
    if until < at:
        job.mark("suspicious", "members of the zip file overlap", until, where)
    elif until > at:
        first = "before" if at == 0 else "between"
        job.mark("suspicious", f"{until - at:,} bytes {first} the members of the zip file", at, where)
        if until - at > 8:
            job.examine(region.part(at, until - at), f"{where}!bytes@{at}")


def _descriptor(region: Region, at: int, entry: Entry) -> int:
    """Length of the data descriptor at ``at``; 0 where there is none that fits."""
    crc = struct.pack("<I", entry.crc)
    for lead in (b"PK\x07\x08", b""):
        for width in (8, 4):
            sizes = entry.packed.to_bytes(8, "little")[:width] + entry.size.to_bytes(8, "little")[:width]
            whole = lead + crc + sizes
            if region.take(at, len(whole)) == whole:
                return len(whole)
    return 0


def _names(job: Job, entries: list[Entry], where: str) -> None:
    """Names that leave the folder, that stand twice, or that are links."""
    seen: set[str] = set()
    for entry in entries:
        place = f"{where}!{entry.name}" if where else entry.name
        if leaves(entry.name):
            job.mark("bad", "its path leads out of the folder it is unpacked in", entry.header, place)
        if entry.name.lower() in seen:
            job.mark("suspicious", "stands twice in the zip file", entry.header, place)
        seen.add(entry.name.lower())
        if entry.mode & 0xF000 == 0xA000:
            job.mark("suspicious", "is a symbolic link", entry.header, place)


def leaves(name: str) -> bool:
    """Whether a member's path is absolute or climbs out of its folder."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or name.startswith(("/", "\\")) or "\0" in name or (len(name) > 1 and name[1] == ":")


def member(job: Job, region: Region, entry: Entry, where: str) -> Region | None:
    """The content of a member, decompressed and checked; None (after a mark) where it cannot be had."""
    if entry.data < 0 or entry.data + entry.packed > len(region):
        return None
    kind = _METHODS.get(entry.method)
    if kind is None:
        job.mark("unread", f"is compressed in a way that is not read here (method {entry.method})", entry.header, where)
        return None
    packed = region.part(entry.data, entry.packed)
    content = packed if kind == "stored" else expand(job, packed, kind, where) if entry.packed else packed
    if content is not None and len(content) != entry.size:
        job.mark("suspicious", f"has {len(content):,} bytes instead of {entry.size:,}", entry.header, where)
    if content is not None and len(content) <= _CHECKED and zlib.crc32(content.take(0, len(content))) != entry.crc:
        job.mark("suspicious", "its checksum is wrong", entry.header, where)
    return content
