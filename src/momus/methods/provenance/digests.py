"""Digests of files as they lie on disk: no links followed, no devices opened, one reading for every algorithm."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from momus.methods.provenance import names

WEAK = frozenset({"md5", "sha1"})
LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_BLOCK = 1 << 20
_HEAD = 1 << 20


class Refused(Exception):
    """The file was not read; the message says why: a link, a device, missing, changed meanwhile."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Read:
    """What one reading of a file gave: size, digests by algorithm, first bytes, and which state of the file it was."""

    size: int
    digests: dict[str, str] = field(default_factory=dict)
    head: bytes = b""
    state: tuple[int, ...] = ()

    @property
    def sha256(self) -> str:
        return self.digests.get("sha256", "")


def published(text: str) -> tuple[str, str]:
    """(algorithm, hexadecimal digits) of ``sha1:…``; ValueError for anything else."""
    algorithm, _, digits = text.strip().partition(":")
    algorithm, digits = algorithm.lower(), digits.lower()
    if LENGTHS.get(algorithm) != len(digits) or any(c not in "0123456789abcdef" for c in digits):
        raise ValueError(f"'{text[:60]}' is no digest such as sha256:…")
    return algorithm, digits


def read(base: Path, path: str, algorithms: Iterable[str] = ("sha256",), most: int | None = None) -> Read:
    """Size and digests of ``path`` below ``base``, from one reading of one opened file.

    No link on the way below ``base`` is followed, and only a regular file is read, so what is hashed is what lies in
    the folder. A file of more than ``most`` bytes gives its size and no digest. Refused says why there is no answer.
    """
    with open_inside(base, path) as stream:
        return digest_of(stream, algorithms, most)


def digest_of(stream: IO[bytes], algorithms: Iterable[str] = ("sha256",), most: int | None = None) -> Read:
    """Digests of an opened regular file, read in blocks. Refused where it changed while it was being read."""
    before = os.fstat(stream.fileno())
    if most is not None and before.st_size > most:
        return Read(before.st_size)
    hashers = {a: hashlib.new(a, usedforsecurity=a not in WEAK) for a in sorted({"sha256", *algorithms})}
    buffer, head, total = bytearray(min(_BLOCK, before.st_size + 1)), b"", 0
    view = memoryview(buffer)
    while count := stream.readinto(buffer):  # type: ignore[attr-defined]
        total += count
        if len(head) < _HEAD:
            head += bytes(view[: min(count, _HEAD - len(head))])
        for hasher in hashers.values():
            hasher.update(view[:count])
        if total > before.st_size:
            break
    after = os.fstat(stream.fileno())
    if total != before.st_size or _state(before) != _state(after):
        raise Refused("changed while it was being read")
    return Read(total, {a: h.hexdigest() for a, h in hashers.items()}, head, _state(after))


def _state(of: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written, or another is moved into its place and back: the kernel sets the ctime."""
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns


def still(base: Path, path: str, read: Read) -> bool:
    """Whether the file is the very one that was read, untouched since."""
    try:
        return _state(os.lstat(base / path)) == read.state
    except OSError:
        return False


def open_inside(base: Path, path: str) -> IO[bytes]:
    """The regular file ``path`` below ``base``, opened one folder at a time without following a link."""
    if fault := names.plain(path):
        raise Refused(fault)
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    at = -1
    try:
        at = os.open(base, os.O_RDONLY | os.O_CLOEXEC)
        *folders, name = path.split("/")
        for folder in folders:
            below = os.open(folder, flags | getattr(os, "O_DIRECTORY", 0), dir_fd=at)
            os.close(at)
            at = below
        if not stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            raise Refused(_odd(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode))
        descriptor = os.open(name, flags, dir_fd=at)
    except FileNotFoundError:
        raise Refused("is not there", missing=True) from None
    except (OSError, ValueError) as error:
        raise Refused(_why(base, path, error)) from None
    finally:
        if at >= 0:
            os.close(at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # replaced between the look and the opening
        os.close(descriptor)
        raise Refused("is no regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def _odd(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "is a link, which is not followed"
    return "is a folder" if stat.S_ISDIR(mode) else "is no regular file but a device, pipe or socket"


def _why(base: Path, path: str, error: OSError | ValueError) -> str:
    above = [base.joinpath(*path.split("/")[:i]) for i in range(1, path.count("/") + 1)]
    if any(p.is_symlink() for p in above):
        return "lies behind a link, which is not followed"
    return f"cannot be opened: {error.strerror if isinstance(error, OSError) else 'no usable name'}"


def below(base: Path, path: str) -> Iterator[str]:
    """Every entry below a folder that is no folder itself, links and devices included, sorted; or the path itself.

    A folder that cannot be listed is an entry too, so that what lies in it is not passed over in silence. Only our own
    store of runs beside the card is left out: one deeper down would be a place to hide things in.
    """
    place = base / path
    if place.is_symlink() or not place.is_dir():
        yield path
        return
    closed: list[str] = []
    for folder, folders, files in os.walk(place, onerror=lambda error: closed.append(str(error.filename))):
        folders[:] = sorted(d for d in folders if d != ".momus" or folder != str(base))
        links = [d for d in folders if os.path.islink(os.path.join(folder, d))]  # noqa: PTH114, PTH118
        at = Path(folder).relative_to(base).as_posix()
        yield from (name if at == "." else f"{at}/{name}" for name in sorted([*files, *links]))
    yield from (Path(folder).relative_to(base).as_posix() for folder in closed)


def side_by_side(work: Callable[[Any], Any], things: Sequence[Any]) -> list[Any]:
    """``work`` on each, in order, on as many threads as there are processors: hashing runs beside Python's lock."""
    workers = min(len(things), os.cpu_count() or 1, 16)
    if workers < 2:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, things))
