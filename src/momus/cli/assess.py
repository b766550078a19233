"""`momus assess`: measure, judge and report."""

from __future__ import annotations

from dataclasses import fields
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
    default="threading",
    show_default=True,
    metavar="NAME",
    help="Where jobs run: sequential, threading, loky, dask, ray; or a cluster's address, ray://HOST:PORT or "
    "dask://HOST:PORT (tcp://, tls://). No number depends on it.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Jobs at a time. Default: one a core.")
@click.option(
    "--address",
    default="",
    help="Address of a cluster, where --backend is the mere word dask or ray: HOST:PORT, or auto for Ray.",
)
@options.minutes
@click.option("--fresh", is_flag=True, help="Measure again what the store already holds.")
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses. Recorded in the run.")
@options.outputs
@options.bar
@options.strict
@options.baselines
@options.store
@options.as_json
def assess(card: str, store: str | None, **settings: Any) -> int:
    """Measure a system against the 17 failure modes, judge what was measured, and report all 17 rows.

    CARD is a momus.yaml; `momus init` writes a first one. Run the same command again after an interruption: what is
    measured is not measured twice. Exit codes: 0 within the bar, 1 a rating reaches --bar, 2 usage or card, 3 a crash,
    4 untested or inconclusive under --strict, 5 nothing ran, 130 interrupted. With --baseline only what is new or worse
    counts for 1 and 3.
    """
    from momus.assess import assess as run
    from momus.card import load_card
    from momus.cli.ending import Wish, deliver
    from momus.cli.screen import Screen

    wish = Wish(**{field.name: settings.pop(field.name) for field in fields(Wish)})
    system = load_card(card)
    wish.check(system.system)
    with Screen(live=False if wish.as_json else None) as screen:
        done = run(system, store=store, watcher=screen, command=options.command_line(), **settings)
    return deliver(done, wish)
