"""`momus report`: render or re-judge a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
@options.baselines
@options.stored
@options.as_json
def report(
    run: str, card_path: str | None, folder: Path | None, limits: tuple[str, ...], store: str | None, **wishes: Any
) -> int:
    """Show a stored run again, or judge it under other limits. RUN is an id, its beginning, or `latest`.

    Nothing is measured and the model is not touched. With -o or --write-baseline it goes to files alone. The store is
    looked for beside --card where that is given. Exit codes are those of `momus assess`.
    """
    from momus.assess import recall
    from momus.card import load_card
    from momus.cli.ending import Wish, deliver
    from momus.reports import attachments

    wish = Wish(**wishes)
    marks = options.read_limits(limits)
    card = load_card(card_path) if card_path else None
    with options.existing_store(store, card_path) as opened:
        done = recall(opened, run, limits=marks, card=card)
    wish.check(done.run.system)
    code = deliver(done, wish, show=not wish.outputs and wish.write_baseline is None)
    if folder is not None:
        written = attachments.save(done.view(), folder)
        for file in written:
            click.echo(f"Attachment: {file}", err=True)
        if not written:
            click.echo("This run has no attachments.", err=True)
    return code
