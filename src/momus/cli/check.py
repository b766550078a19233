"""`momus check`: is the card right, are its files there, what does it leave open."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from momus.cli import options
from momus.cli.check_view import show, show_set


@click.command()
@options.card
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a card, for editors.")
@click.option("--data", is_flag=True, help="Read the data files too, and show what each column was taken for.")
@options.as_json
def check(card: str, schema: bool, data: bool, as_json: bool) -> int:
    """Validate a card. Loads no model and runs no code; opens data files only with --data.

    Exit code 2 when something must be corrected before an assessment.
    """
    if schema:
        from momus.card.json_schema import card_schema

        click.echo(json.dumps(card_schema(), indent=2))
        return 0
    from momus.card import load_card
    from momus.card.inspect import check_card
    from momus.threats import threats

    done = check_card(load_card(card))
    model = threats(done.card)
    sets = _read(done.card) if data else {}
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


def _read(card: Any) -> dict[str, Any]:
    """By role what the data file was taken for (a Table), or its error in one line. A loader's code is not run."""
    from momus.core.errors import MomusError
    from momus.data import describe, read_data

    found: dict[str, Any] = {}
    first = card.targets[0] if card.targets else None
    for role, section in card.data.items():
        if section.loader:
            continue
        siblings = [s for name, s in card.data.items() if name != role and not s.loader]
        task = first.task if first and first.task in ("classifier", "regressor", "generator") else None
        try:
            samples = read_data(
                section,
                card.base,
                classes=first.classes if first else (),
                task=task,
                size=first.input.size if first else None,
                rate=first.input.rate if first else None,
                missing=first.input.missing if first else False,
                siblings=siblings,
                name=role,
            )
            found[role] = describe(samples)
        except MomusError as error:
            found[role] = str(_placed(error, card, role))
    return found


def _placed(error: Any, card: Any, role: str) -> Any:
    """The error with file, line and column of the rule it speaks of; any other error as it is."""
    from momus.core.errors import DataError

    at = re.fullmatch(rf"data\.{re.escape(role)}\.rules\[(\d+)\]", error.place)
    if at is None:
        return error
    section = card.stored()["data"].get(role)
    own = ("data", role) if isinstance(section, dict) and "rules" in section else ("data",)
    return DataError(error.message, code=error.code, place=card.place(*own, "rules", int(at[1])), hint=error.hint)
