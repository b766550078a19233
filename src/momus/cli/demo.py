"""`momus demo`: a whole assessment, offline, before any card exists."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("folder", default="momus-demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--open/--no-open", "open_", default=False, help="Open the report in a browser.")
def demo(folder: Path, open_: bool) -> int:
    """Write a small real system into FOLDER (model, data, card), assess it, and write report.html beside them."""
    from momus.assess import assess
    from momus.reports import terminal
    from momus.reports.progress import Progress
    from momus.zoo.demo import write

    if (folder / "momus.yaml").exists():
        click.echo(f"using the system that is already in {folder}/")
        card = folder / "momus.yaml"
    else:
        card = write(folder)
    watcher = Progress()
    done = assess(card, watcher=watcher, command=f"momus assess {card}")
    watcher.stop()
    terminal.render(done.view(), sys.stdout)
    page = done.report(folder / "report.html")
    click.echo(f"\nReport: {page}\nThe card: {card}. Change a fact or a limit and run: momus assess {card}")
    if open_:
        click.launch(str(page))
    return 0
