"""What `momus check` prints of a card and of its data."""

from __future__ import annotations

from typing import Any

import click


def show_set(role: str, found: Any) -> None:
    click.echo("")
    if isinstance(found, str):
        click.echo(f"{role}: {_line(found)}")
        return
    click.echo(_line(found.title))
    rows = [found.columns, *found.rows]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(found.columns))]
    for row in rows:
        cells = (_line(str(cell)).ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"  {'  '.join(cells).rstrip()}")
    if found.note:
        click.echo(_line(f"  {found.note}"))


def show(done: Any, model: Any) -> None:
    card = done.card
    state = "is right" if done.ok else f"has {len(done.problems)} problem{'s' * (len(done.problems) > 1)}"
    click.echo(f"{click.style(_line(card.system), bold=True)}  the card {state}")
    for target in card.targets:
        classes = f", {len(target.classes)} classes" if target.classes else ""
        click.echo(f"  target  {_line(target.name)}: {target.task} via {target.adapter}{classes}")
    for file in {f.text: f for f in done.files}.values():
        size = "missing" if not file.exists else "folder" if file.size is None else _size(file.size)
        click.echo(f"  file    {_line(file.text)}  {click.style(size, fg=None if file.exists else 'red')}")
    click.echo(f"  facts   {model.facts_known} known, {model.facts_unknown} unknown")
    for problem in (*done.problems, *done.notes):
        click.echo(_line(str(problem)))
    open_ = [(q, modes) for q, modes in model.questions if q.settles]
    if open_:
        click.echo(f"\n{len(open_)} open questions would settle verdicts; these settle most:")
        for question, modes in open_[:6]:
            touched = ", ".join(modes) if len(modes) <= 2 else f"{len(modes)} modes"
            click.echo(f"  {question.id:<24} {question.text}  ({touched})")
    click.echo(f"\nNext: momus {'threats' if done.ok else 'check'} {card.path}")


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _size(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size //= 1000
    return f"{size} GB"
