"""Decompression under bounds: a ratio that gives bombs away, a cap on bytes written, large results kept on disk."""

from __future__ import annotations

import bz2
import importlib.util
import lzma
import mmap
import tempfile
import zlib
from collections.abc import Iterator
from typing import Any

from momus.methods.artifacts.report import Job, Region

_STEP = 1 << 20
_IN_MEMORY = 8 << 20
_ZSTD_WINDOW = 128 << 20
_BITE = 1 << 10  # of zstd: a block of four bytes may stand for 128 KiB; of others: what is read of a further member
_OLD_JOBLIB = 21  # "ZF" and a length in hexadecimal, filled up with blanks
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"ZF": "joblib before 0.10",
}


def compression(region: Region) -> str:
    """Name of the compression a region starts with, or nothing. zlib counts only if its first bytes do expand."""
    head = region.take(0, 6)
    for magic, name in _MAGIC.items():
        if head.startswith(magic) and (name != "joblib before 0.10" or region.take(2, 2) == b"0x"):
            return name
    if head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return "zstd"  # a frame that zstd and lz4 skip; what follows it counts
    if len(head) > 2 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        try:
            zlib.decompressobj().decompress(region.take(0, 64), 1)
        except zlib.error:
            return ""
        return "zlib"
    return ""


def _opener(kind: str) -> Any:
    if kind in ("zlib", "joblib before 0.10"):
        return zlib.decompressobj()
    if kind == "gzip":
        return zlib.decompressobj(31)
    if kind == "deflate":
        return zlib.decompressobj(-15)
    if kind == "bz2":
        return bz2.BZ2Decompressor()
    if kind == "zip lzma":
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=256 << 20)


class Broken(ValueError):
    """Compressed data that does not hold, or blows up; the message says how."""


def collect(job: Job, pieces: Iterator[tuple[bytes, int]], kind: str, where: str) -> Region | None:
    """Write what a decoder yields, (bytes, bytes read so far), to memory or disk under the job's bounds.

    None after a mark where nothing came out. What came out before the data broke off is handed on: a loader that
    streams acts on it too.
    """
    limits, size, complete = job.limits, 0, False
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as out:
        try:
            for data, read in pieces:
                grown = size + len(data)
                job.spend_expanded(len(data))
                job.check_time()
                if grown > limits.ratio_from and grown > limits.ratio * max(read, 1):
                    raise Broken(f"expansion bomb: {read:,} bytes of {kind} grow beyond {grown:,}")
                out.write(data)
                size = grown
            complete = True
        except Broken as error:
            job.mark("suspicious", str(error), None, where)
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
            job.mark("suspicious", f"the {kind} data breaks off: {error}", None, where)
        if size == 0:
            if complete:
                job.mark("not understood", "empty", None, where)
            return None
        if not out._rolled:  # type: ignore[attr-defined]
            out.seek(0)
            whole = out.read()
            return Region(whole, 0, len(whole))
        out.flush()
        mapped = mmap.mmap(out.fileno(), size, access=mmap.ACCESS_READ)
        return Region(mapped, 0, size)  # type: ignore[arg-type]


def expand(job: Job, region: Region, kind: str, where: str) -> Region | None:
    """The decompressed bytes as a region, or None after a mark. Further members (gzip, bz2, xz) are appended."""
    if kind == "lz4":
        from momus.methods.artifacts.lz4_ import frames

        return collect(job, frames(job, region), kind, where)
    if kind == "zstd":
        if importlib.util.find_spec("zstandard") is None:
            reason = "the module zstandard is not installed"
            job.mark("not understood", f"compressed with zstd, and {reason}", 0, where, reason=reason)
            return None
        return collect(job, _zstd(region), kind, where)
    if kind == "zip lzma":  # zip puts a version and the filter's properties in front
        region = region.part(4 + int.from_bytes(region.take(2, 2), "little"), len(region))
    if kind == "joblib before 0.10":
        return _old_joblib(job, region, where)
    return collect(job, _copy(job, region, kind, where), kind, where)


def _old_joblib(job: Job, region: Region, where: str) -> Region | None:
    """What joblib wrote before 0.10: a length in hexadecimal, then zlib. Old releases put one more blank between."""
    kind = "joblib before 0.10"
    start = _OLD_JOBLIB + (region.take(_OLD_JOBLIB, 1) == b" ")
    try:
        promised = int(region.take(2, _OLD_JOBLIB - 2), 16)
    except ValueError:
        job.mark("suspicious", "a length that is no number", 2, where)
        return None
    content = collect(job, _copy(job, region.part(start, len(region)), kind, where), kind, where)
    if content is not None and len(content) != promised:
        job.mark("suspicious", f"holds {len(content):,} bytes where its header says {promised:,}", 2, where)
    return content


def _copy(job: Job, region: Region, kind: str, where: str) -> Iterator[tuple[bytes, int]]:
    """Expanded pieces with the bytes read so far; marks what is left over."""
    machine, at, bite = _opener(kind), 0, _STEP
    while at < len(region) or not machine.eof:
        piece = region.take(at, bite)
        bite = min(2 * bite, _STEP)
        if not piece:
            raise Broken(f"the {kind} data ends too early")
        at += len(piece)
        while piece or _holds_back(machine):
            data, piece = _step(machine, piece)
            if machine.eof:
                at -= len(machine.unused_data)
                yield data, at
                break
            yield data, at
        if machine.eof and at < len(region):
            if not _continues(region.part(at, 6), kind):
                _behind(job, region, at, kind, where)
                return
            machine, bite = _opener(kind), _BITE  # members may be tiny and many: what they leave over is copied


def _behind(job: Job, region: Region, at: int, kind: str, where: str) -> None:
    """Bytes behind the compressed data: readers pass over them, so they are looked at as a file of their own."""
    job.mark("suspicious", f"{len(region) - at:,} bytes follow the {kind} data", at, where)
    if len(region) - at > 8:
        job.examine(region.part(at, len(region)), f"{where}!bytes@{at}")


def _step(machine: Any, piece: bytes) -> tuple[bytes, bytes]:
    """At most _STEP bytes of output, and the input still to be fed."""
    data = machine.decompress(piece, _STEP)
    return data, getattr(machine, "unconsumed_tail", b"")


def _holds_back(machine: Any) -> bool:
    """Whether a bz2 or lzma machine still has output for the input it was given."""
    return not machine.eof and not getattr(machine, "needs_input", True)


def _continues(rest: Region, kind: str) -> bool:
    head = rest.take(0, 6)
    return {"gzip": head[:2] == b"\x1f\x8b", "bz2": head[:3] == b"BZh", "xz": head == b"\xfd7zXZ\x00"}.get(kind, False)


def _zstd(region: Region) -> Iterator[tuple[bytes, int]]:
    """Content of zstd frames. Fed in small bites, since a machine writes out all that it was fed at once."""
    import zstandard

    at = 0
    while at < len(region):
        machine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        while not machine.eof:
            bite = region.take(at, _BITE)
            if not bite:
                raise Broken("the zstd data ends too early")
            at += len(bite)
            try:
                data = machine.decompress(bite)
            except zstandard.ZstdError as error:
                raise Broken(f"the zstd data breaks off: {error}") from None
            yield data, at
        at -= len(machine.unused_data)
