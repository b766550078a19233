"""What can be seen of each file now: digests, licence, published digest, signature. No opinion about it yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from momus.methods.provenance import digests, licences, seals, stated
from momus.methods.provenance.inventory import Item, Subject, label, subjects
from momus.methods.provenance.seals import Seal, signature_of

_SCANNED = ("model", "tokenizer", "extractor", "data")


@dataclass(frozen=True, slots=True)
class Seen:
    """One file as it lies there.

    ``refused`` says why it was not read, ``agrees`` whether it has its published digest.
    """

    subject: Subject
    read: digests.Read | None = None
    refused: str = ""
    missing: bool = False
    licence: str = ""
    licence_from: str = ""
    published: str = ""
    published_from: str = ""
    agrees: bool | None = None
    algorithm: str = ""
    seal: Seal | None = None
    format: str = ""
    scan: str = ""
    scanned: str = ""

    @property
    def path(self) -> str:
        return self.subject.path

    @property
    def vouched(self) -> bool:
        """Somebody else than this folder said what the file must be, and it is that."""
        return (self.agrees is True and self.published_from == "card") or (
            self.seal is not None and self.seal.state == "valid"
        )


@dataclass(frozen=True, slots=True)
class View:
    """All files that a card names, as seen at one time; ``gone`` are signed files that are not there."""

    files: tuple[Seen, ...]
    gone: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def look(
    base: Path,
    items: Sequence[Item],
    keys: Mapping[str, str] | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    scan: bool = False,
) -> View:
    """Read every file behind ``items`` once, several side by side, and check their signatures.

    ``keys`` are PEM texts by name. ``sizes`` are the sizes that files had: one that grew out of all proportion is not
    read to its end. ``scan`` adds each file's format and the verdict of the artifact scan.
    """
    signatures = _signatures(base, items)
    found = [_own_kind(base, s, signatures) for s in subjects(base, items)]
    shelves = {root: stated.Shelf(root) for root in {s.root for s in found}}
    read = digests.side_by_side(lambda s: _read(s, shelves[s.root], (sizes or {}).get(s.path)), found)
    sealed = seals.of(base, items, [(s.subject, s.read) for s in read], keys or {})
    files = [replace(s, seal=sealed.by_path.get(s.path)) for s in read]
    if scan:
        files = [scanned(s) for s in files]
    return View(tuple(files), sealed.gone, tuple(sealed.notes))


def _read(subject: Subject, shelf: stated.Shelf, size: int | None) -> Seen:
    said = subject.said
    stands, where = said.published.lower(), "card" if said.published else ""
    if not stands and said.kind in _SCANNED:
        stands, where = stated.beside(shelf, subject.rel)
    algorithm, wanted = digests.published(stands) if stands else ("", "")
    most = None if size is None else max(4 * size, 1 << 30)
    try:
        got = digests.read(subject.root, subject.rel, [algorithm] if algorithm else [], most)
    except digests.Refused as error:
        return Seen(subject, None, str(error), error.missing)
    licence, place = (licences.spdx(said.licence), "card") if said.licence else ("", "")
    if not licence and said.kind in _SCANNED:
        licence, place = licences.find(shelf, subject.rel, got.head)
    agrees = None if not algorithm or not got.digests else got.digests[algorithm] == wanted
    return Seen(subject, replace(got, head=b""), "", False, licence, place, stands, where, agrees, algorithm)


def scanned(seen: Seen) -> Seen:
    """The file with its format and scan verdict, which count only where nobody touched it between digest and scan."""
    if seen.read is None or not seen.read.digests or seen.subject.said.kind not in _SCANNED:
        return seen
    from momus.methods.artifacts import scan

    root, rel = seen.subject.root, seen.subject.rel
    report = scan(root / rel, digest=False)
    if not digests.still(root, rel, seen.read):
        return replace(seen, read=None, refused="changed while it was being read")
    worst = report.worst
    return replace(seen, format=report.format, scan=report.verdict, scanned=worst.what if worst else "")


def _signatures(base: Path, items: Sequence[Item]) -> set[str]:
    return {label(base, place) for place in (signature_of(base, i) for i in items) if place}


def _own_kind(base: Path, subject: Subject, signatures: set[str]) -> Subject:
    """Signatures, licences and readmes that lie in a folder of weights are no weights."""
    if subject.path in signatures:
        return replace(subject, said=replace(subject.said, kind="signature"))
    listed = subject.said.named.startswith("supply.files") and subject.path == label(base, subject.said.path)
    if not listed and subject.said.kind in _SCANNED and stated.is_document(subject.path):
        return replace(subject, said=replace(subject.said, kind="document"))
    return subject
