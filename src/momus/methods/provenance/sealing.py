"""Signing files and folders in the format of OpenSSF model signing, so that its own tools verify them too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from momus.core.errors import DataError
from momus.methods.provenance import bundle, digests, keys, statement
from momus.methods.provenance.inventory import Item, placed
from momus.methods.provenance.names import shown
from momus.methods.provenance.strict import MOST, Malformed


def to_sign(base: Path, items: Sequence[Item]) -> dict[str, tuple[Item, str]]:
    """What a system's own key signs, by path: models, tokenizers and extractors, each with its signature's place.

    The signature goes where the card says, or beside the file or folder as ``NAME.sig``.
    """
    found: dict[str, tuple[Item, str]] = {}
    for item in items:
        root, rel = placed(base, item.path)
        if item.kind not in ("model", "tokenizer", "extractor") or not (root / rel).exists() or rel == ".":
            continue
        at = item.signature or f"{item.path.rstrip('/')}.sig"
        if item.path not in found or item.signature:
            found[item.path] = (item, at)
    return found


def another_s(base: Path, place: str, private: Any) -> bool:
    """Whether a signature is there that somebody else made: it is not written over."""
    root, rel = placed(base, place)
    try:
        with digests.open_inside(root, rel) as stream:
            text = stream.read(MOST + 1) or b""
    except digests.Refused as error:
        return not error.missing
    try:
        return bundle.parse(text).hint != keys.identity(private.public_key())
    except Malformed:
        return True


def sign(base: Path, item: Item, place: str, private: Any) -> int:
    """Write the signature of a file or folder; returns how many files it covers. DataError where one cannot be read."""
    root, rel = placed(base, item.path)
    home, at = placed(base, place)
    folder = (root / rel).is_dir() and not (root / rel).is_symlink()
    prefix = "" if rel == "." else rel + "/"
    own = at.removeprefix(prefix) if folder and home == root and at.startswith(prefix) else ""
    paths = [p.removeprefix(prefix) for p in digests.below(root, rel)] if folder else ["."]
    covered = [p for p in paths if p != own]
    if not covered:
        raise DataError("there is no file to sign", code="lock/sign", place=shown(item.path))
    try:
        read = digests.side_by_side(lambda p: digests.read(root, rel if p == "." else prefix + p), covered)
    except digests.Refused as error:
        raise DataError(
            f"cannot be signed: a file in it {error}" if folder else f"cannot be signed: it {error}", code="lock/sign",
            place=shown(item.path), hint="Put the file itself there; links and devices are not signed",
        ) from None  # fmt: skip
    payload = statement.make(
        (root / rel).name, dict(zip(covered, [r.sha256 for r in read], strict=True)), [own] if own else []
    )
    (home / at).write_bytes(bundle.make(payload, private))
    return len(covered)


def seal_text(name: str, text: bytes, private: Any) -> bytes:
    """A signature over one text in memory, as over a file of that name: what was written is what was signed."""
    import hashlib

    return bundle.make(statement.make(name, {".": hashlib.sha256(text).hexdigest()}), private)


def seal_state(text: bytes, signature: bytes, trusted: dict[str, str]) -> bundle.Signed:
    """What a signature over one text is worth: its maker among the trusted, and the text the one that was signed."""
    import hashlib

    signed = bundle.check(signature, [keys.load(n, pem) for n, pem in sorted(trusted.items())])
    if signed.state != "valid":
        return signed
    try:
        made = statement.parse(signed.payload)
    except (Malformed, statement.Unsupported) as error:
        return bundle.Signed("bad", str(error), signed.key)
    wanted = ((0, -1, hashlib.sha256(text).hexdigest()),)
    if not made.single or made.algorithm != "sha256" or made.files["."] != wanted:
        return bundle.Signed("bad", "the text is not what was signed", signed.key)
    return signed
