"""`momus plan`: what would be measured, and what would not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from momus.cli import options


@click.command()
@options.card
@click.option("--only", multiple=True, metavar="PROBE", help="Only these probes or modes; repeatable.")
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses.")
@options.as_json
def plan(card: str, only: tuple[str, ...], allow_unsafe: bool, as_json: bool) -> int:
    """Open the targets in confined workers and say which probes would run, which would not, and how to close the gaps.

    Warns where a probe cannot pass with the samples there are.
    """
    from momus.assess import Settings, plan_system
    from momus.card import load_card

    system = load_card(card)
    made, inspections = plan_system(system, Settings(only=only, allow_unsafe=allow_unsafe))
    if as_json:
        jobs = [asdict(j) for j in made.jobs]
        gaps = [g.model_dump(mode="json") for g in made.gaps]
        click.echo(json.dumps({"system": system.system, "jobs": jobs, "gaps": gaps}, indent=2, default=str))
        return 0
    _show(system, made, inspections)
    return 0 if made.jobs else 5


def _show(system: Any, made: Any, inspections: Any) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for seen in inspections.values():
        if seen.failure is not None:
            console.print(f"[bold]{escape(seen.target)}[/bold] could not be opened: {escape(seen.failure['message'])}")
            continue
        info = seen.info
        sets = ", ".join(f"{r} {d['n']}" for r, d in seen.data.items() if "n" in d)
        kind = f"{info['task']} via {info['adapter']}, {info['modality']}"
        console.print(f"[bold]{escape(info['name'])}[/bold]  {kind}; {escape(sets)}")
    runs = Table(title=f"{len(made.jobs)} measurements", title_justify="left", box=None, pad_edge=False)
    for column in ("probe", "target", "data", "options"):
        runs.add_column(column)
    for job in made.jobs:
        given = ", ".join(f"{k}={v}" for k, v in job.options.items())
        runs.add_row(job.probe, escape(job.target), ", ".join(job.roles), escape(given))
    console.print(runs)
    holes = Table(title=f"{len(made.gaps)} gaps", title_justify="left", box=None, pad_edge=False)
    for column in ("mode", "probe", "not tested because", "to close it"):
        holes.add_column(column)
    for g in made.gaps:
        holes.add_row(g.mode, g.probe, escape(g.detail), escape(g.how_to_close))
    console.print(holes)
