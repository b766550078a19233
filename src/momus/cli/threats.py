"""`momus threats`: which of the 17 modes apply to a system, by which rule, and through whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from momus.cli import options


@click.command()
@options.card
@click.option("--mode", "only", multiple=True, metavar="MODE", help="Details of one mode; repeatable.")
@click.option("-v", "--verbose", is_flag=True, help="Details of every mode.")
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Write the data-flow picture.")
@options.as_json
def threats(card: str, only: tuple[str, ...], verbose: bool, svg: str | None, as_json: bool) -> int:
    """Say for each of the 17 modes whether it applies here, by which rule, who the attacker is, how severe it would be.

    Reads facts alone: nothing is loaded or measured. What the card leaves open stays undetermined.
    """
    from momus.card import load_card
    from momus.taxonomy import load
    from momus.threats import picture
    from momus.threats import threats as decide

    system = load_card(card)
    chosen = [load().mode(name).slug for name in only]
    model = decide(system)
    if svg:
        Path(svg).write_text(picture(system, model), encoding="utf-8")
        click.echo(f"picture: {svg}", err=True)
    if as_json:
        click.echo(model.model_dump_json(indent=2))
        return 0
    _show(model, chosen or (list(model.modes) if verbose else []), details_only=bool(chosen))
    return 0


def _show(model: Any, details: list[str], *, details_only: bool) -> None:
    from rich.console import Console

    from momus.threats import show

    console = Console(highlight=False)
    if not details_only:
        console.print(f"[bold]{show.plain(model.system)}[/bold]  {show.summary_markup(model)}\n")
        _rows(console, model)
    for slug in details:
        console.print(f"\n{show.detail_markup(model.modes[slug])}", soft_wrap=not console.is_terminal)
    if details_only:
        return
    for chain in model.chains:
        arrow = " → " if chain.kind == "leads" else " hides "
        ends = arrow.join(chain.modes) if len(chain.modes) > 1 else f"{chain.modes[0]} hides all"
        console.print(f"[dim]{'chain' if chain.kind == 'leads' else 'mask '}  {ends}: {chain.says}[/dim]")
    asked = [(q, modes) for q, modes in model.questions if q.settles][:3]
    for question, modes in asked:
        console.print(f"ask    {question.id}: {question.text}  [dim]({len(modes)} modes)[/dim]")


def _rows(console: Any, model: Any) -> None:
    from momus.threats import show

    wide = max(40, console.width) if console.is_terminal else 10_000
    for threat in model.modes.values():
        head = show.row_markup(threat)
        rest = f"{show.rules_words(threat):<12} {threat.reason}"
        room = wide - show.ROW_WIDTH - 1
        text = rest if len(rest) <= room else f"{rest[: room - 1]}…"
        console.print(head + f"[dim]{show.plain(text)}[/dim]", soft_wrap=True)
