"""What a virtual environment holds, by its metadata files. Nothing of it is imported, not even its Python is asked."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from momus.methods.advisories.listing import Listing, Pin, exact, is_name, leading_name, normal, unread

_HEADER = 1 << 20
_RECORD = 32 << 20
_ENTRIES = 50_000
_EXTRA = re.compile(r";.*\bextra\b")


def read_environment(folder: Path) -> Listing:
    """Distributions of a virtual or conda environment, or of a ``site-packages`` folder. Never raises."""
    try:
        sites = _sites(folder)
        if not sites:
            return unread(folder, "no installed packages were found there")
        modules: dict[str, set[str]] = defaultdict(set)
        pins = [pin for site in sites for pin in _distributions(site, modules)]
        pins += _elsewhere(folder, sites, {p.name for p in pins})
        pins += _conda(folder, {p.name for p in pins})
    except OSError as error:
        return unread(folder, f"cannot be read ({type(error).__name__})")
    return Listing.of(pins, {k: tuple(sorted(v)) for k, v in sorted(modules.items())})


def _sites(folder: Path) -> list[Path]:
    if any(folder.glob("*.dist-info")) or any(folder.glob("*.egg-info")):
        return [folder]
    found = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    found += folder.glob("lib/python*/dist-packages")
    return sorted({p.resolve() for p in found if p.is_dir()})


def _distributions(site: Path, modules: dict[str, set[str]]) -> Iterator[Pin]:
    entries = sorted(site.iterdir(), key=lambda p: p.name)
    if len(entries) > _ENTRIES:
        yield Pin(site.name, place=site.name, why=f"more than {_ENTRIES} entries")
    for entry in entries[:_ENTRIES]:
        if entry.suffix == ".egg-link":
            yield Pin(normal(entry.stem), place=entry.name, why="installed in editable form from a folder")
        elif entry.suffix == ".dist-info":
            yield _one(entry, entry / "METADATA", modules)
        elif entry.suffix == ".egg-info":
            yield _one(entry, entry / "PKG-INFO" if entry.is_dir() else entry, modules)


def _one(entry: Path, metadata: Path, modules: dict[str, set[str]]) -> Pin:
    try:
        with metadata.open("rb") as file:
            head = file.read(_HEADER).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        fields = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return Pin(entry.stem, place=entry.name, why="its metadata cannot be read")
    name, version = str(fields.get("Name", "")).strip(), str(fields.get("Version", "")).strip()
    needs = [leading_name(r) for r in map(str, fields.get_all("Requires-Dist") or []) if not _EXTRA.search(r)]
    pin = exact(name, version, entry.name, requires=needs)
    if is_name(name):
        for module in _modules(entry):
            modules[module].add(normal(name))
    away = _away(entry / "direct_url.json")
    return Pin(pin.name, place=entry.name, why=away, requires=pin.requires) if away else pin


def _away(path: Path) -> str:
    """Why an installation did not come from an index, by its ``direct_url.json``; "" where it did."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(_HEADER))
        if "dir_info" in told:
            return "installed from a folder on disk"
        return "installed from version control" if "vcs_info" in told else "installed from an address or a file"
    except (OSError, ValueError, TypeError, RecursionError):
        return "how it was installed cannot be read"


def _modules(entry: Path) -> set[str]:
    """Top-level modules, by ``top_level.txt`` and by the list of installed files."""
    found: set[str] = set()
    for name, most in (("top_level.txt", _HEADER), ("RECORD", _RECORD), ("SOURCES.txt", _HEADER)):
        try:
            with (entry / name).open("rb") as file:
                text = file.read(most).decode("utf-8", "replace")
        except OSError:
            continue
        if name == "top_level.txt":
            found.update(line.strip() for line in text.splitlines() if line.strip())
        else:
            found.update(_top(line) for line in text.splitlines())
    return {m for m in found if m.isidentifier()}


def _top(line: str) -> str:
    path = line.split(",")[0]
    first, slash, _ = path.partition("/")
    if slash:
        return (
            "" if first.endswith((".dist-info", ".data", ".libs")) or first in ("..", "bin", "__pycache__") else first
        )
    return first.split(".")[0] if first.endswith((".py", ".so", ".pyd")) else ""


def _elsewhere(folder: Path, sites: list[Path], known: set[str]) -> list[Pin]:
    """Places outside that the environment also imports from: what lies there was not read."""
    pins = []
    settings = folder / "pyvenv.cfg"
    if settings.is_file():
        with settings.open("rb") as file:
            text = file.read(_HEADER).decode("utf-8", "replace").lower()
        if re.search(r"^\s*include-system-site-packages\s*=\s*true", text, re.MULTILINE):
            pins.append(
                Pin("pyvenv.cfg", place="pyvenv.cfg", why="packages of the system are used too, and were not read")
            )
    for path in (p for site in sites for p in sorted(site.glob("*.pth"))):
        with path.open("rb") as file:
            lines = file.read(_HEADER).decode("utf-8", "replace").splitlines()
        added = [line for line in map(str.strip, lines) if line and not line.startswith(("#", "import ", "import\t"))]
        stem = re.sub(r"^_+editable_+(impl_|\.)?|-\d.*$", "", path.stem).strip("_")
        if added and normal(stem) not in known:  # that of an editable installation is told by its metadata
            pins.append(Pin(path.name, place=path.name, why="adds a folder to import from, which was not read"))
    return pins


def _conda(folder: Path, known: set[str]) -> list[Pin]:
    """Packages that only conda knows of: compilers, TLS, codecs. There are no advisories for them on PyPI."""
    pins = []
    for path in sorted(folder.glob("conda-meta/*.json"))[:_ENTRIES]:
        stem = path.stem.rsplit("-", 2)
        if len(stem) == 3 and normal(stem[0]) not in known:
            pin = exact(stem[0], stem[1], f"conda-meta/{path.name}")
            pins.append(Pin(pin.name, pin.version, pin.place, pin.why, vouched=False))
    return pins
