"""`momus lock`: record digest, format, scan verdict, source, licence and signature of every file of a system."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from momus.cli import options


@click.command("lock")
@options.card
@click.option("--update", "only", multiple=True, metavar="PATH", help="Lock only this file or folder anew; repeatable.")
@click.option("--accept", is_flag=True, help="Write the lock although files changed since the last one.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the lock would change.")
@click.option("--sign", "key", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="KEY.pem",
              help="Sign the lock, the models, tokenizers and extractors with this private key.")  # fmt: skip
@click.option("--bom", type=click.Choice(["cyclonedx", "spdx"]), help="Write a bill of materials to -o instead.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File of the bill of materials.")
def lock(
    card: str, only: tuple[str, ...], accept: bool, check: bool, key: Path | None, bom: str | None, output: Path | None
) -> int:
    """Write momus.lock beside the card: what every model, data set, tokenizer and code file is right now.

    Commit it. `momus verify` holds the files against it. A file whose digest changed is shown, and only locked with
    --accept or --update PATH. Exit code 0: written, or nothing to write. 1: refused, or --check found a difference.
    """
    from momus.assess import supply
    from momus.card import load_card
    from momus.cli import lock_bill, lock_steps
    from momus.core.errors import DataError
    from momus.methods import provenance
    from momus.methods.provenance import locking

    if (bom is None) != (output is None):
        raise click.UsageError("--bom and -o go together: momus lock --bom cyclonedx -o bom.json")
    system = load_card(card)
    items, (old, _) = supply.items_of(system), supply.read_lock(system) if not accept else lock_steps.forgiving(system)
    view = provenance.look(system.base, items, supply.keys_of(system), scan=True)
    known = {s.path for s in view.files} | {f.path for f in (old.files if old else ())}
    for path in only:
        if not any(k == os.path.normpath(path) or k.startswith(os.path.normpath(path) + "/") for k in known):
            raise DataError("the card names no such file", code="lock/unknown", place=path)
    step = locking.step(view, old, system.system, supply.today(), only)
    if bom is not None and output is not None:
        return lock_bill.bill(system, step, bom, output)
    lock_steps.tell(step, old is None)
    if check:
        same = step.same and old is not None
        click.echo("the lock is up to date" if same else "the lock would change")
        return 0 if same and not step.left else 1
    if lock_steps.refused(step, accept or bool(only)):
        return 1
    if key is not None:
        lock_steps.sign_files(system, items, key)
        view = provenance.look(system.base, items, supply.keys_of(system), scan=True)
        signed = locking.step(view, step.lock, system.system, supply.today(), only)
        if lock_steps.refused(signed, False):  # a file was swapped while it was being signed
            return 1
        step = replace(step, lock=signed.lock, left=signed.left, changed=step.changed + signed.changed)
    return lock_steps.write(system, view, step, old is None, key)
