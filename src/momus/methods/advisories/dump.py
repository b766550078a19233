"""An advisory database on disk: only the records of wanted packages are kept, whatever else it holds is counted."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from momus.methods.advisories.dump_files import RECORD, records
from momus.methods.advisories.listing import normal
from momus.methods.advisories.osv import Advisory, advisories, safety
from momus.methods.advisories.plain_yaml import plain_yaml

# A dump that lacks most of these, each with advisories for years, or that names few packages, is a part of one.
_WHOLE = 300
_ALWAYS = frozenset({"aiohttp", "ansible", "cryptography", "django", "flask", "jinja2", "lxml", "numpy", "pillow",
                     "pyyaml", "requests", "tensorflow", "twisted", "urllib3", "werkzeug"})  # fmt: skip
_PACKAGE = re.compile(rb'"package"\s*:\s*\{([^{}]{1,2000})\}')
_NAME = re.compile(rb'"name"\s*:\s*"([^"\\]{1,214})"')
_YAML_NAME = re.compile(rb"name[\"']?\s*:\s*[\"']?([A-Za-z0-9._-]{1,214})")
_MODIFIED = re.compile(rb"""["']?modified["']?\s*:\s*["']?(\d{4}-\d\d-\d\d)""")
_DAMAGED = 1000
_EACH = 5000  # advisories of one package: ten times what any has


@dataclass
class Extract:
    """What was taken out of a dump for some names: plain values, so that it can be kept. ``why``: it is of no use."""

    records: list[Any] = field(default_factory=list)
    safety: dict[str, Any] = field(default_factory=dict)
    modified: dict[str, int] = field(default_factory=dict)
    names: int = 0
    always: int = 0
    total: int = 0
    damaged: list[str] = field(default_factory=list)
    unread: int = 0
    why: str = ""
    covers: list[str] = field(default_factory=list)

    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Extract:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Dump:
    """Advisories by package, and what the dump can be trusted to know.

    ``as_of`` is the newest change in it. ``whole``: the lack of an advisory says something. ``covers`` are the packages
    that a part of a database speaks of in full. ``damaged`` are wanted names in records that could not be read;
    ``unread`` counts records whose names could not be read either. ``why`` says why it is of no use at all.
    """

    advisories: Mapping[str, tuple[Advisory, ...]]
    as_of: str = ""
    whole: bool = False
    covers: frozenset[str] = frozenset()
    damaged: frozenset[str] = frozenset()
    unread: int = 0
    total: int = 0
    why: str = ""
    unknown: Mapping[str, str] = field(default_factory=dict)  # package -> why an online service could not say
    source: str = ""


def extract(path: Path, wanted: Collection[str], *, seconds: float = 120.0) -> Extract:
    """Read the dump once and keep the records of wanted packages. Never raises; what cannot be read is counted."""
    taken, names, until = Extract(), set[str](), monotonic() + seconds
    keen = frozenset(wanted)
    try:
        for i, (kind, data) in enumerate(records(path)):
            if i % 256 == 0 and monotonic() > until:
                taken.unread += 1
                taken.why = f"reading it took longer than {seconds:g} seconds"
                break
            taken.total += 1
            _take(kind, data, keen, names, taken)
    except (OSError, ValueError, RecursionError, MemoryError, EOFError) as error:
        taken.why = f"cannot be read ({type(error).__name__}: {str(error)[:80]})"
    if not taken.total and not taken.why:
        taken.why = "there is no advisory in it"
    taken.names, taken.always = len(names), len(names & _ALWAYS)
    taken.damaged = sorted(set(taken.damaged))
    return taken


def read_dump(path: Path, wanted: Iterable[str], *, today: str = "", seconds: float = 120.0) -> Dump:
    """The advisories of a dump for some packages."""
    return dump_of(extract(path, {normal(w) for w in wanted}, seconds=seconds), today=today)


def dump_of(taken: Extract, *, today: str = "") -> Dump:
    """What was taken, as advisories by package. Dates after ``today`` are not believed."""
    found: dict[str, list[Advisory]] = defaultdict(list)
    damaged = set(taken.damaged)
    last = str(date.fromisoformat(today) + timedelta(days=1)) if today else "9999"
    for record in taken.records:
        try:
            if str(record.get("withdrawn") or "")[:10] > last:
                record = {**record, "withdrawn": None}
            for advisory in advisories(record):
                found[advisory.package].append(advisory)
        except (ValueError, TypeError, AttributeError, KeyError):
            damaged.update(_names_in(json.dumps(record).encode()))
    for name, rows in taken.safety.items():
        try:
            found[normal(name)].extend(safety(name, rows))
        except (ValueError, TypeError, AttributeError):
            damaged.add(normal(name))
    for name in [n for n, rows in found.items() if len(rows) > _EACH]:
        del found[name][_EACH:]
        damaged.add(name)
    return Dump(
        {k: tuple(sorted(v, key=lambda a: a.id)) for k, v in sorted(found.items())},
        as_of=max((m for m in taken.modified if m <= last), default=""),
        whole=taken.names >= _WHOLE and taken.always >= 0.8 * len(_ALWAYS),
        covers=frozenset(taken.covers),
        damaged=frozenset(damaged),
        unread=taken.unread,
        total=taken.total,
        why=taken.why,
    )  # fmt: skip


def _take(kind: str, data: Any, wanted: frozenset[str], names: set[str], taken: Extract) -> None:
    if kind == "unread":
        taken.unread += 1
    elif kind == "record":
        _object(data, wanted, names, taken)
    elif kind == "safety":
        _safety(data, wanted, names, taken)
    else:
        _bytes(kind, data, wanted, names, taken)


def _bytes(kind: str, data: bytes, wanted: frozenset[str], names: set[str], taken: Extract) -> None:
    """A record as bytes: parsed only where it names a wanted package, or does not say plainly what it names."""
    told = _MODIFIED.search(data)
    if kind == "json":
        packages = _PACKAGE.findall(data)
        here = {normal(n.decode("utf-8", "replace")) for p in packages if b'"PyPI' in p for n in _NAME.findall(p)}
        plain = bool(packages) and len(packages) == data.count(b'"package"')
        plain = plain and all(b"\\" not in p for p in packages)
    else:
        here = _names_in(data)
        plain = bool(here)
    names |= here
    if told:
        day = told[1].decode()
        taken.modified[day] = taken.modified.get(day, 0) + 1
    if plain and not here & wanted and told:
        return
    try:
        record = json.loads(data) if kind == "json" else plain_yaml(data.decode(), most=RECORD)
    except (ValueError, RecursionError, MemoryError):
        _damage(data, wanted, taken)
        return
    spoken = _object(record, wanted, names, taken, dated=bool(told))
    if kind == "json":  # a key that stands twice: the last one counts, and the bytes say more
        taken.damaged += sorted(here & wanted - spoken)


def _object(record: Any, wanted: frozenset[str], names: set[str], taken: Extract, *, dated: bool = False) -> set[str]:
    """The names of which the record speaks; those of one that cannot be read are doubted already."""
    try:
        if not isinstance(record.get("id"), str):
            raise ValueError("no id")
        packages = [a["package"] for a in record.get("affected") or [] if "package" in a]
        here = {normal(p["name"]) for p in packages if str(p["ecosystem"]).startswith("PyPI")}
    except (ValueError, TypeError, AttributeError, KeyError):
        _damage(_encoded(record), wanted, taken)
        return set(wanted)
    names |= here
    day = str(record.get("modified", ""))[:10]
    if not dated and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        taken.modified[day] = taken.modified.get(day, 0) + 1
    if here & wanted:
        kept = ("id", "aliases", "withdrawn", "published", "severity", "database_specific")
        affected = [a for a in record["affected"] if normal(str((a.get("package") or {}).get("name"))) in wanted]
        taken.records.append({**{k: record[k] for k in kept if k in record}, "affected": affected})
    return here


def _safety(content: Mapping[str, Any], wanted: frozenset[str], names: set[str], taken: Extract) -> None:
    about = content.get("$meta")
    stamp = about.get("timestamp") if isinstance(about, Mapping) else None
    if isinstance(stamp, int) and 0 < stamp < 1 << 35:
        taken.modified[str(date(1970, 1, 1) + timedelta(seconds=stamp))] = 1
    for name, rows in content.items():
        if name != "$meta":
            names.add(normal(name))
            if normal(name) in wanted:
                taken.safety[name] = rows


def _damage(data: bytes, wanted: frozenset[str], taken: Extract) -> None:
    """A record that cannot be read speaks, as far as anybody can tell, of every wanted name that occurs in it."""
    if len(taken.damaged) > _DAMAGED or not data or b"\0" in data:  # of 16 bits a letter, it may be
        taken.unread += 1
        return
    text = normal(data.decode("utf-8", "replace"))
    found = [w for w in wanted if w in text]
    taken.damaged += found
    if "\\" in text and not found:
        taken.unread += 1


def _names_in(data: bytes) -> set[str]:
    return {normal(n.decode("ascii", "replace")) for n in _YAML_NAME.findall(data)}


def _encoded(record: Any) -> bytes:
    try:
        return json.dumps(record).encode()
    except (ValueError, TypeError, RecursionError):
        return b""
