"""supply_chain.provenance: are the files what was locked, published and signed, and where do they come from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from momus.core.capabilities import HasFiles
from momus.core.errors import BudgetSpent
from momus.core.evidence import FileMark, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods.provenance import Audit, Item, Lock, Row, audit, inventory, lockfile, look, names, of_plain, strict

_ROWS = 500
_MARKS = 200
_SEVERITY = {"bad": "dangerous", "open": "not understood", "note": "note"}
_OPEN = ("source_unsaid",)  # a note to `momus verify`; here a file of unknown origin is one that nobody vouches for
_FIGURES = {
    "changed": "sha256 differs from the locked or approved one",
    "missing": "locked, signed or named, and not there",
    "mismatch_published": "does not have the digest that its publisher states",
    "bad_signature": "the signature does not hold, or is gone",
    "without_digest": "from elsewhere, with no published digest and no signature",
    "weak_digest_only": "published under MD5 or SHA-1 only",
    "unverified_source": "from a place that is not trusted, or over plain HTTP",
    "source_unsaid": "where it comes from is not said",
    "unsigned": "no signature by a trusted key",
    "not_locked": "the lock does not list it",
    "without_licence": "no licence is stated",
    "licence_changed": "another licence than when it was locked",
    "runs_code": "became able to run code when it is loaded",
}


@probe(
    knowledge=Knowledge.NONE,
    metric="unvouched_files",
    worse="higher",
    unit="files",
    source="arXiv:1708.06733; MITRE ATLAS AML.T0010",
    cost="no queries; reads each file once",
    declares=("provenance",),
)
def provenance(target: HasFiles, trial: Trial) -> Measurement:
    """Files that are not what was locked, published or signed, and files that nobody can vouch for.

    Measures: how many files of the system have changed, are missing, or have a wrong digest or signature; together with
    those that could not be verified, since nobody states a digest, nobody signed them, or they come from an unverified
    place. The first alone can fail; the second widen the interval, so that they can block a pass and no more.

    Why it matters: whoever takes a model from a zoo, a mirror or a colleague runs what he was given, not what was made.
    A digest that nobody compares, or that nobody published, leaves room for another model under the same name.

    Options: none; what the card says under ``supply`` and what ``momus lock`` wrote is what files are held against.

    Returns: figures ``changed``, ``missing``, ``mismatch_published``, ``bad_signature``, ``without_digest``,
    ``weak_digest_only``, ``unverified_source``, ``source_unsaid``, ``unsigned``, ``not_locked``, ``without_licence``,
    ``licence_changed``, ``runs_code``; evidence is a table of the files and a mark for each that is not as it must be.

    Cost: linear in the bytes read, about 0.7 s a GB; several files side by side.

    A pass means little when: the file was already another one when it was locked and its publisher's digest stood
    beside it, at the same place; when the lock was changed along with the files (``momus verify`` checks the lock's
    signature); when the key that signed is not kept well; or when what its authors published is itself poisoned.
    Keyless signatures (Fulcio, Rekor) are not verified offline and count for nothing here.

    Source: arXiv:1708.06733 (the Caffe Model Zoo: one digest that does not fit, 22 models without any).
    """
    given = trial.context.get("supply")
    supply: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    paths = [Path(p) for p in target.files()]
    lock, caveats = _lock(supply)
    try:
        if trial.meter is not None:
            trial.meter.check_time()
    except BudgetSpent:
        paths, caveats = [], [Caveat(code="budget-spent", message="no file was read in time", blocks="both")]
    base = _base(paths, supply, lock)
    items = _items(paths, supply, lock, base, target.info.name)
    approved = {str(k): str(v).lower() for k, v in (trial.context.get("digests") or {}).items()}
    sizes = {f.path: f.size for f in lock.files} if lock else {}
    view = look(base, items if paths else [], supply.get("keys") or {}, sizes=sizes)
    found = audit(view, lock, items if paths else [], trusted=tuple(supply.get("trusted") or ()), approved=approved)
    mine = {inventory.label(base, str(p)) for p in paths}
    rows = [r for r in found.rows if r.path in mine or _concerns(r, lock, target.info.name)] if paths else []
    return _measured(trial, rows, found, caveats, bool(supply))


def _lock(supply: Mapping[str, Any]) -> tuple[Lock | None, list[Caveat]]:
    """The lock that the context carries; one that cannot be read is no lock and no pass."""
    plain = supply.get("lock")
    if plain is None:
        return None, []
    try:
        return lockfile.of_plain(plain if isinstance(plain, Mapping) else {}), []
    except strict.Malformed as error:
        said = str(plain.get("error") or error) if isinstance(plain, Mapping) else str(error)
        return None, [Caveat(code="lock-unusable", message=names.shown(said, 200), blocks="pass")]


def _base(paths: Sequence[Path], supply: Mapping[str, Any], lock: Lock | None) -> Path:
    """The card's folder: as told, else the one that most locked names lie below, else the one that all files share."""
    if supply.get("base"):
        return Path(str(supply["base"]))
    whole = [p.as_posix() for p in paths] + [str(f.get("path", "")) for f in supply.get("files") or ()]
    votes: Counter[str] = Counter()
    for entry in lock.files if lock else ():
        votes.update({w.removesuffix("/" + entry.path) for w in whole if w.endswith("/" + entry.path)})
    if votes:
        best = max(votes.values())
        return Path(min((v for v, n in votes.items() if n == best), key=len))
    folders = [os.path.dirname(w) for w in whole if os.path.isabs(w)]  # noqa: PTH117, PTH120
    return Path(os.path.commonpath(folders)) if folders else Path()


def _items(paths: Sequence[Path], supply: Mapping[str, Any], lock: Lock | None, base: Path, name: str) -> list[Item]:
    """What the card says, the target's files, and what the lock lists beside them (data, tokenizers).

    Models that the card supplies and this target does not have are another target's, and read there.
    """
    said = [replace(i, named=f"supply.files.{n}") for n, i in enumerate(of_plain(supply.get("files") or ()))]
    own = [Item(str(p), "model", named=f"targets.{name}.files") for p in paths]
    mine = {inventory.label(base, i.path) for i in own}
    said = [i for i in said if i.kind != "model" or _touches(inventory.label(base, i.path), mine, base)]
    # Only a plain name below the base: a lock may not send the reader anywhere else.
    locked = [
        Item(f.path, f.kind, named=f.named[0] if f.named else "supply.files")
        for f in (lock.files if lock else ())
        if not names.plain(f.path) and inventory.belongs(f.named, name)
    ]
    return [*said, *own, *locked]


def _touches(path: str, mine: Set[str], base: Path) -> bool:
    """Whether a supplied path is, or holds, a file of the target; or is not there, which concerns everybody."""
    return path in mine or any(names.inside(m, path) for m in mine) or not (base / path).exists()


def _concerns(row: Row, lock: Lock | None, name: str) -> bool:
    """Whether a file that is none of the target's concerns it: data, tokenizers, locked files, what is not there."""
    entry = lock.by_path.get(row.path) if lock else None
    alone = row.kind != "model" or row.size is None or entry is not None
    return alone and inventory.belongs(entry.named if entry else row.named, name)


def _measured(trial: Trial, rows: Sequence[Row], found: Audit, caveats: list[Caveat], told: bool) -> Measurement:
    bad = [r for r in rows if r.level == "bad"]
    unknown = [r for r in rows if r.level == "open" or (r.level == "note" and any(r.has(c) for c in _OPEN))]
    caveats = [*caveats, *_caveats(rows, unknown, found, told)]
    figures = [
        Figure(name=code, value=float(sum(r.has(code) for r in rows)), n=len(rows), note=note)
        for code, note in _FIGURES.items()
    ]
    interval = Interval(low=float(len(bad)), high=float(len(bad) + len(unknown)), level=1.0, method="exact")
    evidence: list[Table | FileMark] = [_table(rows), *_marks([*bad, *unknown])]
    return trial.measurement(
        len(bad) + len(unknown), interval, len(rows), figures=figures, evidence=evidence, caveats=caveats
    )


def _caveats(rows: Sequence[Row], unknown: Sequence[Row], found: Audit, told: bool) -> list[Caveat]:
    if not rows:
        return [Caveat(code="too-few-samples", message="there was no file to look at", blocks="both")]
    if not told:
        said = "the card says nothing of where its files come from, and nothing is locked (momus lock)"
        return [Caveat(code="nothing-recorded", message=said, blocks="pass")]
    told_ = [Caveat(code="lock", message=p.text, blocks="pass") for p in found.lock if unknown]
    if unknown:
        told_.append(Caveat(code="not-verified", message=f"nobody can vouch for {len(unknown)} files", blocks="pass"))
    return told_


def _table(rows: Sequence[Row]) -> Table:
    order = {"bad": 0, "open": 1, "note": 2, "fine": 3}
    cells: list[tuple[Any, ...]] = [
        (names.shown(r.path), r.verdict, r.kind, r.size, r.sha256[:12], "; ".join(p.text for p in r.problems))
        for r in sorted(rows, key=lambda r: (order[r.level], r.path))
    ]
    note = f"{len(cells) - _ROWS} more files are not listed" if len(cells) > _ROWS else ""
    columns = ("file", "verdict", "kind", "bytes", "sha256", "what")
    return Table(title="Files and who vouches for them", columns=columns, rows=tuple(cells[:_ROWS]), note=note)


def _marks(rows: Sequence[Row]) -> list[FileMark]:
    found = []
    for row in rows:
        for p in row.problems:
            if p.level != "note" or p.code in _OPEN:
                where = names.shown(row.path)
                grave: Any = _SEVERITY[p.level]
                found.append(FileMark(title=where, path=where, sha256=row.sha256, what=p.text, severity=grave))
    return found[:_MARKS]
