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
_FULL = 0xFFFFFFFF  # a size of 32 bits that stands elsewhere, in 64
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
    _behind(job, region, end, where)
    directory_end = end
    if region.take(end - 20, 4) == b"PK\x06\x07":
        record = _zip64(region, end)
        if record is None:
            job.mark("suspicious", "a zip64 end record that cannot be found", end - 20, where)
            return []
        short, (directory_end, count, size, offset) = (count, size, offset), record
        if any(s not in (f, v) for s, v, f in zip(short, record[1:], (0xFFFF, _FULL, _FULL), strict=True)):
            job.mark("suspicious", "its two end records list different members", end, where)
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
    for entry in entries:
        if entry.mode & 0xF000 == 0xA000:
            _link(job, region, entry, f"{where}!{entry.name}" if where else entry.name)
    return entries


def _link(job: Job, region: Region, entry: Entry, where: str) -> None:
    """A symbolic link, whose content is where it leads."""
    content = member(job, region, entry, where) if entry.size < 4096 else None
    target = content.take(0, 4096).decode("utf-8", "backslashreplace") if content is not None else ""
    outside = leaves(target)
    what = "is a symbolic link" + (" that leads out of the folder" if outside else "")
    job.mark("dangerous" if outside else "suspicious", what, entry.header, where, call=target[:100])


def _behind(job: Job, region: Region, end: int, where: str) -> None:
    """What stands in and behind the end record: other discs, another end, a comment, further bytes."""
    discs = region.take(end + 4, 4)
    if discs not in (bytes(4), b"\xff" * 4):
        job.mark("suspicious", "is one of several discs of a zip file", end, where)
    comment = int.from_bytes(region.take(end + 20, 2), "little")
    if region.find(_END, end + 4) >= 0:
        job.mark("suspicious", "a second end record: readers disagree about which one counts", end, where)
    behind = len(region) - end - 22 - comment
    if behind > 0:
        job.mark("suspicious", f"{behind:,} bytes follow the end of the zip file", end + 22 + comment, where)
    for at, size in ((end + 22, comment), (end + 22 + comment, behind)):
        if size > 8 and region.take(at, size).strip(b"\0\r\n "):
            _stowaway(job, region.part(at, size), at, where, comment=at == end + 22)


def _stowaway(job: Job, part: Region, at: int, where: str, *, comment: bool) -> None:
    """Bytes that no member owns, as a file of their own. A comment of plain words is what comments are for."""
    words = part.take(0, len(part))
    if comment and words.isascii() and all(b >= 32 or b in b"\r\n\t" for b in words) and b"\n." not in words:
        job.mark("note", f"a comment of {len(part):,} characters", at, where)
        return
    if comment:
        job.mark("suspicious", f"a comment of {len(part):,} bytes that is no text", at, where)
    job.examine(part, f"{where}!bytes@{at}")


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
        _unicode_path(job, entry, extra, region.take(at + 46, n_name), where)
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


def _unicode_path(job: Job, entry: Entry, extra: bytes, name: bytes, where: str) -> None:
    """The extra field 0x7075 renames a member for some readers only."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack("<HH", extra[at : at + 4])
        body = extra[at + 4 : at + 4 + size]
        if tag == 0x7075 and len(body) > 5:
            other = body[5:].decode("utf-8", "backslashreplace")
            fits = int.from_bytes(body[1:5], "little") == zlib.crc32(name)
            if other != entry.name or not fits:
                what = f"is called {other[:80]!r} by readers that know its extra field"
                grave = leaves(other)
                place = f"{where}!{entry.name}" if where else entry.name
                job.mark("dangerous" if grave else "suspicious", what, entry.header, place, opcode="extra 0x7075")
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
    if _FULL in (packed, size):
        packed, size = _local_wide(region.take(entry.header + 30 + n_name, n_extra), packed, size)
    given = [(crc, entry.crc, 0), (packed, entry.packed, _FULL), (size, entry.size, _FULL)]
    if any(a != b and not (flags & 8 and a == 0) and not (a == w == _FULL) for a, b, w in given):
        job.mark("suspicious", "has other sizes or another checksum in its local header", entry.header, place)
    if entry.method == 0 and entry.packed != entry.size:
        job.mark("suspicious", "is stored as it is, yet has two sizes", entry.header, place)
    if entry.data + entry.packed > len(region):
        job.mark("suspicious", "reaches beyond the end of the file", entry.header, place)


def _local_wide(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    """Sizes of a local header from its zip64 field, which keeps the uncompressed one first."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack("<HH", extra[at : at + 4])
        if tag == 1:
            values = [int.from_bytes(extra[i : i + 8], "little") for i in range(at + 4, at + 4 + length - 7, 8)]
            size = values.pop(0) if size == _FULL and values else size
            packed = values.pop(0) if packed == _FULL and values else packed
        at += 4 + length
    return packed, size


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
            job.mark("dangerous", "its path leads out of the folder it is unpacked in", entry.header, place)
        if entry.name.lower() in seen:
            job.mark("suspicious", "stands twice in the zip file", entry.header, place)
        seen.add(entry.name.lower())
        if "\0" in entry.name or "\\" in entry.name:
            job.mark("suspicious", "has a name that systems read differently", entry.header, place)


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
        job.mark(
            "not understood",
            f"is compressed in a way that is not read here (method {entry.method})",
            entry.header,
            where,
        )
        return None
    packed = region.part(entry.data, entry.packed)
    content = packed if kind == "stored" else expand(job, packed, kind, where) if entry.packed else packed
    if content is not None and len(content) != entry.size:
        job.mark("suspicious", f"has {len(content):,} bytes instead of {entry.size:,}", entry.header, where)
    if content is not None and len(content) <= _CHECKED and zlib.crc32(content.take(0, len(content))) != entry.crc:
        job.mark("suspicious", "its checksum is wrong", entry.header, where)
    return content
