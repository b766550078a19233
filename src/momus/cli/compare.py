"""`momus compare [A] [B]`: what changed between two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from momus.cli import options


@click.command()
@click.argument("a", required=False)
@click.argument("b", default="latest")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="FILE.html, .json, .md or .txt.")
@click.option(
    "--fail-on-regression", "judging", is_flag=True, help="Exit code 1 when a failing finding of B is new or worse."
)
@click.option(
    "--min-severity",
    type=click.Choice(["critical", "important", "moderate", "low"]),
    help="Only regressions of at least this severity.  [default: any, rated or not]",
)
@click.option(
    "--baseline", type=click.Path(dir_okay=False, path_type=Path), help="Findings that FILE knows are no regressions."
)
@options.stored
@options.as_json
def compare(
    a: str | None,
    b: str,
    output: Path | None,
    judging: bool,
    min_severity: str | None,
    baseline: Path | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Hold run B against run A: verdicts that changed, numbers that moved beyond their intervals, new and lost tests.

    A and B are ids, their beginnings, or reports in JSON (`momus report -o main.json`). B is the latest run and A the
    one before it of the same system, where they are left out. Exit code 0, whatever changed; with --fail-on-regression
    1 where something of B fails that A did not have, or had and lost ground beyond both intervals; 3 where a test of B
    broke down, 5 where B measured nothing.
    """
    from momus.cli.compare_sides import gate, views
    from momus.reports import compare as page
    from momus.reports import compare_view, json_

    if output is not None:
        options.check_outputs((output,))
    before, after = views(a, b, store)
    change = compare_view(before, after)
    held = gate(before, after, min_severity, baseline) if judging else None
    with options.printing():
        if as_json:
            json_.render(change, sys.stdout)
        else:
            page.render_terminal(change, sys.stdout)
        for line in held.lines() if held else ():
            click.echo(line, err=as_json)
    if output is not None:
        written = options.write_report(lambda path: Path(page.write(change, path)), output)
        click.echo(f"Comparison: {written}", err=True)
    return held.code if held else 0
