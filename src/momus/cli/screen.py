"""What the verbs print beside the report: tables that stay readable at any width, and the progress of a run."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Self

import click

from momus.reports.progress import Progress
from momus.reports.text import clean


class Screen(Progress):
    """Progress of a run that also tells warnings. A context manager: the cursor comes back however the run ends."""

    def __enter__(self) -> Self:
        if self.live:  # opening a large model takes seconds, and the jobs are known only afterwards
            click.secho("opening the targets in workers of their own …", dim=True, err=True)
        return self

    def warn(self, text: str) -> None:
        """A line to read before the jobs begin."""
        click.secho(f"warning: {clean(text, 400)}", fg="yellow", err=True)


def table(
    rows: Sequence[Mapping[str, Any]], *, whole: Sequence[str] = (), least: Mapping[str, int] | None = None
) -> None:
    """Print rows under their keys.

    On a terminal they fit its width: columns named in ``whole`` are never wrapped, those in ``least`` keep so many
    letters. In a pipe a row stays one line, so that grep, cut and diff work.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    flat = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, emoji=False, markup=False, width=10_000 if flat else None)
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in rows[0] if rows else ():
        grid.add_column(column, no_wrap=flat or column in whole, overflow="fold", min_width=(least or {}).get(column))
    for row in rows:
        grid.add_row(*(Text(clean(str(v), 2000)) for v in row.values()))
    with console.capture() as caught:
        console.print(grid)
    for line in caught.get().rstrip("\n").split("\n"):
        click.echo(line.rstrip())


def tell(who: str, text: str) -> None:
    """A name and what is said of it: wrapped under a hanging indent on a terminal, one line in a pipe."""
    line = f"  {clean(who)}: {clean(text)}"
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        columns = shutil.get_terminal_size().columns
        line = textwrap.fill(line, max(40, columns), subsequent_indent=" " * 6, break_on_hyphens=False)
    click.echo(line)
