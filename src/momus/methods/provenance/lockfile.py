"""``momus.lock``: what was found at the time of locking, one file an entry, the same bytes for the same findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from momus.core.errors import DataError
from momus.methods.provenance import digests, names, strict

VERSION = 1
_MOST_FILES = 500_000
_LISTS = ("named",)


@dataclass(frozen=True, slots=True)
class Locked:
    """One file as it was when it was locked. Empty text: not known.

    ``named`` are the keys of the card that name it; ``scan`` the verdict of the artifact scan; ``published`` the digest
    its authors state, ``published_from`` where, and ``agrees`` whether the file had it; ``signature`` what became of
    its signature, ``key`` the sha256 of the key; ``licence_from`` where the licence was read.
    """

    path: str
    kind: str
    sha256: str
    size: int
    format: str = ""
    scan: str = ""
    source: str = ""
    publisher: str = ""
    licence: str = ""
    licence_from: str = ""
    published: str = ""
    published_from: str = ""
    agrees: str = ""
    signature: str = ""
    key: str = ""
    named: tuple[str, ...] = ()
    locked: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """All locked files of one system."""

    system: str
    files: tuple[Locked, ...] = ()
    version: int = VERSION
    by_path: Mapping[str, Locked] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, system: str, files: Iterable[Locked]) -> Lock:
        ordered = tuple(sorted(files, key=lambda f: f.path))
        return cls(system, ordered, by_path={f.path: f for f in ordered})


def write(lock: Lock) -> str:
    """The lock's text: keys in a fixed order, a line a value, nothing that is empty, no date but the files' own."""
    entries = []
    for entry in lock.files:
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(entry).items()}
        entries.append({k: v for k, v in plain.items() if v not in ("", [])})
    whole = {"momus_lock": lock.version, "system": lock.system, "files": entries}
    return json.dumps(whole, indent=1, ensure_ascii=True) + "\n"


def read(text: bytes, place: str = "momus.lock") -> Lock:
    """The lock in ``text``. DataError for one that is empty, of another version, or that could be read in two ways."""
    try:
        if not text.strip():
            raise strict.Malformed("the lock is empty")
        return of_plain(strict.parse(text, "the lock"))
    except strict.Malformed as error:
        raise DataError(
            str(error), code="lock/unusable", place=place, hint="Restore it, or write a new one: momus lock --accept"
        ) from None


def of_plain(value: Mapping[str, Any]) -> Lock:
    """The lock in plain values; Malformed says what is wrong. Everything unexpected is refused: it might matter."""
    version = strict.get(value, "momus_lock", int, "the lock")
    if version != VERSION:
        raise strict.Malformed(f"the lock is of version {version}, and this Momus reads version {VERSION}")
    if extra := set(value) - {"momus_lock", "system", "files"}:
        raise strict.Malformed(f"the lock has the unknown key '{names.shown(min(extra), 40)}'")
    entries = strict.get(value, "files", list, "the lock")
    if len(entries) > _MOST_FILES:
        raise strict.Malformed(f"the lock lists more than {_MOST_FILES:,} files")
    found: dict[str, Locked] = {}
    for entry in entries:
        locked = _entry(entry)
        if locked.path in found:
            raise strict.Malformed(f"the lock lists '{names.shown(locked.path)}' twice")
        found[locked.path] = locked
    return Lock.of(strict.get(value, "system", str, "the lock"), found.values())


def _entry(value: Any) -> Locked:
    path = strict.get(value, "path", str, "a file of the lock")
    what = f"'{names.shown(path, 80)}' in the lock"
    known = {f.name: f for f in fields(Locked)}
    if extra := set(value) - set(known):
        raise strict.Malformed(f"{what} has the unknown key '{names.shown(min(extra), 40)}'")
    plain: dict[str, Any] = {"path": path}
    for name in set(value) - {"path"}:
        kind = int if name == "size" else list if name in _LISTS else str
        plain[name] = strict.get(value, name, kind, what)
    named = plain.get("named", [])
    if not all(isinstance(n, str) for n in named):
        raise strict.Malformed(f"{what} has no usable 'named'")
    plain["named"] = tuple(named)
    for must in ("kind", "sha256", "size"):
        strict.get(value, must, int if must == "size" else str, what)
    if plain["size"] < 0 or not _is_digest(f"sha256:{plain['sha256']}") or plain["sha256"] != plain["sha256"].lower():
        raise strict.Malformed(f"{what} has no usable digest or size")
    if plain.get("published") and not _is_digest(plain["published"]):
        raise strict.Malformed(f"{what} has no usable 'published'")
    return Locked(**plain)


def _is_digest(text: str) -> bool:
    try:
        digests.published(text)
    except ValueError:
        return False
    return True
