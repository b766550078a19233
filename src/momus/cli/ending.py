"""How `assess` and `report` end: the report on the screen and in files, the baseline, the exit code."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.assess import Assessment
    from momus.reports import ReportView
    from momus.reports.baseline import Baseline
    from momus.reports.regression import Change


@dataclass(frozen=True)
class Wish:
    """What was asked for beside the measuring."""

    outputs: tuple[Path, ...] = ()
    bar: str = "important"
    strict: bool = False
    as_json: bool = False
    baseline: Path | None = None
    write_baseline: Path | None = None
    by: str | None = None
    link: str = ""

    def check(self, system: str) -> None:
        """Refuse now what would only be refused after the measuring: a baseline or a link that is of no use."""
        from momus.reports.baseline import matching
        from momus.reports.markdown import address

        if self.baseline is not None:
            matching(self.baseline, system)
        if self.write_baseline is not None:
            options.writable(self.write_baseline)
        if self.link:
            address(self.link)


def deliver(done: Assessment, wish: Wish, *, show: bool = True) -> int:
    """Print, write, and say with the exit code whether somebody must act."""
    from momus.assess.planned_cost import FORECAST, told
    from momus.reports import change_text, json_, mlflow_, terminal, write

    view = done.view()
    change = None if wish.baseline is None else _change(view, wish.baseline)
    code = options.exit_code(done, wish.bar, wish.strict, change)
    with options.printing():
        if wish.as_json:
            json_.render(view, sys.stdout)
        elif show:
            terminal.render(view, sys.stdout)
            if line := told(done.run.settings.get(FORECAST) or {}):
                click.echo(line)
        if change is not None:
            for line in change_text.lines(change):
                click.echo(line, err=wish.as_json)
    for warning in done.warnings:
        click.echo(warning, err=True)
    more: dict[str, Any] = {"change": change, "exit_code": code, "link": wish.link}
    for path in wish.outputs:
        experiment = mlflow_.experiment_of(str(path))
        if experiment is not None:
            logged = mlflow_.log(view, experiment)
            click.echo(f"MLflow: {logged.url}{' (brought up to date)' if logged.again else ''}", err=True)
            continue
        click.echo(f"Report: {options.write_report(lambda p: write(view, p, **more), path)}", err=True)
    if wish.write_baseline is not None:
        _write_baseline(view, wish, wish.write_baseline)
    return code


def today() -> date:
    """The day, in UTC, as waivers count it."""
    return datetime.now(UTC).date()


def _change(view: ReportView, path: Path) -> Change:
    from momus.reports.baseline import matching
    from momus.reports.regression import against_baseline

    return against_baseline(view, matching(path, view.run.system), name=path.name, today=today())


def _write_baseline(view: ReportView, wish: Wish, path: Path) -> None:
    """Write what fails now. Who and when of entries that stay are kept from the file that is replaced."""
    from momus.reports import baseline

    before: Baseline | None = None
    if path.exists():
        before = baseline.matching(path, view.run.system)
    elif wish.baseline is not None:
        before = baseline.matching(wish.baseline, view.run.system)
    found = baseline.of_view(view, today=today(), by=wish.by or _somebody(), before=before)
    options.write_report(lambda p: baseline.write(found, p), path)
    click.echo(f"Baseline: {path}, {len(found.entries)} known; commit it beside the card", err=True)


def _somebody() -> str:
    """Who writes the baseline, as far as the machine tells."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
