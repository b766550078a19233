"""Pins against advisories: affected, no known advisory as of a date, or not known. Silence is never an all-clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from momus.methods.advisories.cvss import LEVELS
from momus.methods.advisories.dump import Dump
from momus.methods.advisories.listing import Pin
from momus.methods.advisories.osv import Advisory
from momus.methods.advisories.versions import parsed

if TYPE_CHECKING:
    from packaging.version import Version

Verdict = Literal["affected", "no known advisory", "not known"]
_CLIMB = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """One weakness, whatever number of databases name it. ``fixed`` is the next version without it, or ""."""

    ids: tuple[str, ...]
    severity: str
    fixed: str
    imports: tuple[str, ...]
    published: str

    @property
    def malicious(self) -> bool:
        return any(i.startswith("MAL-") for i in self.ids)


@dataclass(frozen=True, slots=True)
class Package:
    """The answer for one package in one version."""

    name: str
    version: str
    places: tuple[str, ...]
    verdict: Verdict
    why: str = ""
    hits: tuple[Hit, ...] = ()
    slight: int = 0  # advisories below the severity that was asked for
    remedy: str = ""

    @property
    def severity(self) -> str:
        """The gravest level; "" where no record gives one."""
        return max((h.severity for h in self.hits if h.severity), key=LEVELS.index, default="")


@dataclass(frozen=True, slots=True)
class Audit:
    packages: tuple[Package, ...]
    as_of: str

    def having(self, verdict: Verdict) -> tuple[Package, ...]:
        return tuple(p for p in self.packages if p.verdict == verdict)


def audit(
    pins: Iterable[Pin],
    dump: Dump,
    *,
    today: str,
    stale_days: int = 30,
    least: str = "low",
    mirrors: Sequence[str] = (),
) -> Audit:
    """The answer for each package. ``mirrors`` are hosts of indexes that hold the public packages."""
    silence = _silence(dump, today, stale_days)
    packages = [
        _one(name, version, group, dump, silence, least, mirrors) for (name, version), group in settle(pins).items()
    ]
    return Audit(tuple(sorted(packages, key=lambda p: (p.name, p.version))), dump.as_of)


def settle(pins: Iterable[Pin]) -> dict[tuple[str, str], list[Pin]]:
    """Pins by name and version. A name without a version is left out where another file supplies the version."""
    listed = list(pins)
    held = {p.name for p in listed if p.version and not p.why}
    groups: dict[tuple[str, str], list[Pin]] = {}
    for pin in listed:
        if not (pin.loose and pin.name in held):
            groups.setdefault((pin.name, pin.version), []).append(pin)
    return groups


def _silence(dump: Dump, today: str, stale_days: int) -> str:
    """Why the lack of an advisory says nothing, "" where it does say something."""
    if dump.why:
        return f"the advisories: {dump.why}"
    if dump.unread:
        return f"{dump.unread} records of the advisories could not be read"
    if not dump.as_of:
        return "the advisories carry no date"
    age = (date.fromisoformat(today) - date.fromisoformat(dump.as_of)).days
    if age > stale_days:
        return f"the advisories are {age} days old"
    if not dump.whole and not dump.covers:
        return "the advisories are a part of a database only"
    return ""


def _one(
    name: str, version: str, pins: list[Pin], dump: Dump, silence: str, least: str, mirrors: Sequence[str]
) -> Package:
    places = tuple(dict.fromkeys(p.place for p in pins if p.place))
    why = next((p.why for p in pins if p.why), "")
    at = parsed(version) if version else None
    if why or at is None:
        return Package(name, version, places, "not known", why or "its version is not one that can be compared")
    answers = [(a, a.hits(at)) for a in dump.advisories.get(name, ())]
    hits = _merged([a for a, hit in answers if hit], at)
    counted = [h for h in hits if not h.severity or LEVELS.index(h.severity) >= LEVELS.index(least)]
    slight = len(hits) - len(counted)
    if counted:
        remedy = _remedy(counted, at, dump.advisories.get(name, ()))
        return Package(name, version, places, "affected", hits=tuple(counted), slight=slight, remedy=remedy)
    doubts = [a.id for a, hit in answers if hit is None]
    foreign = sorted({p.index for p in pins} - {"", *mirrors})
    if name in dump.unknown:
        why = dump.unknown[name]
    elif doubts:
        why = f"{doubts[0]} does not say which versions it means"
    elif name in dump.damaged:
        why = "a record that may speak of it could not be read"
    elif not any(p.vouched for p in pins):
        why = "a conda package: there are no advisories for its build"
    elif foreign:
        why = f"comes from {foreign[0][:60]}, not from the public index"
    elif silence:
        why = silence
    elif not dump.whole and name not in dump.covers:
        why = "the advisories do not speak of this package"
    return Package(name, version, places, "not known" if why else "no known advisory", why, slight=slight)


def _merged(found: list[Advisory], at: Version) -> list[Hit]:
    """Records that share an identifier are one weakness."""
    above: dict[str, str] = {}

    def first(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for advisory in found:
        for alias in advisory.aliases:
            above[first(alias)] = first(advisory.id)
    groups: dict[str, list[Advisory]] = {}
    for advisory in found:
        groups.setdefault(first(advisory.id), []).append(advisory)
    hits = [_hit({n for a in rows for n in (a.id, *a.aliases)}, rows, at) for rows in groups.values()]
    return sorted(hits, key=lambda h: (_rank(h), h.ids))


def _rank(hit: Hit) -> int:
    return -LEVELS.index(hit.severity) if hit.severity else 1


def _hit(names: set[str], rows: list[Advisory], at: Version) -> Hit:
    order = {"CVE": 0, "GHSA": 1, "PYSEC": 2}
    ids = tuple(sorted(names, key=lambda i: (order.get(i.split("-")[0], 3), i)))
    gravest = max((a.severity for a in rows if a.severity), key=LEVELS.index, default="")
    fixes = [(v, f) for a in rows if (f := a.fix(at)) and (v := parsed(f))]
    imports = tuple(dict.fromkeys(i for a in rows for i in a.imports))
    published = min((a.published for a in rows if a.published), default="")
    # Where two records disagree on the fix the later version is free of it by both.
    return Hit(ids, gravest, max(fixes)[1] if fixes else "", imports, published)


def _remedy(hits: list[Hit], at: Version, known: Sequence[Advisory]) -> str:
    if any(h.malicious for h in hits):
        return "remove it: it was published to do harm; renew every secret it could read"
    best, text = at, ""
    for hit in hits:
        fix = parsed(hit.fixed) if hit.fixed else None
        if fix is not None and fix > best:
            best, text = fix, hit.fixed
    for _ in range(_CLIMB):  # the fixed version may have faults of its own
        steps = [(v, f) for a in known if a.hits(best) and (f := a.fix(best)) and (v := parsed(f))]
        if not steps:
            break
        best, text = max(steps)
    left = [h.ids[0] for h in hits if not h.fixed]
    if not text:
        return "no fixed version is known: replace it, or keep hostile input away from it"
    if left:
        return f"upgrade to {text} or later; no fixed version is known for {', '.join(left[:3])}"
    return f"upgrade to {text} or later"
