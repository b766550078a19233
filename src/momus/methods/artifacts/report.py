"""What a scan says about a file: verdict, marks, and the bounds it worked within.

Plain classes, no dataclasses and no typing at run time: both cost more to import than a folder of pickles to scan.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Literal

    Verdict = Literal["nothing found", "suspicious", "dangerous", "not understood"]
    Severity = Literal["dangerous", "suspicious", "not understood", "note"]

COLOURS: dict[str, str] = {
    "dangerous": "red",
    "suspicious": "yellow",
    "not understood": "magenta",
    "nothing found": "green",
}
_RANK: dict[str, int] = {"note": 0, "not understood": 1, "suspicious": 2, "dangerous": 3}


def __getattr__(name: str) -> Any:
    """``Verdict`` and ``Severity`` for whoever asks at run time."""
    if name not in ("Verdict", "Severity"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from typing import Literal

    if name == "Verdict":
        return Literal["nothing found", "suspicious", "dangerous", "not understood"]
    return Literal["dangerous", "suspicious", "not understood", "note"]


class Record:
    """A value with named fields, equal to another with equal fields. Fields are read, not written, once it is made."""

    __slots__: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Its fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash(tuple(self.plain().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.plain().items())})"


class Limits(Record):
    """Bounds on the work one scan may do. A file that needs more is refused or not understood, never called harmless.

    ``opcodes``: pickle instructions over all streams. ``values``: symbolic values held at a time. ``expansion``: how
    many values a shared structure may stand for when walked. ``depth``: nesting of containers inside one pickle.
    ``layers``: files inside files. ``members``: entries of an archive. ``expanded``: bytes written while decompressing.
    ``ratio``: compressed to expanded, above ``ratio_from`` bytes. ``text``: bytes of text or JSON read from one file.
    ``seconds``: wall-clock time. ``marks``: marks kept (the verdict counts all).
    """

    __slots__ = (  # noqa: RUF023 (in the order of reading)
        "opcodes", "values", "expansion", "depth", "layers", "members", "expanded", "ratio", "ratio_from", "text",
        "seconds", "marks",
    )  # fmt: skip

    def __init__(
        self,
        opcodes: int = 20_000_000,
        values: int = 6_000_000,
        expansion: int = 50_000_000,
        depth: int = 2_000,
        layers: int = 5,
        members: int = 50_000,
        expanded: int = 1 << 30,
        ratio: int = 200,
        ratio_from: int = 64 << 20,
        text: int = 64 << 20,
        seconds: float = 60.0,
        marks: int = 100,
    ) -> None:
        self.opcodes, self.values, self.expansion, self.depth = opcodes, values, expansion, depth
        self.layers, self.members, self.expanded, self.ratio = layers, members, expanded, ratio
        self.ratio_from, self.text, self.seconds, self.marks = ratio_from, text, seconds, marks


class Mark(Record):
    """One thing found: what, how grave, where, and why it counts.

    ``offset`` counts bytes within ``where``, the path inside containers. ``opcode`` is the pickle instruction, or the
    unit of the format: a layer class, a graph operator, a key. ``call`` is what would be called, with its arguments,
    as text. ``reason`` says why that is refused, without the particulars of this file.
    """

    __slots__ = ("what", "severity", "offset", "where", "opcode", "call", "reason")  # noqa: RUF023

    def __init__(
        self,
        what: str,
        severity: Severity,
        offset: int | None = None,
        where: str = "",
        opcode: str = "",
        call: str = "",
        reason: str = "",
    ) -> None:
        self.what, self.severity, self.offset, self.where = what, severity, offset, where
        self.opcode, self.call, self.reason = opcode, call, reason


class FileReport(Record):
    """The outcome for one file. ``nothing found``: every byte that a loader acts on was read and is allowed.

    ``dangerous``: it names something known to run code, reach files or exhaust the machine. ``suspicious``: something
    nobody vouched for, or a malformed file that readers disagree about. ``not understood``: no opinion, since bytes
    were not read. ``complete`` is False where any part was not understood, also beneath a graver verdict. ``names`` are
    the importable names that its pickles refer to, in order of appearance. ``name`` is the path as it was given.
    """

    __slots__ = ("name", "sha256", "size", "format", "verdict", "marks", "names", "complete")  # noqa: RUF023

    def __init__(
        self,
        path: str | Path,
        sha256: str,
        size: int,
        format: str,
        verdict: Verdict,
        marks: tuple[Mark, ...] = (),
        names: tuple[str, ...] = (),
        complete: bool = True,
    ) -> None:
        self.name = str(path)
        self.sha256, self.size, self.format, self.verdict = sha256, size, format, verdict
        self.marks, self.names, self.complete = marks, names, complete

    @property
    def path(self) -> Path:
        from pathlib import Path

        return Path(self.name)

    @property
    def loadable(self) -> bool:
        """True only for nothing found: the files a loader may open."""
        return self.verdict == "nothing found"

    @property
    def remedy(self) -> str:
        """What to do next, in one sentence."""
        if self.verdict == "nothing found":
            return ""
        if self.verdict == "dangerous":
            return "Do not load it; delete it and report it to whoever published it"
        if self.verdict == "not understood":
            return "Convert it to a format that can be read in full (safetensors, ONNX, NPZ), then scan again"
        return "Load it only if you trust who made it; otherwise ask for plain weights (safetensors, state_dict, ONNX)"

    @property
    def worst(self) -> Mark | None:
        """The first of the gravest marks, or None."""
        return max(self.marks, key=lambda m: _RANK[m.severity], default=None)

    def told(self) -> dict[str, Any]:
        """The report as ``momus scan --json`` writes it."""
        findings = [m.plain() for m in self.marks]
        return {
            "path": self.name,
            "verdict": self.verdict,
            "findings": findings,
            "format": self.format,
            "size": self.size,
            "sha256": self.sha256,
            "names": list(self.names),
            "complete": self.complete,
            "loadable": self.loadable,
            "remedy": self.remedy,
        }

    def __rich__(self) -> str:
        what = f"  {self.worst.what}" if self.worst else ""
        colour, name = COLOURS[self.verdict], self.path.name.replace("[", "(")
        return f"[{colour}]{self.verdict}[/{colour}]  {name}  [dim]{self.format}[/dim]{what.replace('[', '(')}"


class TooMuch(Exception):
    """A limit was reached; the message says which."""


def shown(text: str) -> str:
    """Text from a file in plain ASCII: it reaches a terminal."""
    return (
        text
        if text.isascii() and text.isprintable()
        else "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
    )


class Region:
    """Bytes [start, end) of a buffer (bytes or a memory map)."""

    __slots__ = ("buf", "end", "start")

    def __init__(self, buf: bytes, start: int, end: int) -> None:
        self.buf, self.start, self.end = buf, start, end

    def __len__(self) -> int:
        return self.end - self.start

    def take(self, offset: int, count: int) -> bytes:
        """At most ``count`` bytes from ``offset``, both relative to the region; shorter at its end."""
        if offset < 0 or count <= 0:
            return b""
        if type(self.buf) is not bytes and hasattr(self.buf, "touched"):
            self.buf.touched()  # a Mapped file
        a = min(self.start + offset, self.end)
        return self.buf[a : min(a + count, self.end)]

    def part(self, offset: int, count: int) -> Region:
        """A sub-region, clipped to this one."""
        a = min(self.start + max(offset, 0), self.end)
        return Region(self.buf, a, min(a + max(count, 0), self.end))

    def find(self, what: bytes, offset: int = 0) -> int:
        """Relative offset of ``what``, or -1."""
        at = self.buf.find(what, self.start + offset, self.end)
        return at - self.start if at >= 0 else -1


class Job:
    """One scan in progress: its limits, what it spent, what it found. Readers of formats share it."""

    def __init__(
        self,
        limits: Limits,
        allow: tuple[str, ...] = (),
        *,
        deadline: float | None = None,
        look: Callable[[Job, Region, str], str] | None = None,
        path: str = "",
    ) -> None:
        self.limits, self.allow, self.look = limits, allow, look
        self.path = path  # of the file on disk, for readers of files that only make sense beside another
        self.marks: list[Mark] = []
        self.names: dict[str, None] = {}
        self.worst = 0
        self.complete = True
        self.opcodes = self.expanded = self.layers = 0
        self.deadline = time.monotonic() + limits.seconds if deadline is None else deadline
        self._seen: set[tuple[str, str, str]] = set()

    def mark(
        self,
        severity: Severity,
        what: str,
        offset: int | None = None,
        where: str = "",
        *,
        opcode: str = "",
        call: str = "",
        reason: str = "",
    ) -> None:
        """Note something found. Equal marks count once; beyond the limit only the verdict keeps counting."""
        self.worst = max(self.worst, _RANK[severity])
        self.complete = self.complete and severity != "not understood"
        what, where, call, reason, opcode = (shown(t) for t in (what, where, call, reason, opcode))
        key = (severity, what, where)
        room = self.limits.marks * (20 if severity == "dangerous" else 10)  # lesser marks in floods hide no grave one
        if key in self._seen or len(self._seen) >= room:
            return
        self._seen.add(key)
        self.marks.append(Mark(what, severity, offset, where, opcode, call, reason))

    @property
    def verdict(self) -> Verdict:
        verdicts: tuple[Verdict, ...] = ("nothing found", "not understood", "suspicious", "dangerous")
        return verdicts[self.worst]

    def kept(self) -> tuple[Mark, ...]:
        """The gravest marks first, at most ``limits.marks``."""
        ordered = sorted(self.marks, key=lambda m: -_RANK[m.severity])
        return tuple(ordered[: self.limits.marks])

    def spend_expanded(self, count: int) -> None:
        """Account for bytes that are about to be written out while decompressing or decoding."""
        self.expanded += count
        if self.expanded > self.limits.expanded:
            raise TooMuch(f"expands beyond {self.limits.expanded >> 20:,} MiB")

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise TooMuch(f"needs more than {self.limits.seconds:g} s")

    def examine(self, region: Region, where: str) -> str:
        """Scan a file inside the file by its content; returns its format. Too many layers are suspicious."""
        self.check_time()
        if self.look is None:
            raise TooMuch("no reader for files inside files")
        if self.layers >= self.limits.layers:
            self.mark("suspicious", f"more than {self.limits.layers} files inside one another", region.start, where)
            return "nested"
        self.layers += 1
        try:
            return self.look(self, region, where)
        finally:
            self.layers -= 1
