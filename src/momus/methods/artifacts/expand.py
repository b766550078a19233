"""Decompression under bounds: a ratio that gives bombs away, a cap on bytes written, large results kept on disk."""

from __future__ import annotations

import bz2
import lzma
import mmap
import tempfile
import zlib
from typing import Any

from momus.methods.artifacts.report import Job, Region

_STEP = 1 << 20
_IN_MEMORY = 8 << 20
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
    if len(head) > 2 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        try:
            zlib.decompressobj().decompress(region.take(0, 64), 1)
        except zlib.error:
            return ""
        return "zlib"
    return ""


def _opener(kind: str) -> Any:
    if kind == "zlib":
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


def expand(job: Job, region: Region, kind: str, where: str) -> Region | None:
    """The decompressed bytes as a region, or None after a mark. Further members (gzip, bz2, xz) are appended."""
    if kind in ("lz4", "zstd", "joblib before 0.10"):
        job.mark("unread", f"compressed with {kind}, which is not read here", None, where)
        return None
    if kind == "zip lzma":  # zip puts a version and the filter's properties in front
        region = region.part(4 + int.from_bytes(region.take(2, 2), "little"), len(region))
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as out:
        try:
            complete = _copy(job, region, kind, where, out)
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
            job.mark("suspicious", f"the {kind} data breaks off: {error}", None, where)
            complete = False
        size = out.tell()
        if size == 0:
            if complete:
                job.mark("unread", "empty", None, where)
            return None
        if not out._rolled:  # type: ignore[attr-defined]
            out.seek(0)
            data = out.read()
            return Region(data, 0, len(data))
        out.flush()
        mapped = mmap.mmap(out.fileno(), size, access=mmap.ACCESS_READ)
        return Region(mapped, 0, size)  # type: ignore[arg-type]


def _copy(job: Job, region: Region, kind: str, where: str, out: Any) -> bool:
    """Expand into ``out``; True when the data is complete. Marks what is left over or blows up."""
    limits, machine, at, size = job.limits, _opener(kind), 0, 0
    while at < len(region) or not machine.eof:
        piece = region.take(at, _STEP)
        if not piece:
            job.mark("suspicious", f"the {kind} data ends too early", at, where)
            return False
        at += len(piece)
        while piece or _holds_back(machine):
            data, piece = _step(machine, piece)
            size += len(data)
            job.spend_expanded(len(data))
            job.check_time()
            if size > limits.ratio_from and size > limits.ratio * max(at, 1):
                job.mark("suspicious", f"expansion bomb: {at:,} bytes of {kind} grow beyond {size:,}", 0, where)
                return False
            out.write(data)
            if machine.eof:
                at -= len(machine.unused_data)
                break
        if machine.eof and at < len(region):
            if not _continues(region.part(at, 6), kind):
                job.mark("suspicious", f"{len(region) - at:,} bytes follow the {kind} data", at, where)
                return True
            machine = _opener(kind)
    return True


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
