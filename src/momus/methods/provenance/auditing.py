"""What was seen, held against the lock and the card: what changed, what is missing, what nobody can vouch for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from momus.methods.provenance import digests, inventory, looking
from momus.methods.provenance.inventory import Item
from momus.methods.provenance.lockfile import Lock, Locked
from momus.methods.provenance.looking import Seen, View
from momus.methods.provenance.names import shown, twins

Level = Literal["bad", "open", "note"]
_RANK = {"note": 0, "open": 1, "bad": 2}
# Formats in which a loader finds nothing to run, so that leaving them is a step down.
_DATA_ONLY = frozenset({"safetensors", "npy", "gguf", "text", "json", "csv", "xgboost json", "lightgbm text", "ubjson"})
CODES = (
    "changed", "missing", "mismatch_published", "bad_signature", "runs_code", "licence_changed", "other_system",
    "unread", "not_locked", "without_digest", "unverified_source", "unsigned", "look_alike",
    "weak_digest_only", "source_unsaid", "without_licence", "not_named", "left_out",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to say about a file. ``bad``: not what it must be; ``open``: nobody can tell; ``note``: to know."""

    code: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One file and all there is to say about it. ``was`` is the locked digest where it differs."""

    path: str
    kind: str
    problems: tuple[Problem, ...] = ()
    sha256: str = ""
    size: int | None = None
    was: str = ""
    named: tuple[str, ...] = ()
    outside: bool = False

    @property
    def level(self) -> str:
        """bad, open, note, or fine."""
        return max((p.level for p in self.problems), key=_RANK.__getitem__, default="fine")

    @property
    def verdict(self) -> str:
        return {"bad": self.worst.code.replace("_", " ") if self.worst else "", "open": "not verified"}.get(
            self.level, "as it was"
        )

    @property
    def worst(self) -> Problem | None:
        return max(self.problems, key=lambda p: _RANK[p.level], default=None)

    def has(self, code: str) -> bool:
        return any(p.code == code for p in self.problems)


@dataclass(frozen=True, slots=True)
class Audit:
    """One row a file, in the order of their names, and what there is to say about the lock itself."""

    rows: tuple[Row, ...]
    lock: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def count(self, code: str) -> int:
        return sum(r.has(code) for r in self.rows)

    def exit_code(self, strict: bool = False) -> int:
        """1: something is not what it must be. 4: something could not be verified. 0: neither."""
        levels = {r.level for r in self.rows} | {p.level for p in self.lock}
        if "bad" in levels:
            return 1
        return 4 if "open" in levels or (strict and "note" in levels) or not self.rows else 0


def audit(
    view: View,
    lock: Lock | None,
    items: Sequence[Item],
    *,
    system: str | None = None,
    trusted: Sequence[str] = (),
    approved: Mapping[str, str] | None = None,
) -> Audit:
    """Hold what was seen against the lock and what the card says. ``approved`` are further sha256 by file name."""
    alike = twins(s.path for s in view.files)
    rows = {s.path: _row(s, lock, trusted, approved or {}, alike) for s in view.files}
    for path, cover in view.gone.items():
        gone = Problem("missing", "bad", f"is not there, and {cover} covers it")
        row = rows.get(path) or Row(path, "model", outside=True)
        rows[path] = replace(row, problems=(gone, *(p for p in row.problems if p.code != "missing")))
    named = [inventory.normal(i.path) for i in items]
    for entry in lock.files if lock else ():
        if entry.path not in rows:
            rows[entry.path] = _absent(entry, named)
    return Audit(tuple(rows[p] for p in sorted(rows)), tuple(_of_lock(lock, system)), view.notes)


def _of_lock(lock: Lock | None, system: str | None) -> list[Problem]:
    if lock is None:
        return [Problem("not_locked", "open", "there is no lock to hold files against: momus lock writes one")]
    if system is not None and lock.system != system:
        text = f"the lock is of the system '{shown(lock.system, 60)}', and the card is of '{shown(system, 60)}'"
        return [Problem("other_system", "bad", text)]
    return [] if lock.files else [Problem("not_locked", "open", "the lock lists no file")]


def _absent(entry: Locked, named: Sequence[str]) -> Row:
    """A locked file that was not found: missing where the card still names it or its folder."""
    inside = any(n == "." or entry.path == n or entry.path.startswith(n + "/") for n in named)
    said = Problem("missing", "bad", "is not there, and the lock lists it")
    if not inside:
        said = Problem("not_named", "note", "is in the lock, and the card no longer names it")
    return Row(entry.path, entry.kind, (said,), was=entry.sha256, named=entry.named)


def _row(
    seen: Seen, lock: Lock | None, trusted: Sequence[str], approved: Mapping[str, str], alike: Mapping[str, str]
) -> Row:
    said, entry = seen.subject.said, lock.by_path.get(seen.path) if lock else None
    problems: list[Problem] = []
    if seen.read is None:
        problems.append(_unread(seen, entry))
    else:
        problems += _digest(seen, entry, lock, approved)
    problems += _seal(seen, entry)
    if not seen.missing and said.kind not in ("signature", "document"):
        problems += _origin(seen, trusted, entry)
    if seen.read is not None:
        problems += _licence(seen, entry)
    if seen.path in alike:
        problems.append(Problem("look_alike", "open", f"could be taken for {shown(alike[seen.path])}"))
    was = entry.sha256 if entry and any(p.code == "changed" for p in problems) else ""
    size, sha256 = (seen.read.size, seen.read.sha256) if seen.read else (None, "")
    outside = bool(said.source) and said.source.lower() != inventory.OWN
    return Row(seen.path, said.kind, tuple(problems), sha256, size, was, seen.subject.named, outside)


def _unread(seen: Seen, entry: Locked | None) -> Problem:
    if seen.missing:
        return Problem("missing", "bad", "is not there, and the card names it" if entry is None else "is not there")
    # A file that was read when it was locked and is a link or device by now has been replaced.
    level: Level = "open" if entry is None else "bad"
    return Problem("unread" if entry is None else "changed", level, seen.refused)


def _digest(seen: Seen, entry: Locked | None, lock: Lock | None, approved: Mapping[str, str]) -> list[Problem]:
    from momus.core.digest import recorded

    assert seen.read is not None
    found: list[Problem] = []
    wanted = recorded(seen.path, approved)
    if wanted is not None and wanted != seen.read.sha256:
        found.append(Problem("changed", "bad", f"sha256 {seen.read.sha256[:16]}, approved on the card {wanted[:16]}"))
    if entry is None and lock is not None:
        vouched = seen.vouched or wanted == seen.read.sha256
        scan = looking.scanned(seen)
        what = f" ({scan.format}, {scan.scan})" if scan.format else ""
        found.append(Problem("not_locked", "note" if vouched else "open", f"is new: the lock does not list it{what}"))
    if entry is not None and entry.sha256 != seen.read.sha256:
        now = f"sha256 {seen.read.sha256[:16]}" if seen.read.digests else "grew out of all proportion: not read"
        sizes = "" if entry.size == seen.read.size else f"; {entry.size:,} bytes, now {seen.read.size:,}"
        found.append(Problem("changed", "bad", f"{now}, locked {entry.sha256[:16]}{sizes}"))
        found += _runs(seen, entry)
    if seen.agrees is False:
        algorithm, digits = digests.published(seen.published)
        where = "" if seen.published_from == "card" else f" in {shown(seen.published_from)}"
        said = f"{algorithm} {seen.read.digests[algorithm][:16]}, its publisher says {digits[:16]}{where}"
        found.append(Problem("mismatch_published", "bad", said))
    elif seen.agrees and seen.algorithm in digests.WEAK and not (seen.seal and seen.seal.state == "valid"):
        found.append(Problem("weak_digest_only", "note", f"published under {seen.algorithm} only, which can be forged"))
    return found


def _runs(seen: Seen, entry: Locked) -> list[Problem]:
    """Whether what replaced a file can run code where the locked one could not. It is scanned for that, not loaded."""
    now = looking.scanned(seen)
    if not now.format:
        return []
    worse = now.scan == "dangerous" and entry.scan != "dangerous"
    left = entry.format in _DATA_ONLY and now.format not in _DATA_ONLY
    if not (worse or left):
        return []
    why = f": {shown(now.scanned)}" if now.scanned else ""
    return [Problem("runs_code", "bad", f"was {entry.format or 'unknown'}, is {now.format}, {now.scan}{why}")]


def _seal(seen: Seen, entry: Locked | None) -> list[Problem]:
    seal, before = seen.seal, entry.signature if entry else ""
    state = seal.state if seal else "absent"
    if seal is not None and state == "bad":
        return [Problem("bad_signature", "bad", seal.why)]
    if state == "valid" and seal is not None:
        other = before == "valid" and entry is not None and entry.key not in ("", seal.key)
        return [Problem("bad_signature", "bad", "signed by another key than when it was locked")] if other else []
    if before == "valid":
        why = seal.why if seal else "there is no signature any more"
        return [Problem("bad_signature", "bad", f"had a valid signature when it was locked; {why}")]
    if seal is None:
        wants = seen.subject.said.key
        said = f"is to be signed by {shown(wants)}, and no signature is named"
        return [Problem("unsigned", "open", said)] if wants else []
    if seal.ignored:
        return [Problem("left_out", "open" if seal.demanded else "note", seal.why)]
    return [Problem("unsigned", "open" if seal.demanded else "note", seal.why)]


def _origin(seen: Seen, trusted: Sequence[str], entry: Locked | None) -> list[Problem]:
    said = seen.subject.said
    found: list[Problem] = []
    where = inventory.origin(said, trusted)
    signed = seen.seal is not None and seen.seal.state == "valid"
    if where == "unsaid":
        if not seen.vouched:
            found.append(Problem("source_unsaid", "note", "where it comes from is not said"))
    elif where and not signed:
        # A trusted key's signature says who made a file, whichever way it came; a digest may come the same bad way.
        found.append(Problem("unverified_source", "open", f"{where} ({shown(said.source, 80)})"))
    outside = said.source and said.source.lower() != inventory.OWN
    if outside and seen.agrees is None and not signed and seen.read is not None:
        found.append(Problem("without_digest", "open", "its publisher states no digest, and nobody signed it"))
    if entry is not None and entry.source and said.source and entry.source != said.source:
        found.append(Problem("unverified_source", "open", f"came from {shown(entry.source, 80)} when it was locked"))
    return found


def _licence(seen: Seen, entry: Locked | None) -> list[Problem]:
    if entry is not None and entry.licence and entry.licence != seen.licence:
        now = f"is {shown(seen.licence, 60)} now" if seen.licence else "says none now"
        return [Problem("licence_changed", "bad", f"was under {shown(entry.licence, 60)}, {now}")]
    plain = seen.subject.said.kind in ("model", "tokenizer", "extractor", "data")
    outside = seen.subject.said.source.lower() != inventory.OWN
    if plain and outside and not seen.licence:
        return [Problem("without_licence", "note", "no licence is stated")]
    return []
