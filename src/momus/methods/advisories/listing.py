"""What is installed or pinned: one :class:`Pin` for each package named, also for those that cannot be looked up."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BYTES = 64 << 20  # most of one bill of materials
TEXT = 16 << 20  # most of one lock file
_KEY = 100  # most parts of a dotted key: reading one takes the square of them
PINS = 50_000  # most packages of one file
_SEPARATORS = re.compile(r"[-_.]+")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_PUBLIC = frozenset({"", "pypi.org", "files.pythonhosted.org", "pypi.python.org"})


def normal(name: str) -> str:
    """The name as PEP 503 compares it: lower case, runs of ``-_.`` as one hyphen."""
    return _SEPARATORS.sub("-", name).lower()


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Pin:
    """One package as one file names it.

    ``why`` says why it cannot be looked up ("" where it can). ``loose`` marks a name without an exact version, which
    another file may supply. ``vouched`` is False where the name is looked up under a foreign roof (a conda build): an
    advisory then counts, the lack of one says nothing. ``index`` is the host of another index than the public one.
    """

    name: str
    version: str = ""
    place: str = ""
    why: str = ""
    loose: bool = False
    vouched: bool = True
    index: str = ""
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """All pins of one source, and for an environment which modules each distribution brings."""

    pins: tuple[Pin, ...]
    modules: Mapping[str, tuple[str, ...]]  # top-level module -> distributions

    @classmethod
    def of(cls, pins: Iterable[Pin], modules: Mapping[str, tuple[str, ...]] | None = None) -> Listing:
        kept = tuple(pins)
        if len(kept) > PINS:
            lost = Pin(kept[PINS].place.split(":")[0] or "the rest", why=f"more than {PINS} packages in one place")
            kept = (*kept[:PINS], lost)
        return cls(kept, modules or {})


def unread(path: Path, why: str) -> Listing:
    """A source that could not be read: one package that is not known, so that nobody takes silence for an all-clear."""
    return Listing.of([Pin(path.name, place=path.name, why=why)])


def load(path: Path, kind: str) -> tuple[Any, str]:
    """The parsed JSON, TOML or text of a file and "", or None and what is wrong with it. Never raises."""
    try:
        if not path.is_file():
            return None, "there is no such file"
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
        if len(data) > BYTES:
            return None, f"more than {BYTES >> 20} MiB"
        text = data.decode("utf-8-sig")
        if kind == "json":
            return json.loads(text), ""
        if len(text) > TEXT or (kind == "toml" and any(_dots(line) for line in text.splitlines())):
            return None, "longer or deeper than such a file is"
        return (tomllib.loads(text), "") if kind == "toml" else (text, "")
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return None, f"cannot be read ({type(error).__name__})"


def _dots(line: str) -> bool:
    return line.count(".", 0, line.find("=") if "=" in line else len(line)) > _KEY


def exact(name: str, version: object, place: str, *, index: str = "", requires: Iterable[str] = ()) -> Pin:
    """A pinned package, or why the pin cannot be looked up."""
    if not is_name(name):
        return Pin(name[:80] or "?", place=place, why="not a package name")
    if not isinstance(version, str) or not version.strip():
        return Pin(normal(name), place=place, why="no version is given")
    needs = tuple(sorted({normal(r) for r in requires if is_name(r)}))
    return Pin(normal(name), version.strip()[:200], place, index=host(index), requires=needs)


def host(address: str) -> str:
    """The host of an index, "" for the public one."""
    try:
        named = urlsplit(address).hostname or ""
    except ValueError:
        return address[:80]
    return "" if named in _PUBLIC else named


def leading_name(requirement: object) -> str:
    """The name that a requirement such as ``numpy[x]>=1; python_version > '3'`` starts with, or ""."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,199})", requirement) if isinstance(requirement, str) else None
    return found[1].rstrip("._-") if found else ""
