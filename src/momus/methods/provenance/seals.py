"""Signatures over the files of a system: for each file, what the signatures that speak of it are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from momus.core.errors import MissingExtra
from momus.methods.provenance import bundle, digests, statement
from momus.methods.provenance.inventory import Item, Subject, placed
from momus.methods.provenance.keys import load
from momus.methods.provenance.names import shown
from momus.methods.provenance.strict import MOST, Malformed

_RANK = {"bad": 0, "valid": 1, "untrusted": 2, "unverified": 3, "absent": 4}
Pairs = Sequence[tuple[Subject, digests.Read | None]]


@dataclass(frozen=True, slots=True)
class Seal:
    """What a signature says of one file: valid | bad | untrusted | unverified | absent, and why.

    ``demanded``: the card names the signature, so that its absence is a finding. ``ignored``: it leaves the file out.
    """

    state: str
    why: str
    key: str = ""
    demanded: bool = False
    ignored: bool = False


@dataclass
class Sealed:
    """Each file's seal, the files that a signature covers and that are not there, and what signatures leave out."""

    by_path: dict[str, Seal] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One signature: over what, by which file, and the readings of the files it may cover, by place below ``root``."""

    item: Item
    place: str
    root: Path
    rel: str
    own: str
    paths: Mapping[str, str]
    reads: Mapping[str, digests.Read]

    def at(self, name: str) -> str:
        """Place below ``root`` of a name in the statement."""
        if name == ".":
            return self.rel
        return name if self.rel == "." else f"{self.rel}/{name}"


def signature_of(base: Path, item: Item) -> str:
    """The signature file of an item: the one the card names, or one beside it called like it and ``.sig``."""
    if item.signature:
        return item.signature
    root, rel = placed(base, item.path)
    beside = f"{item.path.rstrip('/')}.sig"
    return beside if rel != "." and (root / f"{rel}.sig").is_file() else ""


def of(base: Path, items: Sequence[Item], read: Pairs, keys: Mapping[str, str]) -> Sealed:
    """What the signatures of all items say. Of two signatures over one file the worse counts."""
    sealed = Sealed()
    done = set()
    for item in items:
        place = signature_of(base, item)
        if not place or (item.path, place) in done:
            continue
        done.add((item.path, place))
        demanded = bool(item.signature or item.key)
        for path, seal in _seals(base, _unit(base, item, place, read), keys, sealed).items():
            known = sealed.by_path.get(path)
            if known is None or _RANK[seal.state] < _RANK[known.state]:
                sealed.by_path[path] = replace(seal, demanded=demanded)
    return sealed


def _unit(base: Path, item: Item, place: str, read: Pairs) -> _Unit:
    root, rel = placed(base, item.path)
    mine = [(s, r) for s, r in read if s.root == root and (rel in (".", s.rel) or s.rel.startswith(rel + "/"))]
    home, own = placed(base, place)
    return _Unit(
        item, place, root, rel, own if home == root else "", {s.rel: s.path for s, _ in mine},
        {s.rel: r for s, r in mine if r is not None and r.digests},
    )  # fmt: skip


def _seals(base: Path, unit: _Unit, keys: Mapping[str, str], sealed: Sealed) -> dict[str, Seal]:
    """Seal by path of every file of one unit."""
    state, made = _signed(base, unit.item, unit.place, keys)
    if made is None:
        return dict.fromkeys((p for rel, p in unit.paths.items() if rel != unit.own), state)
    found = statement.compare(made, unit.root, unit.rel, dict(unit.reads))
    by_rel = {unit.at(n): _good(unit, unit.at(n), made, seen, state) for n, seen in found.good.items()}
    by_rel |= {unit.at(n): Seal("bad", "is not what was signed", state.key) for n in found.changed}
    late = Seal("bad", "was added to the folder after it was signed", state.key)
    by_rel |= {unit.at(n): late for n in found.added if unit.at(n) != unit.own}
    by_rel |= {unit.at(n): Seal("bad", f"{why}, inside a signed folder", state.key) for n, why in found.refused.items()}
    left = Seal("absent", "the signature leaves it out", ignored=True)
    by_rel |= {unit.at(n): left for n in found.left_out if unit.at(n) != unit.own}
    for name in found.missing:
        beside = unit.at(name) if unit.root == base else f"{unit.item.path.rstrip('/')}/{name}"
        sealed.gone[unit.paths.get(unit.at(name), beside)] = shown(unit.place)
    called = Path(unit.rel).name
    if made.name not in ("", ".", called) and called:
        sealed.notes.append(
            f"{shown(unit.place)} was made for '{shown(made.name, 60)}', and lies beside '{shown(called)}'"
        )
    if made.ignored:
        sealed.notes.append(f"{shown(unit.place)} leaves out: {', '.join(shown(i, 60) for i in made.ignored[:8])}")
    # A signature over something else than this file or folder says nothing of what lies there, and that is said.
    silent = Seal("bad", "the signature does not speak of it", state.key)
    return {path: by_rel.get(rel, silent) for rel, path in unit.paths.items() if rel != unit.own}


def _good(unit: _Unit, rel: str, made: statement.Statement, seen: digests.Read, state: Seal) -> Seal:
    """Signed, if it is the very reading that the rest of the check speaks of and no second look at the same name."""
    mine = unit.reads.get(rel)
    other = mine is None or mine.size != seen.size
    if made.algorithm == "sha256" and made.method == "files":
        other = mine is None or mine.sha256 != seen.sha256
    return Seal("bad", "changed while it was being read", state.key) if other else state


def _signed(base: Path, item: Item, place: str, keys: Mapping[str, str]) -> tuple[Seal, statement.Statement | None]:
    """The seal that every covered file gets, with the statement that says which those are, if there is one."""
    root, rel = placed(base, place)
    try:
        with digests.open_inside(root, rel) as stream:
            text = stream.read(MOST + 1) or b""
    except digests.Refused as error:
        return Seal("absent", f"its signature {shown(place)} {error}"), None
    try:
        trusted = [load(n, pem) for n, pem in sorted(keys.items()) if item.key in ("", n)]
        signed = bundle.check(text, trusted)
    except MissingExtra as error:
        return Seal("unverified", f"signatures cannot be checked here: {error.hint}"), None
    if signed.state != "valid":
        return Seal(signed.state, signed.why, signed.key), None
    try:
        return Seal("valid", signed.why, signed.key), statement.parse(signed.payload)
    except statement.Unsupported as error:
        return Seal("unverified", str(error), signed.key), None
    except Malformed as error:
        return Seal("bad", str(error), signed.key), None
