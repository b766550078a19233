"""`momus assess`: measure, judge and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from momus.cli import options


@click.command()
@options.card
@options.only
@click.option("--seed", default=0, show_default=True, help="Run seed; every number follows from it.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Time budget of each probe; it returns its best so far.",
)
@click.option("--queries", type=click.IntRange(min=1), help="Query budget of each probe, in model rows.")
@click.option("--memory", "memory_mb", type=click.IntRange(min=1), help="Memory of each worker, in MB.")
@click.option(
    "--backend",
    type=click.Choice(["sequential", "threading", "loky", "dask", "ray"]),
    default="threading",
    show_default=True,
    help="Where jobs run; no number depends on it.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Jobs at a time. Default: one a core.")
@click.option("--address", default="", help="Address of a running Dask scheduler or Ray cluster.")
@click.option("--fresh", is_flag=True, help="Measure again what the store already holds.")
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses. Recorded in the run.")
@options.outputs
@options.bar
@options.strict
@options.store
@options.as_json
def assess(
    card: str, outputs: tuple[Path, ...], bar: str, strict: bool, store: str | None, as_json: bool, **settings: Any
) -> int:
    """Measure a system against the 17 failure modes, judge what was measured, and report all 17 rows.

    CARD is a momus.yaml; `momus init` writes a first one. Run the same command again after an interruption: what is
    measured is not measured twice. Exit codes: 0 within the bar, 1 a rating reaches --bar, 2 usage or card, 3 a crash,
    4 untested or inconclusive under --strict, 5 nothing ran, 130 interrupted.
    """
    from momus.assess import assess as run
    from momus.cli.screen import Screen
    from momus.reports import json_, terminal

    with Screen(live=False if as_json else None) as screen:
        done = run(card, store=store, watcher=screen, command=options.command_line(), **settings)
    with options.printing():
        if as_json:
            json_.render(done.view(), sys.stdout)
        else:
            terminal.render(done.view(), sys.stdout)
    for warning in done.warnings:
        click.echo(warning, err=True)
    for path in outputs:
        click.echo(f"Report: {options.write_report(done.report, path)}", err=True)
    return options.exit_code(done, bar, strict)
