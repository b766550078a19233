"""Plain facts of the card that the probes of a mode read: never objects, and all of them part of a job's key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from momus.card import SystemCard, TargetCard
from momus.core import digest
from momus.methods.provenance import strict

_LARGEST_TEXT = 64 << 20
# Where publishers leave digests and signatures of what lies beside them.
_STATED = ("*.sig", "*.sigstore", "*.md5", "*.sha*", "*SUMS*", "*sums.txt", "readme.md", "README.md")


def facts_for(
    mode: str,
    card: SystemCard,
    target: TargetCard,
    holes: Sequence[Mapping[str, Any]],
    today: date | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a probe of ``mode`` on ``target`` is told.

    ``holes`` are the gaps of the whole plan, ``today`` is the day of the assessment, ``options`` are those that the
    card gives the probe: files and functions that they name are part of what it is told.
    """
    found: dict[str, Any] = {}
    texts = [v for v in (options or {}).values() if isinstance(v, str)]
    named = [part.strip() for text in texts for part in text.split(",")]
    if mode == "supply_chain":
        found |= {"digests": dict(target.digests)} if target.digests else {}
        found |= _supply(card)
        named += [f.signature for f in card.supply.files if f.signature]
    if mode == "dependencies" and target.dependencies is not None:
        found |= {"network": list(card.network), "today": (today or datetime.now(UTC).date()).isoformat()}
    if mode == "membership":
        claimed = card.facts.get("train.dp_epsilon")
        if isinstance(claimed, int | float) and not isinstance(claimed, bool):
            found["claimed_epsilon"] = float(claimed)
    if mode == "inversion":
        is_person = card.facts.get("data.class_is_person")
        if is_person is not None:  # whether a class's likeness is somebody's likeness
            found["class_is_person"] = is_person
    if mode == "corruption" and target.input.corruptions:
        found["corruptions"] = dict(target.input.corruptions)
    if mode == "poisoning" and target.judge:
        found["judge"] = target.judge
        named.append(target.judge)
    if mode == "shift" and card.tests.domain.columns:
        found["domain"] = card.tests.domain.model_dump(mode="json")
    if mode == "incomplete_testing":
        found |= {"gaps": list(holes), "domain": card.tests.model_dump(mode="json")}
        named += [address for _, address in card.tests.code()]
        old = _overdue(card, today or datetime.now(UTC).date())
        found |= {"overdue": old} if old else {}
    if read := _contents(named, card.base):
        found["code"] = read
    return found


def _supply(card: SystemCard) -> dict[str, Any]:
    """Where files come from, as the card and its lock say; empty where neither says anything."""
    given = card.supply
    lock = _text(card.base / given.lock)
    if lock is None and not given.files:
        return {}
    told = {
        "lock": None if lock is None else _parsed(lock),
        "files": [f.model_dump(mode="json", exclude_none=True) for f in given.files],
        "trusted": list(given.trusted),
        "keys": {name: _text(card.base / path) or "" for name, path in given.keys.items()},
        "base": str(card.base.resolve()),
    }
    return {"supply": told, "supplied": _supplied(card)}


def _supplied(card: SystemCard) -> str:
    """One digest over the files said to come from elsewhere, and over what states their digests beside them."""
    found: set[Path] = set()
    for supplied in card.supply.files:
        path = card.base / supplied.path
        found |= {p for p in path.rglob("*") if p.is_file()} if path.is_dir() else {path}
        found |= {p for name in _STATED for p in (path if path.is_dir() else path.parent).glob(name)}
    return digest.of_value(sorted((str(p), digest.of_file(p)) for p in found if p.is_file()))


def _parsed(lock: str) -> Any:
    """The lock's plain content; what cannot be read says so, and is no lock."""
    try:
        return strict.parse(lock.encode(), "the lock")
    except strict.Malformed as error:
        return {"error": str(error)}


def _text(path: Path) -> str | None:
    """A small text file's content; None where there is none that could be read."""
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            return None
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return None


def _overdue(card: SystemCard, today: date) -> list[str]:
    """Dates of the tests that lie too long ago: the names, not the age, so that a result stays valid until one does."""
    tests = card.tests
    days = {"collected": tests.collected, "ran": tests.ran}
    return [name for name, day in days.items() if day is not None and (today - day).days > tests.max_age_days]


def _contents(named: Iterable[str], base: Path) -> dict[str, str]:
    """sha256 of each file that is named, as file.py:function or by its path.

    A result stored under other contents is no result of these.
    """
    files = {a: base / (a.rpartition(":")[0] if ".py:" in a else a) for a in named if a}
    # An option may be too long for a file's name, which Path.is_file does not take for an answer.
    return {a: digest.of_file(f) for a, f in files.items() if os.path.isfile(f)}  # noqa: PTH113
