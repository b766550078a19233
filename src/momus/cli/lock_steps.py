"""The steps of `momus lock`: what would change, whether that was agreed to, writing and signing it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from momus.card import SystemCard
    from momus.methods.provenance import Item
    from momus.methods.provenance.locking import Step
    from momus.methods.provenance.looking import View


def forgiving(system: SystemCard) -> Any:
    """With --accept a lock that cannot be read is replaced, and its loss is said."""
    from momus.assess import supply
    from momus.core.errors import DataError

    try:
        return supply.read_lock(system)
    except DataError as error:
        click.echo(f"replaced: {error.message}", err=True)
        return None, b""


def refused(step: Step, accept: bool) -> bool:
    """True, and says why, where the lock would take something over that nobody has said yes to."""
    grave = sum(a.sha256 != b.sha256 for a, b in step.changed)
    if accept or not (grave or step.removed):
        return False
    what = f"{grave} files changed" + (f", {len(step.removed)} are gone" if step.removed else "")
    click.echo(f"not locked: {what}. If that is meant: momus lock --accept", err=True)
    return True


def write(system: SystemCard, view: View, step: Step, first: bool, key: Path | None) -> int:
    from momus.assess import supply
    from momus.methods.provenance import lockfile

    place = supply.lock_place(system)
    text = lockfile.write(step.lock)
    if first or not step.same or key is not None:
        supply.put(place, text.encode())
        click.echo(f"{len(step.lock.files)} files locked in {place}")
    else:
        click.echo(f"nothing changed: {len(step.lock.files)} files as they were")
    stale = place.with_name(place.name + ".sig")
    if key is not None:
        sign_lock(place, text.encode(), key)
    elif stale.exists() and not step.same:
        click.echo(f"the signature {stale} is of the lock before: sign again with --sign KEY.pem", err=True)
    return state(view, len(step.left))


def state(view: View, unread: int) -> int:
    """Exit code 1 where a file that was locked is known to be wrong, or one could not be locked; each is said."""
    from momus.methods.provenance.names import shown

    wrong = [(s, "does not have the digest that its publisher states") for s in view.files if s.agrees is False]
    wrong += [(s, s.seal.why) for s in view.files if s.seal is not None and s.seal.state == "bad"]
    for seen, why in wrong:
        click.echo(f"locked, and wrong: {shown(seen.path)} {why}", err=True)
    return 1 if wrong or unread else 0


def tell(step: Step, first: bool) -> None:
    """What is new, what changed with old and new values, what is gone, what could not be read."""
    from momus.methods.provenance.locking import told
    from momus.methods.provenance.names import shown

    for entry in () if first else step.added:
        click.echo(f"new      {shown(entry.path)}  {entry.sha256[:16]}  {entry.format}")
    for old, new in step.changed:
        click.echo(f"changed  {shown(new.path)}  {'; '.join(shown(line, 300) for line in told(old, new))}")
    for entry in step.removed:
        click.echo(f"gone     {shown(entry.path)}  was {entry.sha256[:16]}")
    for path, why in step.left:
        click.echo(f"not locked  {shown(path)}  {why}", err=True)


def private_key(key: Path) -> Any:
    from momus.methods.provenance import keys

    return keys.load_private(key.read_bytes(), str(key), os.environ.get("MOMUS_KEY_PASSWORD"))


def sign_files(system: SystemCard, items: list[Item], key: Path) -> None:
    """Sign what is ours to sign. A signature that somebody else made is left alone."""
    from momus.assess import supply
    from momus.methods.provenance import keys, sealing
    from momus.methods.provenance.names import shown

    private = private_key(key)
    for path, (item, place) in sorted(sealing.to_sign(system.base, items).items()):
        if sealing.another_s(system.base, place, private):
            click.echo(f"left     {shown(place)} as it is: not made by this key", err=True)
            continue
        count = sealing.sign(system.base, item, place, private)
        click.echo(f"signed   {shown(path)}  {count} files → {shown(place)}")
    mine = keys.identity(private.public_key())
    if mine not in {keys.load(n, pem).identity for n, pem in supply.keys_of(system).items()}:
        click.echo("this key is not under supply.keys: verify will not trust it until its public half is", err=True)


def sign_lock(place: Path, text: bytes, key: Path) -> None:
    from momus.assess import supply
    from momus.methods.provenance import sealing

    at = place.with_name(place.name + ".sig")
    supply.put(at, sealing.seal_text(place.name, text, private_key(key)))
    click.echo(f"signed   {place.name} → {at.name}")
