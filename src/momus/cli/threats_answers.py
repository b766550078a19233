"""A card with the answers that a store holds about it, for `momus threats`."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path

import click

from momus.assess.session import Session
from momus.card import load_card
from momus.card.read import card_file, card_text
from momus.cli import options
from momus.core.decisions import now, system_id
from momus.reports.text import opened


def of_card(card: str, *, answers: bool, write_card: bool, store: str | None) -> Session:
    """The session of a card: with the store's answers where they are asked for, which may then go into its file."""
    system = load_card(card)
    if not answers and not write_card:
        return Session(system)
    file = card_file(card)
    with options.existing_store(store, str(file)) as kept:
        mine = system_id(system.system)
        session = Session(system, kept.answers(mine), kept.waivers(mine))
    if write_card:
        before, after = card_text(file), session.text(session.accepted(now().date()))
        if after != before:
            mark = "\ufeff" if file.read_bytes().startswith(BOM_UTF8) else ""
            written(str(file), mark + after, "CARD", "card")
        else:
            click.echo(f"card: {file} says all of it already", err=True)
    return session


def written(path: str, text: str, option: str, what: str) -> None:
    """A file written whole or not at all, its line ends as they are; a usage error where it cannot be."""
    if not Path(path).absolute().parent.is_dir():
        raise click.BadParameter(f"{path} cannot be written: there is no such folder", param_hint=option)
    try:
        with opened(Path(path)) as stream:
            stream.write(text)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint=option) from None
    click.echo(f"{what}: {path}", err=True)
