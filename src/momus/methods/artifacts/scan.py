"""The entry: open a file, find out by content what it is, read it, and report."""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import time
from io import BufferedReader
from pathlib import Path

from momus.methods.artifacts.formats import look, sniff_region
from momus.methods.artifacts.report import FileReport, Job, Limits, Region, TooMuch

_WHOLE = 1 << 20  # files up to this size are read at once; larger ones are mapped


def scan(
    path: str | Path, *, limits: Limits | None = None, allow: tuple[str, ...] = (), digest: bool = True
) -> FileReport:
    """Scan one file.

    Parameters
    ----------
    path : a regular file. What cannot be opened, and what is no regular file, is reported as *unread*.
    limits : bounds on work; see :class:`Limits`.
    allow : further importable names (``mypkg.Model`` or ``mypkg.*``) that the caller vouches for. Names known to be
        dangerous stay refused.
    digest : whether to compute the sha256 (0.65 s a GB on one core).

    Never raises for anything a file contains. Time is linear in the bytes read; the numbers in tensors are not.
    """
    path = Path(path)
    job = Job(limits or Limits(), allow, look=look)
    job.deadline = time.monotonic() + job.limits.seconds
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no usable path"
        job.mark("unread", f"cannot be opened: {reason}")
        return FileReport(path, "", 0, "none", job.verdict, job.kept())
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        os.close(descriptor)
        job.mark("unread", "is no regular file")
        return FileReport(path, "", 0, "none", job.verdict, job.kept())
    sha256, kind = "", "none"
    with os.fdopen(descriptor, "rb") as stream:
        try:
            sha256, kind = _read(job, stream, before.st_size, digest)
        except OSError as error:
            job.mark("unread", f"cannot be read: {error.strerror or type(error).__name__}")
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        job.mark("unread", "changed while it was being read")
    return FileReport(path, sha256, before.st_size, kind, job.verdict, job.kept(), tuple(job.names))


def _read(job: Job, stream: BufferedReader, size: int, digest: bool) -> tuple[str, str]:
    """(sha256, format) of an open file: small ones are read at once, large ones hashed in blocks and mapped."""
    if size <= _WHOLE:
        data = stream.read(_WHOLE + 1)
        return hashlib.sha256(data).hexdigest() if digest else "", _examine(job, Region(data, 0, len(data)))
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest() if digest else ""
    with mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) as mapped:
        return sha256, _examine(job, Region(mapped, 0, size))  # type: ignore[arg-type]


def scan_bytes(data: bytes, *, limits: Limits | None = None, allow: tuple[str, ...] = (), name: str = "") -> FileReport:
    """Scan bytes in memory as if they were a file called ``name``."""
    job = Job(limits or Limits(), allow, look=look)
    job.deadline = time.monotonic() + job.limits.seconds
    kind = _examine(job, Region(data, 0, len(data)))
    digest = hashlib.sha256(data).hexdigest()
    return FileReport(Path(name), digest, len(data), kind, job.verdict, job.kept(), tuple(job.names))


def _examine(job: Job, region: Region) -> str:
    """Read the region; a limit that is reached becomes a mark, since what was not read cannot be clean."""
    try:
        return look(job, region, "")
    except TooMuch as error:
        job.mark("suspicious", f"not read to the end: it {error}")
        return "too much"
    except (RecursionError, MemoryError, OverflowError) as error:
        job.mark("suspicious", f"not read to the end: {type(error).__name__} in the reader")
        return "too much"


def sniff(path: str | Path) -> str:
    """What kind of file this is, by content and never by name: pickle, torch zip, npz, safetensors, unknown, …"""
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            return "empty"
        with mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) as mapped:
            return sniff_region(Region(mapped, 0, size))  # type: ignore[arg-type]


def pickle_globals(path: str | Path) -> tuple[str, ...]:
    """Importable names that the pickles in a file refer to, in order of appearance; empty where there are none."""
    return scan(path, digest=False).names
