"""Where in the card a finding belongs, and how the card is called from the root of its repository.

Only the text that was stored with the run is read; nothing of it is loaded or expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from momus.card.yaml_ import Document, Keys, read_yaml
from momus.core.errors import CardError
from momus.core.records import Finding, Run
from momus.taxonomy.rules import slug_of

# What YAML counts as the end of a line.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True)
class Place:
    """A stretch of one line of the card, 1-based; ``end`` is the column behind its last character."""

    line: int
    column: int
    end: int
    what: str = ""


@lru_cache(maxsize=4)
def _document(text: str) -> Document | None:
    """The card with the place of every value; None for a text that is no card any more."""
    try:
        return read_yaml(text, "card")
    except CardError:
        return None


def targets_of(run: Run) -> tuple[str, ...] | None:
    """The names of the card's targets; None where the stored text does not tell."""
    document = _document(run.card_text) if run.card_text else None
    if document is None:
        return None
    named = tuple(str(t["name"]) for _, t in _targets(document) if "name" in t)
    return named or None


def _targets(document: Document) -> Iterator[tuple[Keys, dict[str, Any]]]:
    listed = document.value.get("targets") if isinstance(document.value, dict) else None
    for i, target in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(target, dict):
            yield ("targets", i), target


def place(run: Run, finding: Finding | None, target: str = "") -> Place:
    """Where the target of a finding stands in the card; the card's first line where it is not written there."""
    document = _document(run.card_text) if run.card_text else None
    if document is None:
        return Place(1, 1, 2)
    name = target or (finding.target if finding is not None else "")
    for keys, written in _targets(document):
        if str(written.get("name", "")) == name:
            return _at(run.card_text, document, (*keys, "name"), "target")
    return _at(run.card_text, document, ("system",), "system")


def others(run: Run, finding: Finding) -> tuple[Place, ...]:
    """Further lines of the card that decided: the limit that was set for the probe, and a waiver of the mode."""
    document = _document(run.card_text) if run.card_text else None
    if document is None or not isinstance(document.value, dict):
        return ()
    found = []
    limits = document.value.get("limits")
    if finding.limit is not None and isinstance(limits, dict) and finding.probe in limits:
        found.append(_at(run.card_text, document, ("limits", finding.probe), "limit"))
    waivers = document.value.get("waivers")
    for i, waiver in enumerate(waivers if isinstance(waivers, list) else ()):
        if isinstance(waiver, dict) and slug_of(str(waiver.get("mode", ""))) == finding.mode:
            found.append(_at(run.card_text, document, ("waivers", i), "waiver"))
    return tuple(found)


def _at(text: str, document: Document, keys: Keys, what: str) -> Place:
    """From the value (or the nearest parent that is written) to the end of its line."""
    mark = next(document.values[keys[:end]] for end in range(len(keys), -1, -1) if keys[:end] in document.values)
    line, column = mark
    lines = _BREAK.split(text)
    last = len(lines[line - 1].rstrip()) + 1 if line <= len(lines) else column + 1
    return Place(line, column, max(column + 1, last), what)


def card_uri(run: Run) -> str:
    """The card from the root of its repository, for a URI; empty where the run had no card file.

    A path of the machine never leaves it: what lies outside the folder is told by its name alone.
    """
    written = run.card_path
    if not written:
        return ""
    path = Path(written)
    try:
        there = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return _plain(written)
    root = next((p for p in there.parents if (p / ".git").exists()), None) or Path.cwd().resolve()
    return there.relative_to(root).as_posix() if there.is_relative_to(root) else there.name


def elsewhere(run: Run) -> Run:
    """The run as it is told to other machines: its card by the place in the repository."""
    return run.model_copy(update={"card_path": card_uri(run)})


def _plain(written: str) -> str:
    """A path of another machine: relative as it was typed, or its name alone."""
    windows = bool(re.match(r"[A-Za-z]:[\\/]", written)) or written.startswith("\\\\")
    pure = PureWindowsPath(written) if windows else PurePosixPath(written)
    parts = [p for p in pure.parts if p not in (".", pure.anchor)]
    if pure.is_absolute() or ".." in parts:
        return pure.name
    return "/".join(parts) or "momus.yaml"
