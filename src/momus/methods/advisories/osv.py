"""One record of an OSV database, as far as it speaks of Python packages. Records come from strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from momus.methods.advisories.cvss import severity
from momus.methods.advisories.listing import normal
from momus.methods.advisories.versions import Range, parsed, read_range

if TYPE_CHECKING:
    from packaging.version import Version

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}")
_END = re.compile(r"<\s*([^=,\s][^,\s]*)")  # "<1.0": free of it from 1.0 on
_NAMES = 200
_VERSIONS, _RANGES = 20_000, 1000


@dataclass(frozen=True, slots=True)
class Advisory:
    """What one record says of one package. ``doubt`` says what in it could not be compared with a version."""

    id: str
    aliases: tuple[str, ...]
    package: str
    severity: str = ""
    published: str = ""
    ranges: tuple[Range, ...] = ()
    versions: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
    doubt: str = ""

    def hits(self, version: Version) -> bool | None:
        """Whether the version is affected; None where the record does not let that be decided."""
        if any(parsed(v) == version for v in self.versions):
            return True
        answers = [r.has(version) for r in self.ranges] + [_within(s, version) for s in self.specs]
        if True in answers:
            return True
        return None if None in answers or self.doubt else False

    def fix(self, version: Version) -> str:
        """The least later version that is said to be fixed and that the record itself does not list again."""
        ends = [r.fix(version) for r in self.ranges if r.has(version)]
        ends += [e for s in self.specs if _within(s, version) for e in _END.findall(s)]
        found = [(at, f) for f in ends if f and (at := parsed(f)) and at > version]
        return min(found)[1] if found else ""


def advisories(record: Any) -> Iterator[Advisory]:
    """What the record says, one :class:`Advisory` a package of PyPI; nothing for a withdrawn one.

    Raises ValueError, TypeError or AttributeError where the record is not one.
    """
    if not isinstance(record, Mapping) or not isinstance(record.get("id"), str):
        raise ValueError("not an OSV record")
    if record.get("withdrawn"):
        return
    names = [n for n in (record["id"], *_texts(record.get("aliases"))) if _ID.fullmatch(n)][:_NAMES]
    if not names:
        raise ValueError("not an OSV record")
    for affected in record.get("affected") or []:
        package = affected.get("package") or {}
        if not str(package.get("ecosystem", "")).startswith("PyPI") or not isinstance(package.get("name"), str):
            continue
        told = affected.get("ranges") or []
        listed = _texts(affected.get("versions"))
        long = len(told) > _RANGES or len(listed) > _VERSIONS
        told = told[:_RANGES]
        ranges = [read_range(r) for r in told]
        versions = frozenset(v for v in listed[:_VERSIONS] if len(v) <= 128)
        # GIT ranges speak of commits; OSV lists the versions beside them. Without that list they decide nothing.
        unread = [t for t, r in zip(told, ranges, strict=True) if r is None and not _of_git(t)]
        empty = not versions and not any(ranges)
        yield Advisory(
            names[0], tuple(names[1:]), normal(package["name"]), _severity(record, affected),
            str(record.get("published", ""))[:10], tuple(r for r in ranges if r), versions,
            _imports(affected), doubt="its range is not one of versions" if unread or empty or long else "",
        )  # fmt: skip


def safety(name: str, rows: Any) -> Iterator[Advisory]:
    """What safety-db's form says of one package: ``[{id, cve, specs: ["<1.0"]}]``."""
    for row in rows:
        specs = tuple(s for s in _texts(row.get("specs")) if len(s) <= 200)
        aliases = tuple(a.strip() for a in str(row.get("cve") or "").split(",") if _ID.fullmatch(a.strip()))
        identity = str(row.get("id", ""))
        if not _ID.fullmatch(identity):
            raise ValueError("not a safety-db record")
        doubt = "" if specs else "it names no versions"
        yield Advisory(identity, aliases, normal(name), specs=specs, doubt=doubt)


def _within(spec: str, version: Version) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(spec).contains(version, prereleases=True)
    except (InvalidSpecifier, ValueError):
        return None


def _of_git(told: Any) -> bool:
    return isinstance(told, Mapping) and told.get("type") == "GIT"


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _severity(record: Mapping[str, Any], affected: Mapping[str, Any]) -> str:
    vectors: list[str] = []
    words: list[Any] = []
    if str(record.get("id")).startswith("MAL-"):
        return "critical"  # published to do harm: there is no version of it to wait for
    for part in (record, affected):
        vectors += [str(r.get("score", "")) for r in part.get("severity") or [] if isinstance(r, Mapping)]
        for key in ("database_specific", "ecosystem_specific"):
            told = part.get(key)
            words.append(told.get("severity") if isinstance(told, Mapping) else None)
    return severity(vectors, words)


def _imports(affected: Mapping[str, Any]) -> tuple[str, ...]:
    """Dotted names that the record says are at fault: ``imports`` of the ecosystem or of the database."""
    found: list[str] = []
    for key in ("ecosystem_specific", "database_specific"):
        told = affected.get(key)
        if not isinstance(told, Mapping):
            continue
        for row in told.get("imports") or []:
            if isinstance(row, Mapping):
                attribute = str(row.get("attribute", ""))
                found += [f"{m}.{attribute}" if attribute else m for m in _texts(row.get("modules"))]
        found += _texts(told.get("affected_functions")) + _texts(told.get("functions"))
    return tuple(dict.fromkeys(f[:200] for f in found[:_NAMES]))
