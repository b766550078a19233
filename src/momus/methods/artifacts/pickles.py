"""Files made of pickles: several streams in a row, joblib's arrays in between, and whatever comes after STOP."""

from __future__ import annotations

from momus.methods.artifacts.arrays import JoblibArrays
from momus.methods.artifacts.opcodes import Machine, Stream
from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job, Limits, Region, TooMuch
from momus.methods.artifacts.rulings import Rulings, opcode_at
from momus.methods.artifacts.torch_storages import MAGIC, scan_storages
from momus.methods.artifacts.values import Blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STREAMS = 2_000
_PADDING = 4096
# every instruction of protocols 0 to 5, also those of constants, which have no entry in the table of handlers
_INSTRUCTIONS = frozenset(bytes([b]) for b in b"().012FIJKLMNPQRSTUVXabcdeghijlopqrstu]}BCG") | frozenset(
    bytes([b]) for b in range(0x80, 0x99)
)
_LOOKED_AT = 4 << 20
# a name, then what its arguments start with: a mark, a text, a container; a word list has no such lines
_IMPORT = rb"[ci]([a-z_]\w{1,40}(?:\.\w{1,40}){0,4})\n([A-Za-z_][\w.]{0,60})\n(?=[(\])}NSVXUIKqp\x8c\x94])"
_TRIAL = Limits(opcodes=200_000)


def read_one(job: Job, region: Region, start: int, where: str, *, joblib: bool = True) -> tuple[Stream, Rulings]:
    """Interpret one stream at ``start`` (absolute) without committing its marks."""
    rulings = Rulings(job, where, region.buf)
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
            what, code = f"the pickle breaks off: {stream.broke}", opcode_at(region.buf, stream.at)
            job.mark("suspicious", what, stream.end, where, opcode=code, reason="readers disagree about broken files")
            if streams == 1 and stream.end < region.end:
                what = f"{region.end - stream.end:,} bytes behind it were not read"
                job.mark("suspicious", what, stream.end, where, reason="nobody can say what they hold")
            break
        for blob in rulings.nested:
            _nested(job, region, blob, where)
        start = stream.end
        read.append(stream)
        if read[0].value == MAGIC and len(read) == 5:
            return scan_storages(job, region, start, read[3], read[4].value, where)
    if persistent is None and any(stream.persistent for stream in read):
        what = "refers to objects that are kept elsewhere"
        job.mark("suspicious", what, region.start, where, reason="only a reader of its own knows what they are")
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
    what = f"{left:,} bytes follow the end of the pickle"
    job.mark("suspicious", what, start, where, reason="no pickle says what they are for")


def _also_plain(job: Job, region: Region, start: int, where: str, known: Rulings) -> None:
    """The same bytes as pickle.load would read them: array bytes become instructions. Catches files made for both."""
    _, plain = read_one(job, region, start, where, joblib=False)
    fresh = any(n not in known.names for n in plain.names)
    if (fresh and plain.found) or (plain.dangerous and not known.dangerous):
        what = "reads differently to joblib.load and to pickle.load"
        job.mark("suspicious", what, start, where, reason="made to show one reader something else than the other")
        plain.commit()


def also_pickle(job: Job, region: Region, where: str) -> None:
    """Mark a file of another kind that pickle.load would run as well: a tar whose first name is a program.

    The P that a zip file starts with is an instruction too, one that pickle.load refuses and only an unpickler with a
    ``persistent_load`` of its own goes past. Compressed bytes behind it read as a few instructions by chance, in one
    small file of thirty, and so does a table whose first word starts with r: a file counts as meant for both where what
    it asks for is spelled as names are.
    """
    if region.take(0, 1) not in _INSTRUCTIONS:
        return
    stream, rulings = read_one(job, region, region.start, where, joblib=False)
    if not stream.stopped and not rulings.names:
        _spelled(job, region.part(stream.at - region.start, len(region)), where)
    if not _meant(stream, rulings):
        return
    if rulings.found and (rulings.names or rulings.dangerous):
        what = "reads as a pickle as well"
        job.mark("suspicious", what, stream.end, where, reason="made to show one reader something else than the other")
        rulings.commit()


def _spelled(job: Job, region: Region, where: str) -> None:
    """An import as a pickle writes it, behind a place that no pickle was thought to get past."""
    import re

    for hit in re.finditer(_IMPORT, region.take(0, _LOOKED_AT)):
        module, name = hit[1].decode("latin-1"), hit[2].decode("latin-1")
        if rule_for(module, name).standing == "dangerous":
            what = f"spells the import of {module}.{name} as a pickle does"
            reason = "readers may get past the place where it seems to break off"
            job.mark("suspicious", what, region.start + hit.start(), where, call=f"{module}.{name}", reason=reason)
            return


def _meant(stream: Stream, rulings: Rulings) -> bool:
    """Whether somebody wrote these instructions: one spells a name that could be imported, or they run very long."""
    spelled = (name for name in rulings.names if not name.startswith("copyreg extension."))
    return stream.steps > 0 or any(all(part.isidentifier() for part in name.split(".")) for name in spelled)


def _fails_at_once(region: Region) -> bool:
    """Whether a file starts by importing what cannot exist: a table whose first word starts with c.

    ``pickle.load`` ends there, before anything else is done: no module has such a name, or none has a number in it.
    """
    if region.take(0, 1) != b"c":
        return False
    module, _, rest = region.take(1, 512).partition(b"\n")
    module, name = module.removesuffix(b"\r"), rest[:1]
    if not module or not module.isascii():
        return False
    if set(module) & set(b",;:|\t()=<>\"' "):
        return True
    return name in tuple(b"%c" % b for b in b"-+0123456789") and rule_for(module.decode(), "x").standing == "unknown"


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
    if _fails_at_once(region):
        return False
    trial = Job(_TRIAL, deadline=float("inf"))
    try:
        stream, rulings = read_one(trial, region.part(0, 1 << 20), region.start, "")
    except TooMuch:
        return True
    return bool(rulings.names or rulings.found) or (stream.stopped and stream.end - stream.start > 1)
