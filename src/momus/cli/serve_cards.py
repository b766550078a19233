"""Cards that a server is started with: read once, as data, and the store that keeps what is answered about them."""

from __future__ import annotations

from pathlib import Path

from momus.assess.session import session_of_text
from momus.card.read import card_file, card_text
from momus.cli import options
from momus.core.errors import NotFound
from momus.store import Store, open_store


def read(paths: tuple[Path, ...]) -> dict[str, tuple[str, str]]:
    """Text and path of each card by its system's address. They are data: no file they name is opened."""
    found: dict[str, tuple[str, str]] = {}
    for file in map(card_file, paths):
        text = card_text(file)
        found[session_of_text(text, path=str(file)).system] = (text, str(file))
    return found


def store_for(where: str | None, cards: tuple[Path, ...]) -> Store:
    """The store that is there. Beside a card one is made where there is none: its answers must be kept somewhere."""
    first = card_file(cards[0]) if cards else None
    try:
        return options.existing_store(where, str(first) if first else None)
    except NotFound:
        if first is None:
            raise
        return open_store(where or first.parent / ".momus" / "runs.sqlite")
