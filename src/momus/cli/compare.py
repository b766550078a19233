"""`momus compare A B`: what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from momus.cli import options


@click.command()
@click.argument("a")
@click.argument("b", default="latest")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="FILE.html or .md.")
@options.store
@options.as_json
def compare(a: str, b: str, output: Path | None, store: str | None, as_json: bool) -> int:
    """Hold run B against run A: verdicts that changed, numbers that moved beyond their intervals, new and lost tests.

    Exit code 1 when a mode got worse.
    """
    from momus.assess import compare as hold
    from momus.assess import recall
    from momus.reports import compare as page
    from momus.store import open_store

    with open_store(store) as opened:
        change = hold(recall(opened, a), recall(opened, b))
    if as_json:
        click.echo(change.model_dump_json(indent=2))
    else:
        page.render_terminal(change, sys.stdout)
    if output is not None:
        click.echo(f"Comparison: {page.write(change, output)}", err=as_json)
    return 1 if change.worse else 0
