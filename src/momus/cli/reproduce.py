"""`momus reproduce`: an example against its published or recorded numbers."""

from __future__ import annotations

import sys
from typing import Any

import click

from momus.cli import options


@click.command()
@click.argument("name")
@click.option("--only", multiple=True, metavar="PROBE", help="Only these probes; repeatable.")
@click.option("--fresh", is_flag=True, help="Measure again what the store already holds.")
@options.store
@options.as_json
def reproduce(name: str, only: tuple[str, ...], fresh: bool, store: str | None, as_json: bool) -> int:
    """Run an example and hold every number against its expected.toml, the paper's number beside ours.

    NAME is a folder under examples/, or a path to one. Exit code 0 when all hold, 1 when one does not.
    """
    from momus.assess.reproduce import reproduce as run
    from momus.reports.progress import Progress

    watcher = None if as_json else Progress()
    results, assessments = run(name, watcher=watcher, only=only, fresh=fresh, store=store)
    if watcher is not None:
        watcher.stop()
    if as_json:
        click.echo("[" + ",\n".join(r.model_dump_json() for r in results) + "]")
    else:
        _show(results)
    for warning in {w for a in assessments for w in a.warnings}:
        click.echo(warning, err=True)
    return 0 if all(r.holds for r in results) else 1


def _show(results: Any) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "probe", "figure", "expected", "measured", "paper", "source"):
        table.add_column(column, overflow="fold")
    for r in results:
        e = r.expectation
        got = r.why if r.got is None else f"{r.got:.4g}" + (f" [{r.ci.low:.3g}, {r.ci.high:.3g}]" if r.ci else "")
        mark = "[green]holds[/green]" if r.holds else "[bold red]off[/bold red]"
        paper = "-" if e.paper is None else str(e.paper)
        table.add_row(mark, e.probe, e.figure, e.wanted, escape(got), escape(paper), escape(e.source))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
    bad = sum(not r.holds for r in results)
    click.echo(f"{len(results) - bad} of {len(results)} numbers hold" + ("" if not bad else f", {bad} do not"))
