"""`momus reproduce`: an example against its published or recorded numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.assess.reproduce import Reproduction


@click.command()
@click.argument("name")
@click.option("--only", multiple=True, metavar="PROBE", help="Only the expectations of these probes; repeatable.")
@click.option("--stored", is_flag=True, help="Take numbers that the store already holds instead of measuring again.")
@options.store
@options.as_json
def reproduce(name: str, only: tuple[str, ...], stored: bool, store: str | None, as_json: bool) -> int:
    """Run an example and hold every number against its expected.toml, the paper's number beside ours.

    NAME is a folder under examples/, or a path to one. Exit code 0 when all hold, 1 when one does not.
    """
    from momus.assess.reproduce import reproduce as run
    from momus.cli.screen import Screen

    with Screen(live=False if as_json else None) as screen:
        results, assessments = run(name, watcher=screen, only=only, fresh=not stored, store=store)
    with options.printing():
        if as_json:
            click.echo("[" + ",\n".join(r.model_dump_json() for r in results) + "]")
        else:
            _show(results)
    for warning in {w for a in assessments for w in a.warnings}:
        click.echo(warning, err=True)
    return 0 if all(r.holds for r in results) else 1


def _show(results: Sequence[Reproduction]) -> None:
    from momus.cli.screen import table

    table([_row(r) for r in results], whole=("", "probe"))
    bad = sum(not r.holds for r in results)
    click.echo(f"{len(results) - bad} of {len(results)} numbers hold" + ("" if not bad else f", {bad} do not"))


def _row(r: Reproduction) -> dict[str, str]:
    e = r.expectation
    got = r.why if r.got is None else f"{r.got:.4g}" + (f" [{r.ci.low:.3g}, {r.ci.high:.3g}]" if r.ci else "")
    paper = "-" if e.paper is None else str(e.paper)
    return {
        "": "holds" if r.holds else "OFF",
        "probe": e.probe,
        "figure": e.figure,
        "expected": e.wanted,
        "measured": got,
        "paper": paper,
        "source": e.source,
    }
