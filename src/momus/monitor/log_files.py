"""Which file is which when logs rotate, and their text from any place on."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

LONGEST = 1 << 20  # bytes of a line
HEAD = 1024  # bytes at the beginning by which a file is known again
_BLOCK = 1 << 20
_GONE = 64  # files that went away and are still remembered: a compressed copy may come late
_GLOB = re.compile(r"[*?\[]")
_ROTATED = re.compile(r"^(?P<base>.*?)(?:[.-](?P<number>\d[\d-]*))?(?P<gz>\.gz)?$")


@dataclass
class Known:
    """One file as far as it was read. ``head`` and ``length``: a digest of its first bytes, and of how many."""

    name: str
    inode: int
    head: str
    length: int
    at: int = 0
    skipping: bool = False
    owed: bool = False  # a rest that was seen and is not read
    gone: bool = False
    path: Path | None = None  # where it lies now

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Known:
        return cls(
            str(entry["name"]), int(entry["inode"]), str(entry["head"]), int(entry["length"]), int(entry["at"]),
            bool(entry.get("skipping")), bool(entry.get("owed")), bool(entry.get("gone")),
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {k: v for k, v in vars(self).items() if k != "path" and v is not False}

    @property
    def key(self) -> str:
        return f"{self.inode}.{self.head[:16]}"

    @property
    def packed(self) -> bool:
        return self.path is not None and self.path.suffix == ".gz"

    @property
    def rotated(self) -> bool:
        """Nobody writes to it any more."""
        return self.packed

    def size(self) -> int:
        """Bytes it holds; of a compressed one by the length that it notes at its end."""
        if self.path is None:
            return 0
        try:
            if not self.packed:
                return self.path.stat().st_size
            with self.path.open("rb") as stream:
                stream.seek(-4, os.SEEK_END)
                return int.from_bytes(stream.read(4), "little")
        except OSError:
            return 0


def folder_of(pattern: Path) -> tuple[Path, str]:
    """The folder that is looked into, and the pattern of names in it."""
    return pattern.parent, pattern.name


def matching(folder: Path, pattern: str) -> list[Path]:
    """Files that are logs of their own, older first."""
    if _GLOB.search(str(folder)):
        return sorted((p for p in Path(folder.anchor or ".").glob(_relative(folder, pattern)) if p.is_file()), key=age)
    if not _GLOB.search(pattern):
        one = folder / pattern
        return [one] if one.is_file() else []
    return sorted((p for p in folder.glob(pattern) if p.is_file()), key=age)


def _relative(folder: Path, pattern: str) -> str:
    whole = folder / pattern
    return str(whole.relative_to(whole.anchor)) if whole.anchor else str(whole)


def age(path: Path) -> tuple[object, ...]:
    """Order of reading: ``app.log-20240501`` before ``app.log-20240502``, ``app.log.2`` before ``app.log.1``, both
    before ``app.log``; other names by their letters, numbers in them by their value."""
    found = _ROTATED.match(path.name)
    base, number = (found["base"], found["number"]) if found else (path.name, None)
    natural = [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d{1,18})", base) if p]
    place = (str(path.parent), natural)
    if number is None:
        return (*place, 2, 0)
    digits = number.replace("-", "")[:18]
    return (*place, 0, int(digits)) if len(digits) >= 8 else (*place, 1, -int(digits))


def _head(path: Path, length: int = HEAD) -> bytes:
    """The first bytes of a file, unpacked. Nothing where it cannot be read."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                return stream.read(length)
        with path.open("rb") as plain:
            return plain.read(length)
    except (OSError, EOFError, zlib.error):
        return b""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def recognise(known: Sequence[Known], folder: Path, pattern: str) -> tuple[list[Known], list[str]]:
    """The files there are now, in order of reading, each with how far it was read; and names of copies left alone.

    Those that went away stay at the front, without a path.
    """
    heads: dict[Path, tuple[int, bytes]] = {}
    for path in matching(folder, pattern):
        try:
            heads[path] = (path.stat().st_ino, _head(path))
        except OSError:
            continue
    here: dict[Path, Known] = {}
    lost: list[Known] = []
    for one in known:
        found = next((p for p, (inode, head) in heads.items() if inode == one.inode and _begins(one, head)), None)
        if found is None or found in here:
            one.path = None
            lost.append(one)
        else:
            here[found] = one
    _moved(lost, heads, here, folder, pattern)
    copies = _copies(heads, here)
    for path, (inode, head) in heads.items():
        if path not in here:
            if not head or path in copies:
                continue  # an empty one gets its name with its first bytes
            here[path] = Known(path.name, inode, _digest(head), len(head))
        one = here[path]
        if one.length < HEAD and len(head) > one.length:
            one.head, one.length = _digest(head), len(head)
        one.name, one.path, one.gone = path.name, path, False
    away = [one for one in lost if one.path is None]
    beside = [one for one in lost if one.path is not None and one.path not in here]
    return [*away[-_GONE:], *beside, *(here[p] for p in sorted(here, key=age))], sorted(p.name for p in copies)


def _begins(one: Known, head: bytes) -> bool:
    return len(head) >= one.length > 0 and _digest(head[: one.length]) == one.head


def _copies(heads: Mapping[Path, tuple[int, bytes]], here: Mapping[Path, Known]) -> set[Path]:
    """New files that begin as one does that is being read: a rotation half done. They wait until that one is gone."""
    found = set()
    for path, (_inode, head) in heads.items():
        if path in here or not head:
            continue
        plain = heads.get(path.with_suffix(""), (0, b""))[1] if path.suffix == ".gz" else b""
        if plain == head or any(_begins(one, head) for one in here.values()):
            found.add(path)
    return found


def _moved(
    lost: Sequence[Known],
    heads: Mapping[Path, tuple[int, bytes]],
    here: dict[Path, Known],
    folder: Path,
    pattern: str,
) -> None:
    """Find files that were compressed, copied and truncated, or renamed out of the pattern."""
    missing = [one for one in lost if not one.gone or one.packed]
    if not (_GLOB.search(pattern) or _GLOB.search(str(folder))):
        beside = sorted((p for p in folder.glob(f"{_escaped(pattern)}*") if p not in heads and p.is_file()), key=age)
        starts = {path: (path.stat().st_ino, _head(path)) for path in beside}
        for same in (True, False):  # the same file under another name goes before a copy of it
            for one in missing:
                for path, (inode, head) in starts.items():
                    if one.path is None and (inode == one.inode or not same) and _begins(one, head):
                        one.path, one.name, one.inode = path, path.name, inode
    for one in lost:
        for path, (inode, head) in heads.items():
            if one.path is None and path not in here and _begins(one, head):
                one.path, one.inode = path, inode
                here[path] = one


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


class Text:
    """Lines of one open file. It goes on reading a file that was renamed or removed meanwhile."""

    def __init__(self, one: Known) -> None:
        path = one.path or Path(one.name)
        self._packed = one.packed
        opened: Callable[[Path, str], Any] = gzip.open if self._packed else open
        self._stream: IO[bytes] = opened(path, "rb")
        self._path = path
        self.at = one.at
        self.skipping = one.skipping
        self._rest: list[bytes] = []  # complete lines that were read and not yet given
        self._next = 0
        self._part = b""  # what follows them
        self._ended = False
        self._stream.seek(one.at)

    def serves(self, one: Known) -> bool:
        """Whether it stands where a position says."""
        return self.at == one.at and self.skipping == one.skipping and (self._packed or not one.packed)

    def whole(self, one: Known) -> bool:
        """Whether the open file still is the one that was begun; it may have been truncated."""
        return not self._packed and _begins(one, os.pread(self._stream.fileno(), HEAD, 0))

    @property
    def owed(self) -> bool:
        return self._next < len(self._rest) or bool(self._part) or not self._ended

    def take(self, most: int, *, complete: bool) -> tuple[list[bytes], list[tuple[int, int]]]:
        """At most ``most`` lines, and where among them lines were left out for their length.

        Without ``complete`` what stands at the end of the file is a line, ended or not.
        """
        lines: list[bytes] = []
        long: list[tuple[int, int]] = []
        while len(lines) < most:
            if self._next == len(self._rest):
                if not self._fill(lines, long):
                    break
                continue
            some = self._rest[self._next : self._next + most - len(lines)]
            self._next += len(some)
            self.at += sum(map(len, some)) + len(some)
            if max(map(len, some)) > LONGEST:
                for line in some:
                    if len(line) > LONGEST:
                        long.append((len(lines), 1))
                    else:
                        lines.append(line)
            else:
                lines += some
        if not complete and len(lines) < most and self._part and self._ended and not self.skipping:
            self.at += len(self._part)
            lines.append(self._part)
            self._part = b""
        return lines, long

    def _fill(self, lines: list[bytes], long: list[tuple[int, int]]) -> bool:
        """Read on. False at the end of what is there."""
        try:
            block = self._stream.read(_BLOCK)
        except (EOFError, zlib.error, OSError):
            block = b""  # a compressed file that is still being written, or broken: what was whole has been read
        self._ended = not block
        self._rest, self._next = [], 0  # given already: an idle file holds no megabyte of lines
        if not block:
            return False
        if self.skipping:
            cut = block.find(b"\n")
            if cut < 0:
                self.at += len(block)
                return True
            self.at += cut + 1
            self.skipping = False
            block = block[cut + 1 :]
        self._rest = (self._part + block).split(b"\n")
        self._part = self._rest.pop()
        self._next = 0
        if len(self._part) > LONGEST:
            if self._rest:
                return True  # lines before it come first; it is still held, and grows by a block at most
            long.append((len(lines), 1))
            self.at += len(self._part)
            self._part, self.skipping = b"", True
        return True

    def close(self) -> None:
        self._stream.close()
