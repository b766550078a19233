"""What is to be locked and verified: the files behind the paths that a card names, and what it says about each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from momus.methods.provenance import digests, names

if TYPE_CHECKING:
    from momus.card import SystemCard

KINDS = ("model", "tokenizer", "extractor", "data", "code", "key")
OWN = "own"  # the source of what was made here
_SAID = ("source", "publisher", "licence", "published", "signature", "key")


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder that the card names, as written there, with what the card says about where it comes from."""

    path: str
    kind: str = "model"
    source: str = ""
    publisher: str = ""
    licence: str = ""
    published: str = ""
    signature: str = ""
    key: str = ""
    named: str = "supply"


@dataclass(frozen=True, slots=True)
class Subject:
    """One file: ``path`` is its name in the lock, ``rel`` its place below ``root``, ``said`` what the card says of it,
    ``named`` the keys of the card that name it or a folder it lies in."""

    path: str
    root: Path
    rel: str
    said: Item
    named: tuple[str, ...] = ()


def of_card(card: SystemCard) -> list[Item]:
    """Every file of a card that has a provenance: models, data, code, keys, and all that ``supply.files`` lists."""
    items = [
        Item(path=f.path, kind=f.kind, named=f"supply.files.{i}", **_texts({k: getattr(f, k) for k in _SAID}))
        for i, f in enumerate(card.supply.files)
    ]
    for place in card.paths():
        kind = _kind(place.keys)
        if kind:
            keys = [str(k) for k in place.keys]
            if keys[0] == "targets":
                keys[1] = card.targets[int(keys[1])].name
            items.append(Item(place.text, kind, named=".".join(keys)))
    return items


def of_plain(files: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Items from plain values, as a probe is told them; keys that no item has are left aside."""
    known = {f.name for f in fields(Item)}
    return [Item(**_texts({k: v for k, v in f.items() if k in known})) for f in files if f.get("path")]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in values.items() if v is not None}


def _kind(keys: Sequence[str | int]) -> str:
    """What the file at a key of the card is; nothing for those that have no provenance of their own."""
    if keys[0] == "supply":
        return "key" if keys[1] == "keys" else ""
    if keys[0] == "data":
        return "data" if keys[-1] == "path" else "code"
    if "dependencies" in keys or "examples" in keys:
        return ""
    if keys[0] == "targets" and len(keys) > 2 and keys[2] in ("path", "files"):
        return "model"
    return "data" if keys[-1] == "judgements" else "code"


def subjects(base: Path, items: Sequence[Item]) -> list[Subject]:
    """One Subject a file, folders opened, sorted by name. What several items say of a file is joined, narrowest first.

    An item that is named and not there stays as one Subject, so that nobody mistakes its absence for an answer.
    """
    found: dict[str, Subject] = {}
    for item in sorted(items, key=lambda i: (-len(label(base, i.path)), i.named)):
        root, top = placed(base, item.path)
        mark = label(base, item.path)
        for rel in digests.below(root, top):
            path = rel if root == base else mark + rel[len(top) :]
            known = found.get(path)
            # A digest or signature of a folder is none of each file in it; signatures are looked at unit by unit.
            own = item
            if path != mark:
                own = replace(item, published="", signature="", key="" if item.signature else item.key)
            said = own if known is None else _joined(known.said, own)
            named = (*(known.named if known else ()), item.named)
            found[path] = Subject(path, root, rel, said, tuple(dict.fromkeys(named)))
    return [found[p] for p in sorted(found)]


def _joined(narrow: Item, wide: Item) -> Item:
    """What the narrower item leaves open, the wider says; a listed kind counts before one guessed from the key."""
    gaps = {k: getattr(wide, k) for k in ("source", "publisher", "licence") if not getattr(narrow, k)}
    if normal(narrow.path) == normal(wide.path):
        gaps |= {k: getattr(wide, k) for k in ("published", "signature", "key") if not getattr(narrow, k)}
    listed = wide.named.startswith("supply.files") and not narrow.named.startswith("supply.files")
    return replace(narrow, **gaps, **({"kind": wide.kind} if listed else {}))


def label(base: Path, text: str) -> str:
    """The name of a path in the lock: relative to the card where it lies below it, else as written."""
    plain = os.path.normpath(text).replace(os.sep, "/")
    if os.path.isabs(plain):  # noqa: PTH117
        for home in (base.absolute(), base.resolve()):
            if Path(plain).is_relative_to(home):
                return Path(plain).relative_to(home).as_posix()
    return plain


def normal(text: str) -> str:
    """A path as written, without detours: what names are compared by."""
    return os.path.normpath(text).replace(os.sep, "/")


def placed(base: Path, text: str) -> tuple[Path, str]:
    """(folder that no link may lead out of, path below it). A path the card itself writes with ``..`` has its own."""
    mark = label(base, text)
    if mark.startswith("..") or os.path.isabs(mark):  # noqa: PTH117
        outside = base / mark
        return outside.parent, outside.name
    return base, mark


def origin(said: Item, trusted: Sequence[str]) -> str:
    """What is wrong with the place a file came from: nothing, ``unsaid``, or the reason why it is not verified."""
    source = said.source.strip()
    if not source:
        return "" if said.kind in ("code", "key", "signature", "document") else "unsaid"
    if source.lower() == OWN:
        return ""
    scheme, colon, rest = source.partition("://")
    if colon and scheme.lower() not in ("https", "oci", "s3", "gs", "hf", "git+https", "file"):
        return f"came over {shown_scheme(scheme)}, where anybody on the way can change it"
    place = rest if colon else source
    if fault := _crooked(source, place):
        return fault
    if not any(fnmatchcase(place, p.partition("://")[2] or p) or fnmatchcase(source, p) for p in trusted):
        return "came from a place that is not under supply.trusted"
    return ""


def shown_scheme(scheme: str) -> str:
    return names.shown(scheme, 12) or "no scheme"


def _crooked(source: str, place: str) -> str:
    """A pattern such as ``zoo.example/*`` must not be met by ``zoo.example/../evil`` or ``zoo.example@evil``."""
    host = place.partition("/")[0]
    if "://" in source:
        try:
            address = urlsplit(source)
            host = address.netloc
        except ValueError:
            return "came from an address that cannot be read"
    decoded = unquote(place)
    if "@" in host and "://" in source:
        return "came from an address with a user's name before its host"
    if not decoded.isascii() or any(c in decoded for c in "\\\t\r\n ") or ".." in decoded.split("/"):
        return "came from an address that is written in a roundabout way"
    return ""


def belongs(named: Iterable[str], target: str) -> bool:
    """Whether a file concerns a target: named by it, or by no target at all (data, tokenizers, supplied files)."""
    of_targets = [n for n in named if n.startswith("targets.")]
    return not of_targets or any(n.startswith(f"targets.{target}.") for n in of_targets)
