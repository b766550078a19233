"""Files made of pickles: several streams in a row, joblib's arrays in between, and whatever comes after STOP."""

from __future__ import annotations

from typing import Any

from momus.methods.artifacts.arrays import JoblibArrays
from momus.methods.artifacts.handlers import TABLE
from momus.methods.artifacts.opcodes import Machine, Stream
from momus.methods.artifacts.report import Job, Limits, Region, TooMuch
from momus.methods.artifacts.rulings import Rulings
from momus.methods.artifacts.torch_storages import MAGIC, scan_storages
from momus.methods.artifacts.values import Blob

_STREAMS = 2_000
_PADDING = 4096
_TRIAL = Limits(opcodes=200_000)


def read_one(job: Job, region: Region, start: int, where: str, *, joblib: bool = True) -> tuple[Stream, Rulings]:
    """Interpret one stream at ``start`` (absolute) without committing its marks."""
    rulings = Rulings(job, where)
    arrays = JoblibArrays() if joblib else None
    stream = Machine(job, region.buf, start, region.end, where, arrays, rulings).run()
    stream.arrays = arrays.count if arrays else 0
    return stream, rulings


def scan_pickles(job: Job, region: Region, where: str, persistent: list[Any] | None = None) -> str:
    """Scan a file that starts with a pickle; returns its format. Persistent ids are added to ``persistent``."""
    start, kind, streams = region.start, "pickle", 0
    read: list[Stream] = []
    while start < region.end:
        streams += 1
        if streams > _STREAMS:
            raise TooMuch(f"has more than {_STREAMS:,} pickles in a row")
        job.check_time()
        stream, rulings = read_one(job, region, start, where)
        if streams > 1 and not stream.stopped and not rulings.names:
            _trailing(job, region, start, where)
            break
        rulings.commit()
        if persistent is not None:
            persistent += stream.persistent
        if stream.arrays:
            kind = "joblib"
            _also_plain(job, region, start, where, rulings)
        if not stream.stopped:
            job.mark("suspicious", f"the pickle breaks off: {stream.broke}", stream.end, where)
            if streams == 1 and stream.end < region.end:
                job.mark("suspicious", f"{region.end - stream.end:,} bytes behind it were not read", stream.end, where)
            break
        for blob in rulings.nested:
            _nested(job, region, blob, where)
        start = stream.end
        read.append(stream)
        if read[0].value == MAGIC and len(read) == 5:
            return scan_storages(job, region, start, read[3], read[4].value, where)
    return kind if streams == 1 else f"{kind}, {streams} streams"


def _nested(job: Job, region: Region, blob: Blob | bytes, where: str) -> None:
    """Bytes that a call unpickles in turn: a file of their own."""
    start = blob.start if isinstance(blob, Blob) else 0
    name = f"{where}!bytes@{start}"
    if isinstance(blob, Blob) and not blob.text:
        job.examine(Region(region.buf, blob.start, blob.end), name)
        return
    if isinstance(blob, Blob):
        job.spend_expanded(blob.end - blob.start)
        try:
            blob = region.buf[blob.start : blob.end].decode("utf-8").encode("latin-1")
        except UnicodeError:
            job.mark("suspicious", "unpickles text that stands for no bytes", start, where)
            return
    job.examine(Region(blob, 0, len(blob)), name)


def _trailing(job: Job, region: Region, start: int, where: str) -> None:
    """Bytes behind the last STOP: padding is fine, anything else nobody vouched for."""
    left = region.end - start
    if left <= _PADDING and not region.buf[start : region.end].strip(b"\0\r\n \t"):
        return
    job.mark("suspicious", f"{left:,} bytes follow the end of the pickle", start, where)


def _also_plain(job: Job, region: Region, start: int, where: str, known: Rulings) -> None:
    """The same bytes as pickle.load would read them: array bytes become instructions. Catches files made for both."""
    _, plain = read_one(job, region, start, where, joblib=False)
    fresh = any(n not in known.names for n in plain.names)
    if (fresh and plain.found) or (plain.bad and not known.bad):
        job.mark("suspicious", "reads differently to joblib.load and to pickle.load", start, where)
        plain.commit()


def also_pickle(job: Job, region: Region, where: str) -> None:
    """Mark a file of another kind that pickle.load would run as well: a tar whose first name is a program.

    The P that a zip file starts with is an instruction too, one that pickle.load refuses and only an unpickler with a
    ``persistent_load`` of its own goes past. Compressed bytes behind it read as a few instructions by chance, in one
    small file of thirty: a zip counts as meant for both where what it asks for is spelled as names are.
    """
    if region.take(0, 1) and TABLE[region.take(0, 1)[0]] is None:
        return
    stream, rulings = read_one(job, region, region.start, where, joblib=False)
    if region.take(0, 4) == b"PK\x03\x04" and not _meant(stream, rulings):
        return
    if rulings.found and (rulings.names or rulings.bad):
        job.mark("suspicious", "reads as a pickle as well", stream.end, where)
        rulings.commit()


def _meant(stream: Stream, rulings: Rulings) -> bool:
    """Whether somebody wrote these instructions: one spells a name that could be imported, or they run very long."""
    spelled = (name for name in rulings.names if not name.startswith("copyreg extension."))
    return stream.steps > 0 or any(all(part.isidentifier() for part in name.split(".")) for name in spelled)


def looks_like_pickle(region: Region) -> bool:
    """Whether a file without other marks of identity should be read as a pickle.

    Protocol 2 and later start with 0x80 and a protocol number. Older ones have no signature: the first instructions
    are interpreted, and a file counts as a pickle when it names something, or reaches STOP within plausible content.
    """
    head = region.take(0, 2)
    if len(head) == 2 and head[0] == 0x80 and head[1] <= 5:
        return True
    if not head or head[0] not in b"(]}cIJKLMNSUVXFGTl)\x8c\x93\x95ip0P12hgj\x82\x83\x84BC\x8a\x8bd":
        return False
    trial = Job(_TRIAL, deadline=float("inf"))
    try:
        stream, rulings = read_one(trial, region.part(0, 1 << 20), region.start, "")
    except TooMuch:
        return True
    return bool(rulings.names or rulings.found) or (stream.stopped and stream.end - stream.start > 1)
