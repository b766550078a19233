"""`momus report`: render or re-judge a stored run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from momus.cli import options


@click.command()
@click.argument("run", default="latest")
@options.outputs
@click.option(
    "--card", "card_path", type=click.Path(dir_okay=False), help="Judge under this card's facts, limits and waivers."
)
@click.option(
    "--attachments",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files that belong to the results (print sheets, sounds, textures) into this folder.",
)
@options.limit
@options.bar
@options.strict
@options.stored
@options.as_json
def report(
    run: str,
    outputs: tuple[Path, ...],
    card_path: str | None,
    folder: Path | None,
    limits: tuple[str, ...],
    bar: str,
    strict: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Show a stored run again, or judge it under other limits. RUN is an id, its beginning, or `latest`.

    Nothing is measured and the model is not touched. With -o the report goes to files alone. The store is looked for
    beside --card where that is given. Exit codes are those of `momus assess`.
    """
    from momus.assess import recall
    from momus.card import load_card
    from momus.reports import attachments, json_, terminal

    marks = options.read_limits(limits)
    card = load_card(card_path) if card_path else None
    with options.existing_store(store, card_path) as opened:
        done = recall(opened, run, limits=marks, card=card)
    with options.printing():
        if as_json:
            json_.render(done.view(), sys.stdout)
        elif not outputs:
            terminal.render(done.view(), sys.stdout)
    for path in outputs:
        click.echo(f"Report: {options.write_report(done.report, path)}", err=True)
    if folder is not None:
        written = attachments.save(done.view(), folder)
        for file in written:
            click.echo(f"Attachment: {file}", err=True)
        if not written:
            click.echo("This run has no attachments.", err=True)
    return options.exit_code(done, bar, strict)
