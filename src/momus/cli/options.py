"""Options that several verbs share, so that they are spelt and explained once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]

card = click.argument("card", default="momus.yaml", type=click.Path(dir_okay=False))
store = click.option(
    "--store", metavar="URL", help="Run store: a file or database URL. Default: .momus/runs.sqlite beside the card."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
limit = click.option(
    "--limit", "limits", multiple=True, metavar="PROBE=VALUE", help="Pass mark for a probe; repeatable."
)
bar = click.option(
    "--bar",
    type=click.Choice(["critical", "important", "moderate", "low"]),
    default="important",
    show_default=True,
    help="Severity from which the exit code is 1.",
)
strict = click.option(
    "--strict", is_flag=True, help="Exit code 4 when a mode that applies is untested or inconclusive."
)


def read_limits(pairs: tuple[str, ...]) -> dict[str, float]:
    """``membership.shadow=0.05`` pairs as a mapping; a usage error for anything else."""
    from momus.core.registry import get_probe

    limits = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            limits[get_probe(name).id] = float(value)
        except ValueError as error:
            raise click.BadParameter(f"'{pair}' is not PROBE=NUMBER", param_hint="--limit") from error
    return limits


def exit_code(assessment: Any, bar: str, strict: bool) -> int:
    """The exit code of an assessment (see :mod:`momus.cli.main`)."""
    from momus.core.records import Severity, Status

    if not assessment.findings:
        return 3 if assessment.warnings else 5
    if assessment.severity.rank >= Severity(bar).rank:
        return 1
    if assessment.failures or any(f.status is Status.ERROR for f in assessment.findings):
        return 3
    open_rows = [r for r in assessment.rows if r.status in ("not_tested", "inconclusive")]
    return 4 if strict and open_rows else 0
