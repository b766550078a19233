"""The report as JSON: the whole view, in a stable shape, read back without loss."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from momus.core.errors import MomusError
from momus.reports.compare import CompareView
from momus.reports.text import Out, opened
from momus.reports.view import ReportView

SCHEMA_VERSION = 1
# C1 controls, direction and zero-width characters, breaks of lines, tags, what is no character.
_ACTING = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


def render(view: ReportView | CompareView, out: Out, *, indent: int | None = 2) -> None:
    """Write the view as JSON. ASCII only, so that no escape sequence or direction mark reaches whoever prints it."""
    with opened(out) as stream:
        stream.write(dumps(view, indent=indent) + "\n")


def dumps(view: ReportView | CompareView, *, indent: int | None = 2) -> str:
    """The view as JSON text; pictures are base64."""
    return quiet(json.dumps(view.model_dump(mode="json"), ensure_ascii=True, indent=indent))


def plain(text: str) -> str:
    """The same JSON, in which characters that control or hide on a screen are written as escapes."""
    return _ACTING.sub(lambda m: json.dumps(m[0])[1:-1], text)


def quiet(text: str) -> str:
    """The same JSON, in which a build server that reads it as a log finds no command such as ``##[error]``."""
    return text.replace("##", "#\\u0023")


def read(source: Path | str) -> ReportView:
    """The view in a JSON file. MomusError when it is no report or was written by a newer version."""
    path = Path(source)
    try:
        content: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MomusError(
            "not a readable report", code="reports/unreadable", place=str(path), hint=f"{error}"
        ) from error
    return parse(content, place=str(path))


def parse(content: Any, *, place: str = "") -> ReportView:
    """The view in an already decoded JSON document."""
    if not isinstance(content, dict) or content.get("kind") != "report":
        raise MomusError(
            "this JSON is not a report", code="reports/not-a-report", place=place, hint="Write one with: momus report"
        )
    version = content.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise MomusError(
            f"this report has schema version {version}; this Momus reads up to {SCHEMA_VERSION}",
            code="reports/too-new",
            place=place,
            hint="Upgrade Momus",
        )
    try:
        return ReportView.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        raise MomusError(
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}", code="reports/invalid", place=place
        ) from error


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    return ReportView.model_json_schema(mode="serialization")
