"""`momus check`: is the card right, are its files there, what does it leave open."""

from __future__ import annotations

import json

import click

from momus.cli import options
from momus.cli.check_data import read_sets
from momus.cli.check_view import show, show_set


@click.command()
@click.argument("cards", metavar="[CARD]...", nargs=-1, type=click.Path(dir_okay=False))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a card, for editors.")
@click.option("--data", is_flag=True, help="Read the data files too, and show what each column was taken for.")
@options.as_json
def check(cards: tuple[str, ...], schema: bool, data: bool, as_json: bool) -> int:
    """Validate a card, or several. Loads no model and runs no code; opens data files only with --data.

    CARD is momus.yaml where none is named. Exit code 2 when something must be corrected before an assessment.
    """
    if schema:
        from momus.card.json_schema import card_schema

        click.echo(json.dumps(card_schema(), indent=2))
        return 0
    if len(cards) < 2:
        return _check(cards[0] if cards else "momus.yaml", data, as_json)
    return max(_each(card, data, as_json) for card in cards)


def _each(card: str, data: bool, as_json: bool) -> int:
    """One card of several: what is wrong with it does not keep the next from being read."""
    from momus.cli.main import lines_of
    from momus.core.errors import CardError

    try:
        return _check(card, data, as_json)
    except CardError as error:
        click.echo(lines_of(error), err=True)
        return 2


def _check(card: str, data: bool, as_json: bool) -> int:
    from momus.card import load_card
    from momus.card.inspect import check_card
    from momus.threats import threats

    done = check_card(load_card(card))
    model = threats(done.card)
    sets = read_sets(done.card) if data else {}
    fine = done.ok and not any(isinstance(found, str) for found in sets.values())
    if as_json:
        asked = [{**q.model_dump(mode="json"), "modes": modes} for q, modes in model.questions]
        shown = {r: {"error": f} if isinstance(f, str) else f.model_dump(mode="json") for r, f in sets.items()}
        click.echo(json.dumps({**done.plain(), "questions": asked, **({"columns": shown} if data else {})}, indent=2))
        return 0 if fine else 2
    show(done, model)
    for role, found in sets.items():
        show_set(role, found)
    return 0 if fine else 2
