"""`momus demo`: a whole assessment, offline, before any card exists."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from momus.cli import options


@click.command()
@click.argument("folder", default="momus-demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--open/--no-open", "open_", default=False, help="Open the report in a browser.")
def demo(folder: Path, open_: bool) -> int:
    """Write a small real system into FOLDER (model, data, card), assess it, and write report.html beside them.

    The system reads handwritten digits. Some modes fail, some pass, some stay open. Takes about half a minute.
    """
    from momus.assess import assess
    from momus.cli.screen import Screen
    from momus.core.errors import MomusError
    from momus.reports import terminal
    from momus.zoo.demo import write

    card = folder / "momus.yaml"
    if card.exists():
        click.echo(f"using the system that is already in {folder}/", err=True)
    else:
        click.echo(f"writing a model, its data and its card into {folder}/", err=True)
        try:
            write(folder)
        except OSError as error:
            message = f"the demo cannot be written: {error.strerror or error}"
            hint = "Name another folder: momus demo FOLDER"
            raise MomusError(message, code="demo/unwritable", place=str(folder), hint=hint) from error
    with Screen() as screen:
        done = assess(card, watcher=screen, command=f"momus assess {card}")
    with options.printing():
        terminal.render(done.view(), sys.stdout)
    for warning in done.warnings:
        click.echo(warning, err=True)
    page = options.write_report(done.report, folder / "report.html")
    with options.printing():
        click.echo(f"\nThe report is {page}, the card {card}. Change a fact or a limit on it, then:")
        click.echo(f"  momus assess {card}        # measures only what changed")
        click.echo(f"  momus threats {card}       # why each mode applies, and through whom")
        click.echo("  momus explain M04          # what a row means")
    if open_:
        click.launch(str(page))
    return 0 if done.findings else 3
