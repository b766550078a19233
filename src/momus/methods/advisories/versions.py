"""Versions as PEP 440 orders them, within bounds, and the ranges of OSV over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.version import Version

_LONGEST = 128
_EVENTS = 2000


@lru_cache(maxsize=65536)
def parsed(text: str) -> Version | None:
    """The public part of a version; None where it is none that PEP 440 knows.

    A local label (``2.5.1+cu118``) is taken away: a rebuild of an affected release is affected.
    """
    from packaging.version import InvalidVersion, Version

    if len(text) > _LONGEST:
        return None
    try:
        return Version(Version(text).public)
    except (InvalidVersion, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Range:
    """Events of one range in the order of their versions: (version or None for the beginning, kind)."""

    events: tuple[tuple[str, str], ...]

    def has(self, version: Version) -> bool | None:
        """Whether the version lies in the range, as OSV evaluates it; None where an event cannot be compared."""
        ordered = _ordered(self.events)
        if ordered is None:
            return None
        limits = [v for v, kind in ordered if kind == "limit"]
        if limits and not any(v is None or version < v for v in limits):
            return False
        inside = False
        for at, kind in ordered:
            if kind == "introduced" and (at is None or version >= at):
                inside = True
            elif at is not None and ((kind == "fixed" and version >= at) or (kind == "last_affected" and version > at)):
                inside = False
        return inside

    def fix(self, version: Version) -> str:
        """The least version after this one at which the range says that it is fixed, or ""."""
        later = [(at, text) for text, kind in self.events if kind == "fixed" and (at := parsed(text)) and at > version]
        return min(later)[1] if later else ""


@lru_cache(maxsize=65536)
def _ordered(events: tuple[tuple[str, str], ...]) -> tuple[tuple[Version | None, str], ...] | None:
    found: list[tuple[Version | None, str]] = []
    for text, kind in events:
        at = None if (text, kind) in (("0", "introduced"), ("*", "limit")) else parsed(text)
        if at is None and (text, kind) not in (("0", "introduced"), ("*", "limit")):
            return None
        found.append((at, kind))
    # Where a fix and a new fault fall on one version the fault wins; the beginning comes before every version.
    order = {"fixed": 0, "last_affected": 2, "introduced": 1, "limit": 3}
    from packaging.version import Version

    return tuple(sorted(found, key=lambda e: (e[0] is not None, e[0] or Version("0"), order[e[1]])))


def read_range(told: Any) -> Range | None:
    """A range of an OSV record over versions; None for what cannot be compared with a version (GIT, malformed)."""
    if not isinstance(told, Mapping) or told.get("type") not in ("ECOSYSTEM", "SEMVER"):
        return None
    events = told.get("events")
    if not isinstance(events, Sequence) or isinstance(events, str) or not events or len(events) > _EVENTS:
        return None
    found: list[tuple[str, str]] = []
    for event in events:
        if not isinstance(event, Mapping):
            return None
        for kind, text in event.items():
            if kind not in ("introduced", "fixed", "last_affected", "limit") or not isinstance(text, str):
                return None
            found.append((text, kind))
    return Range(tuple(found)) if any(kind == "introduced" for _, kind in found) else None
