"""From what was seen to a lock, and from one lock to the next: nothing that changed goes in without being said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from momus.methods.provenance import inventory
from momus.methods.provenance.lockfile import Lock, Locked
from momus.methods.provenance.looking import Seen, View


@dataclass(frozen=True, slots=True)
class Step:
    """What locking again would do. ``changed`` pairs old and new; ``left`` could not be read and are not locked."""

    lock: Lock
    added: tuple[Locked, ...] = ()
    changed: tuple[tuple[Locked, Locked], ...] = ()
    removed: tuple[Locked, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    @property
    def same(self) -> bool:
        return not (self.added or self.changed or self.removed)


def entry(seen: Seen, today: str) -> Locked:
    """The entry of a file that was read and scanned."""
    assert seen.read is not None
    said, seal = seen.subject.said, seen.seal
    return Locked(
        path=seen.path, kind=said.kind, sha256=seen.read.sha256, size=seen.read.size, format=seen.format,
        scan=seen.scan, source=said.source, publisher=said.publisher, licence=seen.licence,
        licence_from=seen.licence_from, published=seen.published, published_from=seen.published_from,
        agrees="" if seen.agrees is None else "yes" if seen.agrees else "no",
        signature="" if seal is None else seal.state, key="" if seal is None or seal.state != "valid" else seal.key,
        named=tuple(_stable(n) for n in seen.subject.named), locked=today,
    )  # fmt: skip


def _stable(named: str) -> str:
    """``supply.files.3`` without its number, which moves when another file is listed before it."""
    return "supply.files" if named.startswith("supply.files") else named


def step(view: View, old: Lock | None, system: str, today: str, only: Sequence[str] = ()) -> Step:
    """The next lock. With ``only``, entries of other paths stay as they were. Unchanged entries keep their date."""
    before = {} if old is None else dict(old.by_path)
    now: dict[str, Locked] = {}
    left = []
    for seen in view.files:
        if only and not _within(seen.path, only):
            continue
        if seen.read is None or not seen.read.digests:
            left.append((seen.path, seen.refused or "grew out of all proportion"))
            continue
        made = entry(seen, today)
        known = before.get(seen.path)
        now[seen.path] = replace(made, locked=known.locked) if known and _same(known, made) else made
    kept = {p: f for p, f in before.items() if only and not _within(p, only)}
    whole = Lock.of(system, {**kept, **now}.values())
    unread = {p for p, _ in left}
    changed = tuple((before[p], f) for p, f in sorted(now.items()) if p in before and not _same(before[p], f))
    added = tuple(f for p, f in sorted(now.items()) if p not in before)
    removed = tuple(f for p, f in sorted(before.items()) if p not in whole.by_path)
    return Step(whole, added, changed, removed, tuple((p, w) for p, w in left if p in unread))


def _same(a: Locked, b: Locked) -> bool:
    return replace(a, locked="") == replace(b, locked="")


def _within(path: str, only: Iterable[str]) -> bool:
    return any(inventory.normal(o) in (".", path) or path.startswith(inventory.normal(o) + "/") for o in only)


def told(old: Locked, new: Locked) -> list[str]:
    """What differs between two entries, one line a field, digests first."""
    names = ("sha256", "size", "format", "scan", "licence", "signature", "key", "source", "publisher", "published",
             "published_from", "agrees", "kind", "named", "licence_from")  # fmt: skip
    lines = []
    for name in names:
        a, b = getattr(old, name), getattr(new, name)
        if a != b:
            lines.append(f"{name}: {_short(a)} → {_short(b)}")
    return lines


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return (text[:16] if len(text) == 64 else text[:80]) or "none"
