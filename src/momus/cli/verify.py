"""`momus verify`: hold a system's files against its lock, their published digests and their signatures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.methods.provenance import Problem


@click.command("verify")
@options.card
@click.option("--lock", "given", type=click.Path(path_type=Path, dir_okay=False), help="Another lock than the card's.")
@click.option("--signed", is_flag=True, help="The lock itself must be signed by one of supply.keys.")
@click.option("--strict", is_flag=True, help="Exit code 4 also for what is only worth a note.")
@click.option("--all", "everything", is_flag=True, help="Show every file, and every note.")
@options.as_json
def verify(card: str, given: Path | None, signed: bool, strict: bool, everything: bool, as_json: bool) -> int:
    """What changed since `momus lock`, and what nobody can vouch for.

    Nothing is loaded, no link is followed, no network is used. Exit code 0: every file is as it was. 1: one changed, is
    missing, or has a wrong digest or signature. 4: one could not be verified. 2: the card or the lock is not usable.
    """
    from momus.assess import supply
    from momus.card import load_card
    from momus.cli import verify_view
    from momus.methods.provenance.auditing import Audit

    system = load_card(card)
    found, (lock, text) = supply.verify(system, lock=given), supply.read_lock(system, given)
    sealed = _of_seal(supply.lock_seal(system, text, given) if lock else None, signed, lock is not None)
    found = Audit(found.rows, (*found.lock, *sealed), found.notes)
    code = found.exit_code(strict)
    if as_json:
        click.echo(json.dumps(verify_view.plain(found, system.system, code), indent=2))
    else:
        verify_view.show(found, str(supply.lock_place(system) if given is None else given), everything)
    return code


def _of_seal(seal: Any, demanded: bool, there: bool) -> list[Problem]:
    """What there is to say about the lock's own signature."""
    from momus.methods.provenance import Problem

    if not there:
        return []
    if seal is None:
        said = "the lock is not signed: whoever can change files can change it too"
        return [Problem("unsigned", "open" if demanded else "note", said)]
    if seal.state == "valid":
        return []
    return [Problem("bad_signature" if seal.state == "bad" else "unsigned", "bad" if seal.state == "bad" else "open",
                    f"the lock's signature: {seal.why}")]  # fmt: skip
