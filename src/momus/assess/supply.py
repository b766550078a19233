"""Locking and verifying a system's files: the card's items, its keys, its lock."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from momus.core.errors import DataError

if TYPE_CHECKING:
    from momus.card import SystemCard
    from momus.methods.provenance import Audit, Item, Lock
    from momus.methods.provenance.bundle import Signed

_MOST = 64 << 20


def items_of(card: SystemCard) -> list[Item]:
    """Every file and folder of the card that has a provenance; DataError where there is none."""
    from momus.methods.provenance import of_card

    items = of_card(card)
    if not items:
        raise DataError(
            "the card names no file", code="lock/nothing", place=str(card.path or "card"),
            hint="List models and data, or supply.files: [{path: model.pt, source: …}]",
        )  # fmt: skip
    return items


def keys_of(card: SystemCard) -> dict[str, str]:
    """PEM texts of the trusted keys by name. DataError for one that cannot be read."""
    found = {}
    for name, text in card.supply.keys.items():
        try:
            found[name] = (card.base / text).read_text("ascii")
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no text"
            raise DataError(
                f"the key '{name}' cannot be read: {said}", code="lock/key", place=card.place("supply", "keys", name)
            ) from None
    return found


def lock_place(card: SystemCard) -> Path:
    return card.base / card.supply.lock


def read_lock(card: SystemCard, given: Path | None = None) -> tuple[Lock | None, bytes]:
    """(the lock or None where there is none, its bytes): one reading, so that what is checked is what is believed."""
    from momus.methods.provenance import lockfile

    place = given or lock_place(card)
    try:
        with place.open("rb") as stream:
            text = stream.read(_MOST + 1)
    except FileNotFoundError:
        return None, b""
    except OSError as error:
        raise DataError(f"the lock cannot be read: {error.strerror}", code="lock/unusable", place=str(place)) from None
    if len(text) > _MOST:
        raise DataError("the lock is larger than 64 MiB", code="lock/unusable", place=str(place))
    return lockfile.read(text, str(place)), text


def lock_seal(card: SystemCard, text: bytes, given: Path | None = None) -> Signed | None:
    """What the signature beside the lock is worth; None where there is none."""
    from momus.methods.provenance import sealing

    place = given or lock_place(card)
    try:
        signature = place.with_name(place.name + ".sig").read_bytes()
    except OSError:
        return None
    return sealing.seal_state(text, signature, keys_of(card))


def approved_of(card: SystemCard) -> dict[str, str]:
    """sha256 by file name that targets of the card state."""
    return {name: value.lower() for target in card.targets for name, value in target.digests.items()}


def verify(card: SystemCard | str | Path, *, lock: Path | None = None) -> Audit:
    """Hold every file of a card against its lock, its published digests and its signatures.

    ``lock`` is another lock than the card's. Loads nothing, follows no link, uses no network. Raises CardError for a
    card, and DataError for a lock or key, that cannot be read.
    """
    from momus.card import load_card
    from momus.methods import provenance

    system = load_card(card) if isinstance(card, str | Path) else card
    items, (held, _) = items_of(system), read_lock(system, lock)
    sizes = {f.path: f.size for f in held.files} if held else {}
    view = provenance.look(system.base, items, keys_of(system), sizes=sizes)
    given = system.supply
    return provenance.audit(
        view, held, items, system=system.system, trusted=given.trusted, approved=approved_of(system)
    )


def lock(card: SystemCard | str | Path, *, accept: bool = False) -> Lock:
    """Write the card's lock: what every file is right now. DataError where files changed, without ``accept``."""
    from momus.card import load_card
    from momus.methods import provenance
    from momus.methods.provenance import lockfile, locking

    system = load_card(card) if isinstance(card, str | Path) else card
    items, (old, _) = items_of(system), read_lock(system)
    view = provenance.look(system.base, items, keys_of(system), scan=True)
    step = locking.step(view, old, system.system, today(), ())
    grave = [new.path for before, new in step.changed if before.sha256 != new.sha256]
    if not accept and (grave or step.removed):
        raise DataError(
            f"{len(grave)} files changed and {len(step.removed)} are gone since the lock was written",
            code="lock/changed", place=str(lock_place(system)), hint="If that is meant, give accept=True",
        )  # fmt: skip
    put(lock_place(system), lockfile.write(step.lock).encode())
    return step.lock


def today() -> str:
    """The day, or that of SOURCE_DATE_EPOCH where a build must come out the same on any day."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return moment.date().isoformat()


def put(place: Path, text: bytes) -> None:
    """Written beside and moved into place: nobody ever reads half a lock."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        beside.write_bytes(text)
        beside.replace(place)
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", code="lock/unwritable", place=str(place)) from None
