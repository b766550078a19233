"""`momus report`: render or re-judge a stored run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from momus.cli import options


@click.command()
@click.argument("run", default="latest")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="FILE.html, .json or .md; repeatable.",
)
@click.option(
    "--card", "card_path", type=click.Path(dir_okay=False), help="Judge under this card's facts, limits and waivers."
)
@options.limit
@options.bar
@options.strict
@options.store
@options.as_json
def report(
    run: str,
    outputs: tuple[Path, ...],
    card_path: str | None,
    limits: tuple[str, ...],
    bar: str,
    strict: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Show a stored run again, or judge it under other limits. RUN is an id, its beginning, or `latest`.

    Nothing is measured and the model is not touched.
    """
    from momus.assess import recall
    from momus.card import load_card
    from momus.reports import json_, terminal
    from momus.store import open_store

    card = load_card(card_path) if card_path else None
    with open_store(store) as opened:
        done = recall(opened, run, limits=options.read_limits(limits), card=card)
    if as_json:
        json_.render(done.view(), sys.stdout)
    elif not outputs:
        terminal.render(done.view(), sys.stdout)
    for path in outputs:
        click.echo(f"Report: {done.report(path)}", err=as_json)
    return options.exit_code(done, bar, strict)
