"""Small systems with a lock, published digests and signatures for ``supply_chain.provenance``: true ones, and tampered
ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods.provenance import Item, inventory, keys, lockfile, locking, look, sealing, strict
from momus.zoo import Case
from momus.zoo.supply_chain.artifacts import Folder
from momus.zoo.supply_chain.corpus import Artifact

Change = Callable[[Path, np.random.Generator], None]
_TRUSTED = ("zoo.example/acme/*", "own")


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Three true systems, one held out, and every way of tampering that leaves the lock alone."""
    rng = np.random.default_rng(seed)
    made = [
        _case("published and locked", False, rng),
        _case("made here and signed", False, rng, signed=True, source="own"),
        _case("shards in a folder, signed and published", False, rng, files=6, signed=True, held_out=True),
        _case("one bit turned", True, rng, _turned),
        _case("two files swapped", True, rng, _swapped),
        _case("a file is gone", True, rng, _gone),
        _case("another file than was published, and no lock", True, rng, _turned, locked=False),
        _case("a file added to a signed folder", True, rng, _added, signed=True),
        _case("a link in place of a file", True, rng, _linked, held_out=True),
        _case("changed and signed by somebody else", True, rng, _turned, signed=True, forged=True, held_out=True),
        _case("a byte more at the end", True, rng, _longer, held_out=True),
    ]
    return tuple(made)


def _case(
    name: str, faulty: bool, rng: np.random.Generator, change: Change | None = None, *, files: int = 3,
    signed: bool = False, forged: bool = False, locked: bool = True, source: str = "https://zoo.example/acme/weights",
    held_out: bool = False,
) -> Case:  # fmt: skip
    sizes = rng.integers(20, 60_000, size=files)
    contents = [rng.bytes(int(n)) for n in sizes]
    target = Folder(name.replace(" ", "-").replace(",", ""), [Artifact(f"w{i}", "", f"w{i}.bin", c)
                                                              for i, c in enumerate(contents)])  # fmt: skip
    base = Path(target.info.files[0]).parent
    listed = [_said(base, Path(f), source, published=not signed or source != "own") for f in target.info.files]
    held = {"acme": _pem(rng)} if signed else {}
    if signed:
        _sign(base, held["acme"][1])
        listed.append({"path": ".", "kind": "model", "source": source, "signature": "model.sig", "key": "acme"})
    public = {name: pair[0] for name, pair in held.items()}
    lock = _locked(base, listed, public) if locked else None
    if change is not None:
        change(base, rng)
    if forged:
        _sign(base, _pem(rng)[1])
    supply = {"lock": lock, "files": listed, "trusted": list(_TRUSTED), "keys": public, "base": str(base)}
    target = _refreshed(target, base)
    return Case(name, faulty, target, context={"supply": supply}, held_out=held_out)


def _refreshed(target: Folder, base: Path) -> Folder:
    """What the target lists is what lies there now, as a card's folder would be opened."""
    target._paths = sorted(p for p in base.iterdir() if p.name != "model.sig" and not p.name.startswith("."))
    return target


def _said(base: Path, path: Path, source: str, *, published: bool) -> dict[str, str]:
    said = {"path": path.relative_to(base).as_posix(), "kind": "model", "source": source, "licence": "MIT"}
    if published:
        said["published"] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return said


def _locked(base: Path, listed: list[dict[str, str]], public: Mapping[str, str]) -> Any:
    """The lock as plain values, as an assessment would hand them on."""
    items = inventory.of_plain(listed)
    step = locking.step(look(base, items, public), None, "zoo", "2026-01-01")
    return strict.parse(lockfile.write(step.lock).encode(), "the lock")


def _pem(rng: np.random.Generator) -> tuple[str, Any]:
    """(public key, private key) that follow from the seed."""
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.derive_private_key(int(rng.integers(1, 2**62)), ec.SECP256R1())
    return keys.pem_of(private.public_key()).decode(), private


def _sign(base: Path, private: Any) -> None:
    sealing.sign(base, Item("."), "model.sig", private)


def _first(base: Path) -> Path:
    return next(p for p in sorted(base.iterdir()) if p.name != "model.sig")


def _turned(base: Path, rng: np.random.Generator) -> None:
    path = _first(base)
    content = bytearray(path.read_bytes())
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(content))


def _swapped(base: Path, _rng: np.random.Generator) -> None:
    first, second = (p for p in sorted(base.iterdir())[:2])
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def _gone(base: Path, _rng: np.random.Generator) -> None:
    _first(base).unlink()


def _added(base: Path, rng: np.random.Generator) -> None:
    (base / "z-extra.bin").write_bytes(rng.bytes(50))


def _linked(base: Path, _rng: np.random.Generator) -> None:
    path = _first(base)
    other = path.with_name(".kept")
    path.rename(other)
    path.symlink_to(other.name)


def _longer(base: Path, _rng: np.random.Generator) -> None:
    with _first(base).open("ab") as stream:
        stream.write(b"\0")
