"""Options that several verbs share, so that they are spelt and explained once."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from momus.store import Store

Command = Callable[..., Any]

card = click.argument("card", default="momus.yaml", type=click.Path(dir_okay=False))
store = click.option(
    "--store", metavar="URL", help="Run store: a file or database URL. Default: .momus/runs.sqlite beside the card."
)
stored = click.option(
    "--store", metavar="URL", help="Run store: a file or database URL. Default: .momus/runs.sqlite in this folder."
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
    "--strict", is_flag=True, help="Exit code 4 when a mode that is not ruled out is untested or inconclusive."
)
only = click.option(
    "--only", multiple=True, metavar="PROBE", help="Only these probes or modes (membership.*, M04); repeatable."
)
minutes = click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="End within so many minutes: the probes expected to tell most for their time run, the others are gaps.",
)
outputs = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    callback=lambda _context, _option, paths: check_outputs(paths),
    help="Write a report: FILE.html (.full.html with every picture whole), .json, .md, .txt, .csv, .sarif, .all.sarif "
    "or .xml (JUnit), or mlflow:EXPERIMENT to log it there; repeatable.",
)


def baselines(command: Command) -> Command:
    """The options for continuous integration: what is known, who says so, where the whole report lies."""
    place = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("--link", default="", metavar="URL", help="Where the whole report lies; told in Markdown."),
        click.option("--by", metavar="NAME", help="Who writes the baseline. Default: whoever is logged in."),
        click.option("--write-baseline", type=place, metavar="FILE", help="Write what fails now as a baseline."),
        click.option(
            "--baseline", type=place, metavar="FILE", help="Exit code 1 only for what is new or worse than in FILE."
        ),
    ):
        command = option(command)
    return command


def read_limits(pairs: tuple[str, ...]) -> dict[str, float]:
    """``membership.shadow=0.05`` pairs as a mapping; a usage error for anything else."""
    from momus.core.registry import detector_ids, get_probe

    limits = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise click.BadParameter(f"'{pair}' is not PROBE=NUMBER, as in membership.loss=0.1", param_hint="--limit")
        limits[name if name in detector_ids() else get_probe(name).id] = number
    return limits


def check_outputs(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The report files, refused before anything is measured: an unknown format, a folder, a folder that is a file."""
    from momus.reports.write import FORMATS, format_of

    for path in paths:
        if str(path).startswith("mlflow:"):
            _tracked(str(path))
            continue
        if not format_of(path):
            raise click.BadParameter(f"'{path}' is no report: end it in one of {', '.join(FORMATS)}")
        writable(path)
    return paths


def _tracked(output: str) -> None:
    """A usage error where the runs of MLflow would find no experiment or no server."""
    from momus.core.errors import MomusError
    from momus.reports import mlflow_

    if not mlflow_.experiment_of(output):
        raise click.BadParameter("'mlflow:' names no experiment: write mlflow:NAME")
    try:
        mlflow_.server_of_environment()
    except MomusError as error:
        raise click.BadParameter(str(error)) from error


def writable(path: Path) -> None:
    """A usage error for a file that cannot be written: a folder, a folder that is a file, no right to write there."""
    if path.is_dir():
        raise click.BadParameter(f"'{path}' is a folder")
    above = next(p for p in (path.absolute().parent, *path.absolute().parents) if p.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise click.BadParameter(f"'{path}' cannot be written: no right to write in {above}")


def write_report(write: Callable[[Path], Path], path: Path) -> Path:
    """The written file; what the disk has against it becomes one line."""
    from momus.core.errors import MomusError

    try:
        return write(path)
    except OSError as error:
        raise MomusError(
            f"the report cannot be written: {error.strerror or error}",
            code="reports/unwritable",
            place=str(path),
            hint="What was measured is stored: momus report -o FILE writes it elsewhere",
        ) from error


def existing_store(where: str | None, card: str | None = None) -> Store:
    """A store to read from, which must be there: reading never makes an empty one. NotFound says where one is."""
    from momus.core.errors import NotFound
    from momus.store import open_store

    if where is not None and ("://" in where or where == ":memory:"):
        return open_store(where)
    beside = Path(card).parent if card else Path()
    path = Path(where) if where is not None else beside / ".momus" / "runs.sqlite"
    if path.is_file():
        return open_store(path)
    near = [str(p) for p in sorted(Path().glob("*/.momus/runs.sqlite"))[:3]]
    hint = f"There is: --store {' or '.join(near)}" if near else "Name one with --store, or run: momus assess"
    raise NotFound("there are no stored runs here", place=str(path), hint=hint)


def command_line() -> str:
    """The command as it was typed, without the password of a store URL: it is kept with the run."""
    from momus.store import without_password

    context = click.get_current_context(silent=True)
    typed = (context.obj or {}).get("argv") if context is not None else None
    return shlex.join(["momus", *map(without_password, typed or sys.argv[1:])])


@contextmanager
def printing() -> Iterator[None]:
    """Around what a verb prints before it goes on to write files: a reader that leaves early (head) ends nothing."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """Nobody reads standard output any more: send the rest of it nowhere, the flush at exit included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def exit_code(assessment: Any, bar: str, strict: bool, change: Any = None) -> int:
    """The exit code of an assessment (see :mod:`momus.cli.main`). With ``change`` only what is new or worse counts."""
    from momus.core.records import Severity, Status

    if not assessment.findings:
        return 3 if assessment.warnings else 5
    severity = assessment.severity if change is None else change.severity
    if severity.rank >= Severity(bar).rank:
        return 1
    broken = assessment.failures or any(f.status is Status.ERROR for f in assessment.findings)
    # A target that does not open is known to no baseline: nothing of it was measured.
    shut = any(g.why in ("unopened", "unsafe") for g in assessment.gaps)
    if shut or (broken if change is None else change.crashed):
        return 3
    open_rows = [r for r in assessment.rows if r.status in ("not_tested", "inconclusive")]
    return 4 if strict and open_rows else 0
