"""What a scan says about a file: verdict, marks, and the bounds it worked within."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Verdict = Literal["clean", "suspicious", "bad", "unread"]
Severity = Literal["bad", "suspicious", "unread", "note"]
_RANK: dict[str, int] = {"note": 0, "unread": 1, "suspicious": 2, "bad": 3}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the work one scan may do. A file that needs more is refused or left unread, never called clean.

    ``opcodes``: pickle instructions over all streams. ``values``: symbolic values held at a time. ``expansion``: how
    many values a shared structure may stand for when walked. ``depth``: nesting of containers inside one pickle.
    ``layers``: files inside files. ``members``: entries of an archive. ``expanded``: bytes written while decompressing.
    ``ratio``: compressed to expanded, above ``ratio_from`` bytes. ``text``: bytes of text or JSON read from one file.
    ``seconds``: wall-clock time. ``marks``: marks kept (the verdict counts all).
    """

    opcodes: int = 20_000_000
    values: int = 6_000_000
    expansion: int = 50_000_000
    depth: int = 2_000
    layers: int = 5
    members: int = 50_000
    expanded: int = 1 << 30
    ratio: int = 200
    ratio_from: int = 64 << 20
    text: int = 64 << 20
    seconds: float = 60.0
    marks: int = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing found: what, how bad, where. ``offset`` counts bytes within ``where``, the path inside containers."""

    what: str
    severity: Severity
    offset: int | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class FileReport:
    """The outcome for one file. ``clean`` means every byte that a loader acts on was read and is allowed.

    ``bad``: names something known to run code, write files or exhaust the machine. ``suspicious``: something nobody
    vouched for, or a malformed file that readers disagree about. ``unread``: no opinion, since bytes were not read.
    ``names`` are the importable names that its pickles refer to, in order of appearance.
    """

    path: Path
    sha256: str
    size: int
    format: str
    verdict: Verdict
    marks: tuple[Mark, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def loadable(self) -> bool:
        """True only for clean: the files a loader may open."""
        return self.verdict == "clean"

    @property
    def remedy(self) -> str:
        """What to do next, in one sentence."""
        if self.verdict == "clean":
            return ""
        if self.verdict == "bad":
            return "Do not load it; delete it and report it to whoever published it"
        if self.verdict == "unread":
            return "Convert it to a format that can be read in full (safetensors, ONNX, NPZ), then scan again"
        return "Load it only if you trust who made it; otherwise ask for plain weights (safetensors, state_dict, ONNX)"

    @property
    def worst(self) -> Mark | None:
        """The first of the gravest marks, or None."""
        return max(self.marks, key=lambda m: _RANK[m.severity], default=None)

    def __rich__(self) -> str:
        colour = {"clean": "green", "bad": "red", "suspicious": "yellow", "unread": "magenta"}[self.verdict]
        what = f"  {self.worst.what}" if self.worst else ""
        return (
            f"[{colour}]{self.verdict}[/{colour}]  {self.path.name}  [dim]{self.format}[/dim]{what.replace('[', '(')}"
        )


class TooMuch(Exception):
    """A limit was reached; the message says which."""


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes [start, end) of a buffer (bytes or a memory map)."""

    buf: bytes
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def take(self, offset: int, count: int) -> bytes:
        """At most ``count`` bytes from ``offset``, both relative to the region; shorter at its end."""
        if offset < 0 or count <= 0:
            return b""
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


@dataclass
class Job:
    """One scan in progress: its limits, what it spent, what it found. Readers of formats share it."""

    limits: Limits
    allow: tuple[str, ...] = ()
    marks: list[Mark] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    worst: int = 0
    opcodes: int = 0
    expanded: int = 0
    layers: int = 0
    deadline: float = 0.0
    look: Callable[[Job, Region, str], str] | None = None
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    def mark(self, severity: Severity, what: str, offset: int | None = None, where: str = "") -> None:
        """Note something found. Equal marks count once; beyond the limit only the verdict keeps counting."""
        self.worst = max(self.worst, _RANK[severity])
        what = what.encode("ascii", "backslashreplace").decode()  # names come from the file and reach a terminal
        key = (severity, what, where)
        room = self.limits.marks * (20 if severity == "bad" else 10)  # a flood of lesser marks hides no grave one
        if key in self._seen or len(self._seen) >= room:
            return
        self._seen.add(key)
        self.marks.append(Mark(what, severity, offset, where))

    @property
    def verdict(self) -> Verdict:
        verdicts: tuple[Verdict, ...] = ("clean", "unread", "suspicious", "bad")
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
        """Scan a file inside the file by its content; returns its format. Too many layers are left unread."""
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
