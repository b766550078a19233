"""`momus threats`: which of the 17 modes apply to a system, by which rule, and through whom."""

from __future__ import annotations

from typing import Any

import click

from momus.cli import options


@click.command()
@options.card
@click.option("--mode", "only", multiple=True, metavar="MODE", help="Details of one mode; repeatable.")
@click.option("-v", "--verbose", is_flag=True, help="Details of every mode.")
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Write the data-flow picture.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE.md", help="Write all of it as a document."
)
@click.option("--answers", is_flag=True, help="With the answers that were given to its questions in `momus serve`.")
@click.option("--write-card", is_flag=True, help="Write those answers into the card; comments and layout stay.")
@options.store
@options.as_json
def threats(
    card: str, only: tuple[str, ...], verbose: bool, svg: str | None, output: str | None, as_json: bool, **given: Any
) -> int:
    """Say for each of the 17 modes whether it applies here, by which rule, who the attacker is, how severe it would be.

    Reads facts alone: nothing is loaded or measured. What the card leaves open stays undetermined.
    """
    from momus.cli.threats_answers import of_card, written
    from momus.taxonomy import load

    session = of_card(card, **given)
    chosen = [load().mode(name).slug for name in only]
    model = session.model
    if svg:
        written(svg, session.picture, "--svg", "picture")
    if output:
        from momus.assess.session_text import document
        from momus.core.decisions import now

        written(output, document(session, now().date()), "--output", "document")
    if as_json:
        click.echo(model.model_dump_json(indent=2))
        return 0
    _show(model, chosen or (list(model.modes) if verbose else []), details_only=bool(chosen))
    return 0


def _show(model: Any, details: list[str], *, details_only: bool) -> None:
    from rich.console import Console

    from momus.threats import show

    console = Console(highlight=False)
    flat = not console.is_terminal  # a line stays one line for grep and diff
    if not details_only:
        console.print(f"[bold]{show.plain(model.system)}[/bold]  {show.summary_markup(model)}\n", soft_wrap=flat)
        for threat in model.modes.values():
            console.print(show.line_markup(threat, 10_000 if flat else console.width), soft_wrap=True)
    for slug in details:
        console.print(f"\n{show.detail_head(model.modes[slug])}", soft_wrap=flat)
        _details(console, show.detail_rows(model.modes[slug]), flat)
    for line in [] if details_only else ["", *show.tail_markup(model)]:
        console.print(line, soft_wrap=flat)


def _details(console: Any, rows: list[tuple[str, str]], flat: bool) -> None:
    """Labels in one column and text that wraps in the next; plain lines where nobody reads them on a screen."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=10, style="dim", justify="right")
    grid.add_column(ratio=1)
    for label, text in rows:
        if flat:
            console.print(f"  {label:<9} {text}", soft_wrap=True)
        grid.add_row(label, text)
    if not flat:
        console.print(grid)
