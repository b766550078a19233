"""`momus monitor`: watch a served model while real callers use it."""

from __future__ import annotations

from pathlib import Path

import click

from momus.cli import options


@click.command()
@options.card
@click.option("--once", is_flag=True, help="End at the end of the log instead of waiting for more.")
@click.option("--fresh", is_flag=True, help="Forget the state of earlier watches, and ask the model anew.")
@options.store
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder of the state.")
@click.option("--metrics", metavar="HOST:PORT", help="Offer metrics to Prometheus there; a port alone is local.")
@click.option("--seed", default=0, show_default=True, help="Every number follows from it.")
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses. Recorded in the run.")
@options.bar
@click.option("--quiet", is_flag=True, help="Alarms alone, and what goes wrong.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a window and a last one, a line each.")
def monitor(
    card: str,
    once: bool,
    fresh: bool,
    store: str | None,
    state: Path | None,
    metrics: str | None,
    seed: int,
    allow_unsafe: bool,
    bar: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Watch the events of a served model, in windows, for what the 17 failure modes look like in traffic.

    The card's monitor section says where events come from. Ctrl-C ends the watch in order; the next one goes on from
    there. What was seen is a run in the store: momus report and momus serve show it. Exit codes: 0 no alarm, 1 an alarm
    that reaches --bar or could not be rated, 2 usage or card, 3 a crash, 5 no window was full.

    \b
      momus monitor                       follow the log
      momus monitor --once                read what there is and end
      momus monitor --metrics 9464        http://127.0.0.1:9464/metrics
    """
    from momus.card import load_card
    from momus.cli import monitor_view as view
    from momus.cli.monitor_signals import stopping
    from momus.monitor.start import start, state_folder
    from momus.store import open_store

    system = load_card(card)
    folder = state_folder(system, state)
    if not quiet and not as_json:
        click.echo("reading the reference …", err=True)
    with open_store(store or system.base / ".momus" / "runs.sqlite") as kept:
        watching = start(
            system, kept, folder=folder, seed=seed, fresh=fresh, metrics=metrics, allow_unsafe=allow_unsafe,
            command=options.command_line(),
            shown=lambda writer: (view.Lines(writer, as_json=as_json, quiet=quiet),),
        )  # fmt: skip
        view.begin(watching, as_json=as_json, quiet=quiet)
        with stopping(watching.watch):
            watching.watch.run(once=once)
    code = view.exit_code(watching, bar)
    view.end(watching, as_json=as_json, quiet=quiet, code=code)
    return code
