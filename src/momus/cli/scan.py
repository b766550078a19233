"""`momus scan`: look into model files without loading them. Exit codes: 0 clean, 1 something found, 2 not all read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.methods.artifacts import FileReport

_STYLE = {"bad": "red", "suspicious": "yellow", "unread": "magenta", "clean": "green"}


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--allow", multiple=True, metavar="NAME", help="A name you vouch for: pkg.Class or pkg.*; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Show every mark, and plain text files in folders.")
@options.as_json
def scan(paths: tuple[Path, ...], allow: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Look into model files, and into all files of folders, without loading them.

    Nothing is unpickled, imported or run. Exit code 0: all clean. 1: something bad or suspicious. 2: not all was read.
    """
    from momus.cli.plain import values
    from momus.core.errors import NotFound
    from momus.methods import artifacts

    for path in paths:
        if not path.exists():
            raise NotFound("this file does not exist", place=str(path))
    reports, texts = [], 0
    for path, named in _files(paths):
        report = artifacts.scan(path, allow=allow)
        if report.format in ("text", "empty") and not named and not everything:
            texts += 1  # a folder's readme and code; a file that is named is always shown
            continue
        reports.append(report)
        if not as_json:
            _show(report, everything)
    if as_json:
        plain = [{**values(r), "loadable": r.loadable, "remedy": r.remedy} for r in reports]
        click.echo(json.dumps(plain, indent=2))
    else:
        count = {v: sum(r.verdict == v for r in reports) for v in _STYLE}
        told = ", ".join(f"{n} {v}" for v, n in count.items() if n) or "no model file"
        click.echo(told + (f"; {texts} text files left alone (--all shows them)" if texts else ""))
    verdicts = {r.verdict for r in reports}
    return 1 if verdicts & {"bad", "suspicious"} else 0 if verdicts == {"clean"} else 2


def _files(paths: tuple[Path, ...]) -> Iterator[tuple[Path, bool]]:
    """Each file once, in order, and whether it was named. Links inside folders are not followed."""
    for path in paths:
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.is_file() and not p.is_symlink())
            # Our own store of runs is no model, and lies beside nearly every card.
            yield from ((p, False) for p in inside if ".momus" not in p.relative_to(path).parts)
        else:
            yield path, True


def _show(report: FileReport, everything: bool) -> None:
    """One line a file: verdict, file, format; then the gravest marks with their place, and what to do."""
    from momus.methods.artifacts.rulings import printable

    verdict = click.style(f"{report.verdict:10}", fg=_STYLE[report.verdict], bold=True)
    click.echo(f"{verdict} {printable(str(report.path), 200)}  {click.style(report.format, dim=True)}")
    marks = report.marks if everything else report.marks[:3]
    for m in marks:
        place = (f" in {printable(m.where)}" if m.where else "") + (f", byte {m.offset:,}" if m.offset else "")
        click.echo(f"           {m.what}{click.style(place, dim=True)}")
    if len(report.marks) > len(marks):
        click.echo(f"           and {len(report.marks) - len(marks)} more (--all)")
    if report.remedy:
        click.echo(f"           {click.style('→ ' + report.remedy, dim=True)}")
