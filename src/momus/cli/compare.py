"""`momus compare [A] [B]`: what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.store import Store


@click.command()
@click.argument("a", required=False)
@click.argument("b", default="latest")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="FILE.html, .json, .md or .txt.")
@options.stored
@options.as_json
def compare(a: str | None, b: str, output: Path | None, store: str | None, as_json: bool) -> int:
    """Hold run B against run A: verdicts that changed, numbers that moved beyond their intervals, new and lost tests.

    A and B are ids or their beginnings. B is the latest run and A the one before it of the same system, where they are
    left out. Exit code 1 when a mode got worse.
    """
    from momus.assess import compare as hold
    from momus.assess import recall
    from momus.reports import compare as page
    from momus.reports import json_

    if output is not None:
        options.check_outputs((output,))
    with options.existing_store(store) as opened:
        change = hold(recall(opened, a or _before(opened, b)), recall(opened, b))
    with options.printing():
        if as_json:
            json_.render(change, sys.stdout)
        else:
            page.render_terminal(change, sys.stdout)
    if output is not None:
        written = options.write_report(lambda path: Path(page.write(change, path)), output)
        click.echo(f"Comparison: {written}", err=True)
    return 1 if change.worse else 0


def _before(store: Store, b: str) -> str:
    """Id of the newest run of the same system before ``b``."""
    from momus.core.errors import NotFound

    late = store.run(b)
    earlier = [r for r in store.runs() if r.system == late.system and r.created < late.created]
    if not earlier:
        hint = "Assess it again, or name two runs; see: momus list runs"
        raise NotFound(f"there is no run of {late.system} before {late.id}", place=store.name, hint=hint)
    return earlier[0].id
