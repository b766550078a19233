"""7z archives: own bounded reading of the headers, the standard library's raw decoders for the content.

Source: 7zFormat.txt of the LZMA SDK 23.01.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from momus.methods.artifacts.expand import collect
from momus.methods.artifacts.report import Job, Region, TooMuch, shown
from momus.methods.artifacts.sevenzip_coders import NAMED, Folder, Unknown, decoded
from momus.methods.artifacts.zips import leaves

_HEADERS = 4  # headers packed inside headers
_HEADER_BYTES = 64 << 20


@dataclass(slots=True)
class _Streams:
    start: int = 0
    packed: list[int] = field(default_factory=list)
    crcs: list[int | None] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)


class _Cursor:
    """Bytes of a header, with 7z's numbers. Raises ValueError at the end."""

    def __init__(self, job: Job, data: bytes) -> None:
        self.job, self.data, self.at = job, data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.data) - self.at:
            raise ValueError("a header that is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        first, mask, value = self.byte(), 0x80, 0
        for i in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * i)
            value |= self.byte() << (8 * i)
            mask >>= 1
        return value

    def count(self) -> int:
        value = self.number()
        if value > self.job.limits.members:
            raise TooMuch(f"has more than {self.job.limits.members:,} members")
        return value

    def bits(self, count: int) -> list[bool]:
        raw = self.take((count + 7) // 8)
        return [bool(raw[i // 8] & 0x80 >> i % 8) for i in range(count)]

    def defined(self, count: int) -> list[bool]:
        return [True] * count if self.byte() else self.bits(count)

    def digests(self, count: int) -> list[int | None]:
        return [int.from_bytes(self.take(4), "little") if there else None for there in self.defined(count)]


def scan_7z(job: Job, region: Region, where: str) -> str:
    """Read all members of a 7z archive that common decoders can read; the rest is not understood."""
    try:
        _archive(job, region, where)
    except Unknown as error:
        job.mark("not understood", f"a 7z archive whose list of members is packed by {error}", 12, where)
    except (ValueError, IndexError) as error:
        job.mark("suspicious", f"a 7z archive that does not hold: {error}", 0, where)
    return "7z"


def _archive(job: Job, region: Region, where: str) -> None:
    head = region.take(0, 32)
    if len(head) < 32 or zlib.crc32(head[12:32]) != int.from_bytes(head[8:12], "little"):
        raise ValueError("the start header has a wrong checksum")
    offset, size = int.from_bytes(head[12:20], "little"), int.from_bytes(head[20:28], "little")
    end = 32 + offset + size
    if end > len(region):
        raise ValueError("its list of members lies beyond the end of the file")
    owned = [(0, 32), (32 + offset, end)]
    if size:
        cursor, streams = _unpacked_header(job, region, region.part(32 + offset, size), head[28:32], owned, where)
        names = _files(job, cursor, streams, where)
        _content(job, region, streams, names, owned, where)
    else:
        job.mark("not understood", "a 7z archive with nothing in it", None, where)
    _owners(job, region, owned, where)


def _unpacked_header(
    job: Job, region: Region, raw: Region, crc: bytes, owned: list[tuple[int, int]], where: str
) -> tuple[_Cursor, _Streams]:
    """A cursor behind the streams of the innermost header, and those streams."""
    if len(raw) > _HEADER_BYTES:
        raise TooMuch(f"has more than {_HEADER_BYTES >> 20} MiB of headers")
    data, wanted = raw.take(0, len(raw)), int.from_bytes(crc, "little")
    for _ in range(_HEADERS):
        if zlib.crc32(data) != wanted:
            raise ValueError("the list of members has a wrong checksum")
        cursor = _Cursor(job, data)
        kind = cursor.byte()
        if kind == 1:
            return cursor, _header(cursor)
        if kind != 0x17:
            raise ValueError(f"a header of unknown kind {kind}")
        streams = _streams(cursor)
        if len(streams.folders) != 1:
            raise ValueError("a packed header in several parts")
        parts = _parts(region, streams, owned)
        content = collect(job, decoded(parts[0], streams.folders[0]), "7z", where)
        if content is None or len(content) > _HEADER_BYTES:
            raise ValueError("a packed header that cannot be read")
        data = content.take(0, len(content))
        own = streams.folders[0].crc  # some writers leave it out and give the packed bytes one instead
        wanted = zlib.crc32(data) if own is None else own
    raise ValueError("headers packed inside headers")


def _header(cursor: _Cursor) -> _Streams:
    streams, kind = _Streams(), cursor.byte()
    if kind == 2:  # archive properties
        while cursor.byte():
            cursor.take(cursor.number())
        kind = cursor.byte()
    if kind == 3:
        raise ValueError("additional streams, which no common writer makes")
    if kind == 4:
        streams = _streams(cursor)
        kind = cursor.byte()
    if kind not in (0, 5):
        raise ValueError(f"a property of unknown kind {kind}")
    cursor.at -= 1
    return streams


def _streams(cursor: _Cursor) -> _Streams:
    streams, subs = _Streams(), False
    while (kind := cursor.byte()) != 0:
        if kind == 6:
            _pack_info(cursor, streams)
        elif kind == 7:
            _folders(cursor, streams)
        elif kind == 8:
            _substreams(cursor, streams)
            subs = True
        else:
            raise ValueError(f"a property of unknown kind {kind}")
    if not subs:
        for folder in streams.folders:
            folder.files = [(folder.size, folder.crc)]
    return streams


def _pack_info(cursor: _Cursor, streams: _Streams) -> None:
    streams.start = 32 + cursor.number()
    count = cursor.count()
    while (kind := cursor.byte()) != 0:
        if kind == 9:
            streams.packed = [cursor.number() for _ in range(count)]
        elif kind == 10:
            streams.crcs = cursor.digests(count)
        else:
            raise ValueError(f"a property of unknown kind {kind}")
    if len(streams.packed) != count:
        raise ValueError("packed streams without sizes")


def _folders(cursor: _Cursor, streams: _Streams) -> None:
    if cursor.byte() != 11:
        raise ValueError("folders are missing")
    count = cursor.count()
    if cursor.byte():
        raise ValueError("folders that lie elsewhere")
    streams.folders = [_folder(cursor) for _ in range(count)]
    if cursor.byte() != 12:
        raise ValueError("sizes are missing")
    for folder in streams.folders:
        folder.sizes = [cursor.number() for _ in folder.coders]
    while (kind := cursor.byte()) != 0:
        if kind != 10:
            raise ValueError(f"a property of unknown kind {kind}")
        for folder, crc in zip(streams.folders, cursor.digests(count), strict=True):
            folder.crc = crc


def _folder(cursor: _Cursor) -> Folder:
    folder, ins, outs = Folder(), 0, 0
    count = cursor.number()
    if not 0 < count <= 8:
        raise ValueError(f"a chain of {count:,} coders")
    for _ in range(count):
        flags = cursor.byte()
        method = cursor.take(flags & 15)
        into, out = (cursor.number(), cursor.number()) if flags & 16 else (1, 1)
        properties = cursor.take(cursor.number()) if flags & 32 else b""
        if into > 8 or out != 1:
            raise ValueError("a coder with many streams")
        ins, outs = ins + into, outs + out
        folder.coders.append((method, properties))
    bonds = [(cursor.number(), cursor.number()) for _ in range(outs - 1)]
    folder.packed = ins - len(bonds)
    if folder.packed > 1:
        folder.odd = next((NAMED[m] for m, _ in folder.coders if m in NAMED), "a coder with many streams")
        for _ in range(folder.packed):
            cursor.number()
    else:
        folder.order = _order(bonds, count)
    return folder


def _order(bonds: list[tuple[int, int]], count: int) -> list[int]:
    """Numbers of the coders, from the one that is fed with packed bytes to the one that writes the files."""
    feeds = {out: into for into, out in bonds}
    fed = set(feeds.values())
    order: list[int] = []
    at = next((i for i in range(count) if i not in fed), -1)
    while 0 <= at < count and len(order) <= count:
        order.append(at)
        at = feeds.get(at, -1)
    if sorted(order) != list(range(count)):
        raise ValueError("coders that form no chain")
    return order


def _substreams(cursor: _Cursor, streams: _Streams) -> None:
    counts, kind = [1] * len(streams.folders), cursor.byte()
    if kind == 13:
        counts = [cursor.count() for _ in streams.folders]
        if sum(counts) > cursor.job.limits.members:
            raise TooMuch(f"has more than {cursor.job.limits.members:,} members")
        kind = cursor.byte()
    for folder, count in zip(streams.folders, counts, strict=True):
        sizes = [cursor.number() for _ in range(count - 1)] if kind == 9 else []
        if count:
            sizes.append(folder.size - sum(sizes))
        if len(sizes) != count or any(s < 0 for s in sizes):
            raise ValueError("files that are larger than their folder")
        known = folder.crc if count == 1 else None
        folder.files = [(s, known) for s in sizes]
    if kind == 9:
        kind = cursor.byte()
    if kind == 10:
        bare = [f for f in streams.folders if len(f.files) != 1 or f.crc is None]
        crcs = iter(cursor.digests(sum(len(f.files) for f in bare)))
        for folder in bare:
            folder.files = [(size, next(crcs)) for size, _ in folder.files]
        kind = cursor.byte()
    if kind != 0:
        raise ValueError(f"a property of unknown kind {kind}")


def _files(job: Job, cursor: _Cursor, streams: _Streams, where: str) -> list[str]:
    """Names of the files that have content, in order; marks links, and names that leave the folder."""
    if cursor.byte() != 5:
        return []
    count = cursor.count()
    names, empty, modes = [""] * count, [False] * count, [0] * count
    while (kind := cursor.byte()) != 0:
        body = _Cursor(job, cursor.take(cursor.number()))
        if kind == 14:
            empty = body.bits(count)
        elif kind == 17:
            if body.byte():
                raise ValueError("names that lie elsewhere")
            names = body.data[1:].decode("utf-16-le", "backslashreplace").split("\0")[:-1]
        elif kind == 21:
            there = body.defined(count)
            body.byte()
            modes = [int.from_bytes(body.take(4), "little") if t else 0 for t in there]
        elif kind not in (15, 16, 18, 19, 20, 22, 24, 25):
            raise ValueError(f"a property of unknown kind {kind}")
    if len(names) != count:
        raise ValueError(f"{count:,} files and {len(names):,} names")
    for name, mode in zip(names, modes, strict=True):
        place = f"{where}!{name}" if where else name
        if leaves(name):
            job.mark("dangerous", "its path leads out of the folder it is unpacked in", None, shown(place))
        if (mode & 0x8000 and mode >> 28 == 0xA) or mode & 0x400:
            job.mark("suspicious", "is a symbolic link", None, shown(place))
    if len(set(names)) != count:
        job.mark("suspicious", "a name stands twice in the archive", None, where)
    return [n for n, e in zip(names, empty, strict=True) if not e]


def _parts(region: Region, streams: _Streams, owned: list[tuple[int, int]]) -> list[Region]:
    """The packed bytes of each folder."""
    if sum(f.packed for f in streams.folders) != len(streams.packed):
        raise ValueError("packed streams that belong to no folder")
    parts, at, sizes = [], streams.start, iter(streams.packed)
    for size, crc in zip(streams.packed, streams.crcs, strict=False):
        if crc is not None and zlib.crc32(region.take(at, size)) != crc:
            raise ValueError("a packed stream has a wrong checksum")
        at += size
    at = streams.start
    for folder in streams.folders:
        size = sum(next(sizes) for _ in range(folder.packed))
        if at + size > len(region):
            raise ValueError("packed streams beyond the end of the file")
        parts.append(region.part(at, size))
        owned.append((at, at + size))
        at += size
    return parts


def _content(
    job: Job, region: Region, streams: _Streams, names: list[str], owned: list[tuple[int, int]], where: str
) -> None:
    if len(names) != sum(len(f.files) for f in streams.folders):
        raise ValueError("files and streams differ in number")
    left = iter(names)
    for folder, part in zip(streams.folders, _parts(region, streams, owned), strict=True):
        mine = [(next(left), size, crc) for size, crc in folder.files]
        try:
            content = collect(job, decoded(part, folder), "7z", where) if folder.size else None
        except Unknown as error:
            job.mark("not understood", f"{len(mine):,} members packed by {error}", part.start - region.start, where)
            continue
        at = 0
        for name, size, crc in mine:
            job.check_time()
            place = f"{where}!{name}" if where else name
            piece = content.part(at, size) if content is not None else None
            at += size
            if piece is None or len(piece) != size:
                job.mark("suspicious", "its content cannot be unpacked in full", None, place)
                continue
            if crc is None:
                job.mark("suspicious", "has no checksum", None, place)
            elif zlib.crc32(memoryview(piece.buf)[piece.start : piece.end]) != crc:
                job.mark("suspicious", "its checksum is wrong", None, place)
            job.examine(piece, place)


def _owners(job: Job, region: Region, owned: list[tuple[int, int]], where: str) -> None:
    """Every byte belongs to one stream or header; others are marked and looked at as a file of their own."""
    at = 0
    for start, end in [*sorted(owned), (len(region), len(region))]:
        if start > at:
            job.mark("suspicious", f"{start - at:,} bytes of the 7z archive belong to no member", at, where)
            job.examine(region.part(at, start - at), f"{where}!bytes@{at}")
        elif start < at and end > start:
            job.mark("suspicious", "streams of the 7z archive overlap", start, where)
        at = max(at, end)
