"""The entry: open a file, find out by content what it is, read it, and report."""

from __future__ import annotations

import os
import stat

from momus.methods.artifacts.formats import look, sniff_region
from momus.methods.artifacts.report import FileReport, Job, Limits, Region, TooMuch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

WHOLE = 1 << 20  # files up to this size are read at once; larger ones are mapped


def scan(
    path: str | Path, *, limits: Limits | None = None, allow: tuple[str, ...] = (), digest: bool = True
) -> FileReport:
    """Scan one file.

    Parameters
    ----------
    path : a regular file. What cannot be opened, and what is no regular file, is reported as *not understood*.
    limits : bounds on work; see :class:`Limits`.
    allow : further importable names (``mypkg.Model`` or ``mypkg.*``) that the caller vouches for. Names known to be
        dangerous stay refused.
    digest : whether to compute the sha256 (0.55 s a GB on one core).

    Never raises for anything a file contains. Time is linear in the bytes read; the numbers in tensors are not.
    """
    job = Job(limits or Limits(), allow, look=look, path=str(path))
    try:
        descriptor = _opened(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no usable path"
        job.mark("not understood", f"cannot be opened: {reason}")
        return FileReport(path, "", 0, "none", job.verdict, job.kept(), complete=False)
    if descriptor < 0:
        job.mark("not understood", "is no regular file")
        return FileReport(path, "", 0, "none", job.verdict, job.kept(), complete=False)
    sha256, kind = "", "none"
    with open(descriptor, "rb") as stream:
        before = os.fstat(descriptor)
        try:
            sha256, kind = _read(job, stream, before.st_size, digest)
        except (OSError, ValueError) as error:
            job.mark("not understood", f"cannot be read: {getattr(error, 'strerror', '') or type(error).__name__}")
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        job.mark("not understood", "changed while it was being read")
    return FileReport(path, sha256, before.st_size, kind, job.verdict, job.kept(), tuple(job.names), job.complete)


def _opened(path: str | Path) -> int:
    """A descriptor; -1 for what is no regular file. A pipe or device is not opened: that alone can hang or act."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (pathlib costs a folder of pickles to import)
        return -1
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1


def _read(job: Job, stream: BufferedReader, size: int, digest: bool) -> tuple[str, str]:
    """(sha256, format) of an open file: small ones are read at once, large ones hashed in blocks and mapped."""
    import hashlib

    if size <= WHOLE:
        data = stream.read(WHOLE + 1)
        if len(data) != size:
            job.mark("not understood", "holds something else than its size says")
        return hashlib.sha256(data).hexdigest() if digest else "", _examine(job, Region(data, 0, len(data)))
    import mmap

    from momus.methods.artifacts.mapped import Mapped

    sha256 = hashlib.file_digest(stream, "sha256").hexdigest() if digest else ""
    with Mapped(stream.fileno(), size, access=mmap.ACCESS_READ) as mapped:
        return sha256, _examine(job, Region(mapped, 0, size))  # type: ignore[arg-type]


def scan_bytes(data: bytes, *, limits: Limits | None = None, allow: tuple[str, ...] = (), name: str = "") -> FileReport:
    """Scan bytes in memory as if they were a file called ``name``."""
    import hashlib

    job = Job(limits or Limits(), allow, look=look)
    kind = _examine(job, Region(data, 0, len(data)))
    digest = hashlib.sha256(data).hexdigest()
    return FileReport(name, digest, len(data), kind, job.verdict, job.kept(), tuple(job.names), job.complete)


def _examine(job: Job, region: Region) -> str:
    """Read the region; a limit that is reached becomes a mark, since what was not read is not vouched for."""
    try:
        return look(job, region, "")
    except TooMuch as error:
        job.mark("suspicious", f"not read to the end: it {error}")
        return "too much"
    except (RecursionError, MemoryError, OverflowError) as error:
        job.mark("suspicious", f"not read to the end: {type(error).__name__} in the reader")
        return "too much"
    except Exception as error:  # a fault of a reader is no reason to trust a file, nor to keep silent about others
        job.mark("not understood", f"not read to the end: the reader failed with {type(error).__name__}: {error}")
        return "unknown"


def sniff(path: str | Path) -> str:
    """What kind of file this is, by content and never by name: pickle, torch zip, npz, safetensors, unknown, …"""
    import mmap

    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            return "empty"
        with mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) as mapped:
            return sniff_region(Region(mapped, 0, size))  # type: ignore[arg-type]


def pickle_globals(path: str | Path) -> tuple[str, ...]:
    """Importable names that the pickles in a file refer to, in order of appearance; empty where there are none."""
    return scan(path, digest=False).names
