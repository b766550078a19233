"""`momus assess`: measure, judge and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from momus.cli import options


@click.command()
@options.card
@click.option("--only", multiple=True, metavar="PROBE", help="Only these probes or modes (membership.*); repeatable.")
@click.option("--seed", default=0, show_default=True, help="Run seed; every number follows from it.")
@click.option("--seconds", type=float, help="Time budget of each probe; it returns its best so far.")
@click.option("--queries", type=int, help="Query budget of each probe, in model rows.")
@click.option("--memory", "memory_mb", type=int, help="Memory of each worker, in MB.")
@click.option("--backend", default="threading", show_default=True, help="sequential, threading, loky, dask or ray.")
@click.option("--workers", type=int, help="Jobs at a time. Default: one a core.")
@click.option("--address", default="", help="Address of a running Dask scheduler or Ray cluster.")
@click.option("--fresh", is_flag=True, help="Measure again what the store already holds.")
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses. Recorded in the run.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Write a report: FILE.html, .json or .md; repeatable.",
)
@options.bar
@options.strict
@options.store
@options.as_json
def assess(
    card: str,
    outputs: tuple[Path, ...],
    bar: str,
    strict: bool,
    store: str | None,
    as_json: bool,
    only: tuple[str, ...],
    **settings: Any,
) -> int:
    """Measure a system against the 17 failure modes, judge what was measured, and report all 17 rows.

    CARD is a momus.yaml; `momus init` writes a first one. Run the same command again after an interruption: what is
    measured is not measured twice. Exit codes: 0 within the bar, 1 a rating reaches --bar, 2 usage or card, 3 a crash,
    4 untested or inconclusive under --strict, 5 nothing ran.
    """
    from momus.assess import assess as run
    from momus.reports import json_, terminal
    from momus.reports.progress import Progress

    watcher = None if as_json else Progress()
    command = "momus " + " ".join(a for a in sys.argv[1:])
    done = run(card, store=store, watcher=watcher, only=only, command=command, **settings)
    view = done.view()
    if as_json:
        json_.render(view, sys.stdout)
    else:
        if watcher is not None:
            watcher.stop()
        terminal.render(view, sys.stdout)
    for warning in done.warnings:
        click.echo(warning, err=True)
    for path in outputs:
        click.echo(f"Report: {done.report(path)}", err=as_json)
    return options.exit_code(done, bar, strict)
