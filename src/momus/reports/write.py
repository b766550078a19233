"""Writes a report in the format that a file's suffix names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from momus.core.errors import MomusError
from momus.reports.text import Out
from momus.reports.view import ReportView

FORMATS = {".html": "html", ".htm": "html", ".json": "json", ".md": "markdown", ".markdown": "markdown", ".txt": "text"}


def write(view: ReportView, path: Path | str, format: str | None = None) -> Path:
    """Write the report to ``path`` and return it. ``format`` (html, json, markdown, text) overrides the suffix."""
    path = Path(path)
    kind = format or FORMATS.get(path.suffix.lower(), "")
    renderer(kind, str(path))(view, path)
    return path


def renderer(kind: str, place: str = "") -> Callable[[ReportView, Out], None]:
    """The renderer of a format; MomusError names the formats there are."""
    from momus.reports import html, json_, markdown, terminal

    kinds: dict[str, Callable[[ReportView, Out], None]] = {
        "html": html.render,
        "json": json_.render,
        "markdown": markdown.render,
        "text": terminal.render,
    }
    if kind not in kinds:
        raise MomusError(
            f"no report can be written as '{kind or place}'",
            code="reports/unknown-format",
            place=place,
            hint=f"End the name in one of {', '.join(FORMATS)}, or name one of {', '.join(kinds)}",
        )
    return kinds[kind]
