"""Lock files of pip, Poetry, uv, PDM, Pipenv, PEP 751 and conda as pins. A kind that is not known is *not known*."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from momus.methods.advisories.listing import TEXT, Listing, Pin, exact, host, leading_name, load, normal, unread
from momus.methods.advisories.plain_yaml import plain_yaml
from momus.methods.advisories.requirements import parse_line, read_requirements

_REQUIREMENTS = (".txt", ".in", ".pip")
_FOLDER = "comes from a folder on disk"
_ADDRESS = "comes from an address, not from an index"
_CONDA_FILE = re.compile(r"/([^/]+)-([^-/]+)-([^-/]+)\.(?:conda|tar\.bz2)(?:#|$)")


def read_lock(path: Path) -> Listing:
    """The packages that a lock file names, by the file's name and, for YAML and text, its content. Never raises."""
    name = path.name.lower()
    for fits, kind, read in _KINDS:
        if re.fullmatch(fits, name):
            content, wrong = load(path, kind)
            if wrong:
                return unread(path, wrong)
            try:
                return Listing.of(read(content, path.name))
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
                return unread(path, f"not as such a file is written ({type(error).__name__})")
    if name.endswith(_REQUIREMENTS):
        return read_requirements(path)
    return unread(path, "a kind of lock file that is not read here")


def is_requirements(path: Path) -> bool:
    """Whether a file is read as pip's requirements, which need not list everything that is installed."""
    name = path.name.lower()
    return name.endswith(_REQUIREMENTS) and not any(re.fullmatch(fits, name) for fits, _, _ in _KINDS)


def _rows(content: Any, key: str) -> list[dict[str, Any]]:
    rows = content.get(key, [])
    if not isinstance(rows, list):
        raise TypeError(key)
    return [r if isinstance(r, dict) else {} for r in rows]


def _named(row: dict[str, Any]) -> str:
    return str(row.get("name", ""))


def _poetry(content: Any, file: str) -> Iterator[Pin]:
    if "package" not in content:
        raise KeyError("package")
    for row in _rows(content, "package"):
        source = row.get("source") or {}
        kind = source.get("type", "")
        if kind in ("git", "url", "file", "directory"):
            yield Pin(normal(_named(row)), place=file, why=_FOLDER if kind in ("file", "directory") else _ADDRESS)
        else:
            yield exact(_named(row), row.get("version"), file, index=str(source.get("url", "")),
                        requires=row.get("dependencies") or {})  # fmt: skip


def _uv(content: Any, file: str) -> Iterator[Pin]:
    if "version" not in content:
        raise KeyError("version")
    for row in _rows(content, "package"):
        source = row.get("source") or {}
        if source.get("virtual") == "." or source.get("editable") == ".":
            continue  # the project that the lock is for: its own code, not something beneath it
        why = _ADDRESS if {"git", "url"} & source.keys() else _FOLDER
        if {"git", "url", "path", "directory", "editable", "virtual"} & source.keys():
            yield Pin(normal(_named(row)), place=file, why=why)
        else:
            needs = [str(d.get("name", "")) for d in _rows(row, "dependencies")]
            yield exact(_named(row), row.get("version"), file, index=str(source.get("registry", "")), requires=needs)


def _pdm(content: Any, file: str) -> Iterator[Pin]:
    if "metadata" not in content:
        raise KeyError("metadata")
    for row in _rows(content, "package"):
        if {"git", "url", "path", "hg", "svn"} & row.keys():
            yield Pin(normal(_named(row)), place=file, why=_FOLDER if "path" in row else _ADDRESS)
        else:
            needs = [leading_name(r) for r in row.get("dependencies") or []]
            yield exact(_named(row), row.get("version"), file, requires=needs)


def _pipfile(content: Any, file: str) -> Iterator[Pin]:
    indexes = {str(s.get("name")): str(s.get("url", "")) for s in _rows(content.get("_meta") or {}, "sources")}
    sections = [k for k in content if k != "_meta"]
    if "default" not in sections:
        raise KeyError("default")
    for section in sections:
        for name, row in content[section].items():
            version = str(row.get("version", ""))
            if {"git", "path", "file", "editable", "hg", "svn"} & row.keys():
                yield Pin(normal(name), place=f"{file}: {section}", why=_ADDRESS if "git" in row else _FOLDER)
            elif version.startswith("==") and not version.endswith("*"):
                index = indexes.get(str(row.get("index", "")), "")
                yield exact(name, version.lstrip("="), f"{file}: {section}", index=index)
            else:
                yield Pin(normal(name), place=f"{file}: {section}", why="not pinned", loose=True)


def _pylock(content: Any, file: str) -> Iterator[Pin]:
    if "lock-version" not in content:
        raise KeyError("lock-version")
    for row in _rows(content, "packages"):
        if {"vcs", "directory", "archive"} & row.keys():
            yield Pin(normal(_named(row)), place=file, why=_FOLDER if "directory" in row else _ADDRESS)
        else:
            needs = [_named(d) for d in _rows(row, "dependencies")]
            yield exact(_named(row), row.get("version"), file, index=str(row.get("index", "")), requires=needs)


def _conda(name: str, version: str, place: str) -> Pin:
    """A conda package: an advisory for the name on PyPI counts; its lack there says nothing of this build."""
    if not version:
        return Pin(normal(name), place=place, why="not pinned", loose=True, vouched=False)
    pin = exact(name, version, place)
    return Pin(pin.name, pin.version, pin.place, pin.why, vouched=False)


def _yaml(text: Any, file: str) -> Iterator[Pin]:
    content = plain_yaml(text, most=TEXT)
    if isinstance(content.get("package"), list):
        yield from _conda_lock(content, file)
        return
    for row in content["dependencies"]:
        if isinstance(row, dict):
            for i, line in enumerate(row.get("pip") or []):
                pin = parse_line(str(line), f"{file}: pip {i + 1}")
                if pin is not None and not str(line).strip().startswith("-"):
                    yield pin
                elif str(line).strip():
                    yield Pin(str(line)[:80], place=file, why="an option of pip inside a conda file")
            continue
        spec = str(row).rpartition("::")[2].replace("==", "=").replace(" ", "=")
        name, _, rest = spec.partition("=")
        version = rest.partition("=")[0]
        held = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._!+-]*", version) is not None
        name = re.split(r"[<>!~\[ ]", name)[0]
        # one equals sign is a prefix in conda, so "numpy=1.26" leaves the patch open
        whole = held and (spec.count("=") > 1 or version.count(".") >= 2 or "==" in str(row))
        yield _conda(name, version if whole else "", file)


def _conda_lock(content: Any, file: str) -> Iterator[Pin]:
    for row in _rows(content, "package"):
        if row.get("manager") == "pip":
            needs = row.get("dependencies") or {}
            yield exact(_named(row), row.get("version"), file, requires=needs)
        else:
            yield _conda(_named(row), str(row.get("version", "")), file)


def _explicit(text: Any, file: str) -> Iterator[Pin]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _CONDA_FILE.search(line)
        if found:
            yield _conda(found[1], found[2], f"{file}:{number}")
        elif line.strip() and not line.startswith(("#", "@")):
            yield Pin(line[:80], place=f"{file}:{number}", why=_ADDRESS, index=host(line))


_Read = Callable[[Any, str], Iterator[Pin]]
_KINDS: tuple[tuple[str, str, _Read], ...] = (
    (r"poetry.*\.lock", "toml", _poetry),
    (r"uv.*\.lock", "toml", _uv),
    (r"pdm.*\.lock", "toml", _pdm),
    (r"pipfile\.lock", "json", _pipfile),
    (r"pylock(\..+)?\.toml", "toml", _pylock),
    (r"(environment|conda-lock|conda|env).*\.ya?ml", "text", _yaml),
    (r"(conda|explicit|spec).*\.(txt|lock)", "text", _explicit),
)
