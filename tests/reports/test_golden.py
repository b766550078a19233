"""The fixed reports, byte by byte. After a wanted change: MOMUS_GOLDEN=write pytest tests/reports/test_golden.py"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from momus.reports import compare, json_, junit, markdown, sarif, terminal
from momus.reports.baseline import of_view
from momus.reports.regression import against_baseline
from momus.reports.view import ReportView
from momus.testing.report_changes import TODAY, row
from momus.testing.report_sample import hostile_view, sample_view

HOME = Path(__file__).resolve().parent.parent / "golden"


def _terminal(view: ReportView, out: io.StringIO) -> None:
    terminal.render(view, out, width=100, color=False)


def _narrow(view: ReportView, out: io.StringIO) -> None:
    terminal.render(view, out, width=80, color=False)


def _compare(view: ReportView, out: io.StringIO) -> None:
    compare.render_terminal(compare.compare_view(view, sample_view()), out, width=100, color=False)


def _sarif(view: ReportView, out: io.StringIO) -> None:
    """What is of the report; rules and taxonomies say what the installed probes and the crosswalk say."""
    run = sarif.log(view, exit_code=1)["runs"][0]
    kept = {k: run[k] for k in ("automationDetails", "invocations", "results", "properties")}
    out.write(json.dumps(kept, indent=1) + "\n")


def _changed(view: ReportView, out: io.StringIO) -> None:
    """A comment that says first what a baseline did not know."""
    known = of_view(row(view, "membership", findings=(), headline=None), today=TODAY, by="A. Person")
    change = against_baseline(view, known, name="momus-baseline.json", today=TODAY)
    markdown.render(view, out, change=change, link="https://ci.example/run/7")


CASES: list[tuple[str, Callable[[], ReportView], Callable[[ReportView, io.StringIO], None]]] = [
    ("report.txt", sample_view, _terminal),
    ("report-80.txt", sample_view, _narrow),
    ("report.md", sample_view, markdown.render),
    ("report.json", sample_view, json_.render),
    ("compare.txt", sample_view, _compare),
    ("report.sarif", sample_view, _sarif),
    ("report.xml", sample_view, junit.render),
    ("changed.md", sample_view, _changed),
    ("hostile.txt", hostile_view, _terminal),
    ("hostile.md", hostile_view, markdown.render),
]


@pytest.mark.parametrize(("name", "view", "render"), CASES, ids=[c[0] for c in CASES])
def test_golden(name: str, view: Callable[[], ReportView], render: Callable[[ReportView, io.StringIO], None]) -> None:
    out = io.StringIO()
    render(view(), out)
    path = HOME / name
    if os.environ.get("MOMUS_GOLDEN") == "write":
        path.write_bytes(out.getvalue().encode())
    assert out.getvalue() == path.read_bytes().decode(), f"{name} changed; see the module for how to accept it"
