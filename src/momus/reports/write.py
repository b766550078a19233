"""Writes a report in the format that a file's name ends in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momus.core.errors import MomusError
from momus.reports.view import ReportView

if TYPE_CHECKING:
    from momus.reports.regression import Change

# The longest ending counts: report.sarif.json is SARIF, report.all.sarif its full profile,
# report.full.html the page with everything in it.
FORMATS = {
    ".html": "html",
    ".htm": "html",
    ".full.html": "html-full",
    ".json": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".sarif": "sarif",
    ".sarif.json": "sarif",
    ".all.sarif": "sarif-all",
    ".xml": "junit",
    ".csv": "csv",
}
# What each format can tell beside the report itself.
_TELLS = {
    "sarif": ("change", "exit_code"),
    "sarif-all": ("change", "exit_code"),
    "junit": ("change",),
    "markdown": ("change", "link"),
}


def format_of(path: Path | str) -> str:
    """The format that a file's name ends in; empty where there is none."""
    name = Path(path).name.lower()
    fitting = [end for end in FORMATS if name.endswith(end) and len(name) > len(end)]
    return FORMATS[max(fitting, key=len)] if fitting else ""


def write(
    view: ReportView,
    path: Path | str,
    format: str | None = None,
    *,
    change: Change | None = None,
    exit_code: int | None = None,
    link: str = "",
) -> Path:
    """Write the report to ``path`` and return it. ``format`` (html, sarif, ...) overrides what the name ends in.

    ``change``: what a baseline knew, ``exit_code``: of the command, ``link``: where the whole report lies. The formats
    for continuous integration tell them.
    """
    path = Path(path)
    kind = format or format_of(path)
    known = {"change": change, "exit_code": exit_code, "link": link}
    renderer(kind, str(path))(view, path, **{k: known[k] for k in _TELLS.get(kind, ())})
    return path


def renderer(kind: str, place: str = "") -> Callable[..., Any]:
    """The renderer of a format; MomusError names the formats there are."""
    from momus.reports import csv_, html, json_, junit, markdown, sarif, terminal

    kinds: dict[str, Callable[..., Any]] = {
        "html": html.render,
        "html-full": html.render_whole,
        "json": json_.render,
        "markdown": markdown.render,
        "text": terminal.render,
        "sarif": sarif.render,
        "sarif-all": sarif.render_all,
        "junit": junit.render,
        "csv": csv_.render,
    }
    if kind not in kinds:
        raise MomusError(
            f"no report can be written as '{kind or place}'",
            code="reports/unknown-format",
            place=place,
            hint=f"End the name in one of {', '.join(FORMATS)}, or name one of {', '.join(kinds)}",
        )
    return kinds[kind]
