"""What can be said of a card without loading anything: which files are there, which names exist, what has expired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Any

from momus.card.inspect_http import secrets_in_clear, unencrypted
from momus.card.inspect_monitor import monitor_notes, monitor_problems
from momus.card.schema import CardPath, SystemCard
from momus.core.errors import CardError
from momus.taxonomy.rules import SLUGS, slug_of


@dataclass(frozen=True, slots=True)
class FileState:
    """One file the card names: at which key, as written, whether it exists, its size in bytes (None for a folder)."""

    key: str
    text: str
    place: str
    exists: bool
    size: int | None
    outside: bool


@dataclass(frozen=True)
class CardCheck:
    """The outcome of :func:`check_card`: problems stop an assessment, notes do not."""

    card: SystemCard
    files: tuple[FileState, ...]
    problems: tuple[CardError, ...]
    notes: tuple[CardError, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    def plain(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        card = self.card
        return {
            "system": card.system,
            "digest": card.digest,
            "ok": self.ok,
            "targets": [{"name": t.name, "adapter": t.adapter, "task": t.task} for t in card.targets],
            "data": sorted(card.data),
            "files": [asdict(f) for f in self.files],
            "facts": {"known": len(card.facts), "unknown": list(card.facts.unknown)},
            "problems": [_plain(p) for p in self.problems],
            "notes": [_plain(n) for n in self.notes],
        }


def _plain(error: CardError) -> dict[str, str]:
    return {"code": error.code, "place": error.place, "message": error.message, "hint": error.hint}


def check_card(card: SystemCard, *, today: date | None = None) -> CardCheck:
    """Checks a card that has been read against the file system and the list of probes. Opens no file, runs no code."""
    files = tuple(_state(card, entry) for entry in card.paths())
    problems = [
        CardError(
            f"{f.text} does not exist", code="card/missing-file", place=f.place,
            hint=f"Put it at {card.resolve(f.text)} or correct the path",
        )
        for f in files
        if not f.exists
    ]  # fmt: skip
    problems += _weights_alone(card)
    problems += _unknown_probes(card)
    problems += monitor_problems(card)
    problems += secrets_in_clear(card)
    notes = [
        CardError(
            f"{f.text} lies outside the card's folder", code="card/outside", place=f.place,
            hint="It is used, but does not travel with the card",
        )
        for f in files
        if f.outside
    ]  # fmt: skip
    notes += _expired(card, today or date.today())
    notes += monitor_notes(card)
    notes += unencrypted(card)
    if not card.targets:
        notes.append(
            CardError(
                "there is no target, so only data can be looked at", code="card/no-target", place=card.place(),
                hint="Add targets: [{name: model, path: model.onnx}]",
            )
        )  # fmt: skip
    return CardCheck(card, files, tuple(problems), tuple(notes))


def _weights_alone(card: SystemCard) -> Iterator[CardError]:
    """Weights cannot be opened without the function that builds their module; an exported program can."""
    for i, target in enumerate(card.targets):
        if target.adapter == "torch" and not target.factory and not str(target.path).lower().endswith(".pt2"):
            yield CardError(
                f"target '{target.name}' has weights and no code that builds the module",
                code="card/missing-key",
                place=card.place("targets", i),
                hint="Add factory: model.py:build, or save an exported program (.pt2)",
            )


def _state(card: SystemCard, entry: CardPath) -> FileState:
    key = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in entry.keys).lstrip(".")
    try:
        size = entry.path.stat().st_size if entry.path.is_file() else None
        exists = entry.path.exists()
    except (OSError, ValueError):  # a name no file can have (too long, a zero byte)
        size, exists = None, False
    return FileState(key, entry.text, card.place(*entry.keys), exists, size, entry.escapes)


def _unknown_probes(card: SystemCard) -> Iterator[CardError]:
    """Names of probes and modes that nothing answers to; the registry is asked only when the card names some."""
    named = [("probes", name, ("probes", name)) for name in card.probes]
    named += [("limits", name, ("limits", name)) for name in card.limits]
    chosen: list[tuple[str, str, tuple[Any, ...]]] = [("select", w, ("select", i)) for i, w in enumerate(card.select)]
    chosen += [("skip", w, ("skip", i)) for i, w in enumerate(card.skip)]
    if not named and not chosen:
        return
    from momus.core.registry import detector_ids, probe_ids

    known = probe_ids()
    for kind, name, keys in named:
        mine = (*known, *detector_ids()) if kind == "limits" else known  # a detector has a limit like any other
        if name not in mine:
            yield _no_probe(card, name, keys, mine)
    for _, word, keys in chosen:
        if slug_of(word) is None and not any(fnmatch(i, word) for i in known):
            yield _no_probe(card, word, keys, (*known, *SLUGS))


def _no_probe(card: SystemCard, name: str, keys: tuple[Any, ...], known: tuple[str, ...]) -> CardError:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else "See: momus list probes"
    return CardError(f"there is no probe '{name}'", code="card/unknown-probe", place=card.place(*keys), hint=hint)


def _expired(card: SystemCard, today: date) -> Iterator[CardError]:
    for i, waiver in enumerate(card.waivers):
        if not waiver.holds(today):
            yield CardError(
                f"the waiver for {waiver.mode} ended on {waiver.until}", code="card/expired-waiver",
                place=card.place("waivers", i), hint=f"It no longer counts; ask {waiver.by} or remove it",
            )  # fmt: skip
