"""Spool: events on disk before anybody is told that they are kept. Segments of records with length and checksum."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

MAGIC = b"momus spool 1\n\x00\x00"
HEAD = struct.Struct("<IIdB")  # length of the payload; crc32 of what follows; seconds since 1970; kind
_CHECKED = struct.Struct("<dB")
EVENT, NOTE = 0, 1
LARGEST = 1 << 20  # bytes of a payload
ENDING = ".spool"
_AGE = 3600.0  # seconds after which a segment is closed, so that what was read can be removed

Record = tuple[float, int, bytes]  # moment, kind, payload


def frame(record: Record) -> bytes:
    """A record as it stands in a segment."""
    moment, kind, payload = record
    checked = _CHECKED.pack(moment, kind)
    return HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(checked)), moment, kind) + payload


class Segments:
    """Appends records to segments of its own in a folder that several processes share.

    What :meth:`append` returned from is on disk. An append that failed leaves nothing behind. Files can be read by
    their owner alone. A segment is locked while it is written: a reader knows by the lock whether more may come.
    """

    def __init__(self, folder: Path, *, segment: int = 16 << 20, most: int = 4 << 30) -> None:
        self._folder = folder
        self._segment = segment
        self._most = most
        self._name = f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{secrets.token_hex(4)}"
        self._number = 0
        self._handle = -1
        self._size = 0
        self._born = 0.0

    def append(self, records: Sequence[Record]) -> None:
        """Write and fsync. OSError where it cannot, with nothing written."""
        data = b"".join(map(frame, records))
        if self._handle >= 0 and (self._size > self._segment or time.monotonic() - self._born > _AGE):
            self.close()
        if self._handle < 0:
            self._begin()
        try:
            self._write(data)
            os.fdatasync(self._handle)
        except OSError:
            self._undo()
            raise
        self._size += len(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]

    def _undo(self) -> None:
        """Cut what was written in part; where even that fails, the segment is left to its reader, who cuts it."""
        try:
            os.ftruncate(self._handle, self._size)
            os.lseek(self._handle, self._size, os.SEEK_SET)
        except OSError:
            self.close()

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = sum(_size(p) for p in self._folder.glob(f"*{ENDING}"))
        if held >= self._most:
            raise OSError(errno.EDQUOT, f"the spool holds {held:,} bytes that nobody has read")
        self._number += 1
        name = f"{self._name}-{self._number:08d}{ENDING}"
        part = self._folder / f".{name}"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            os.write(handle, MAGIC)
            part.rename(self._folder / name)  # with its lock: a reader never takes it for one whose writer is gone
            _sync(self._folder)
        except OSError:
            os.close(handle)
            for path in (part, self._folder / name):
                path.unlink(missing_ok=True)
            raise
        self._handle, self._size, self._born = handle, len(MAGIC), time.monotonic()

    def close(self) -> None:
        """End the segment; the next append begins another."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
