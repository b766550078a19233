"""The pull-request comment: 17 rows, whole tables, never too long."""

from __future__ import annotations

import io
import re

import pytest

from momus.core.records import Gap
from momus.reports import markdown
from momus.reports.view import ReportView
from momus.testing.report_changes import row
from momus.testing.report_sample import hostile_view, sample_view


def written(view: ReportView, **options: int) -> str:
    out = io.StringIO()
    markdown.render(view, out, **options)
    return out.getvalue()


@pytest.mark.parametrize("view", [sample_view(), hostile_view()], ids=["sample", "hostile"])
def test_the_table_has_17_rows_of_six_cells(view: ReportView) -> None:
    rows = [x for x in written(view).split("\n") if x.startswith("| M")]
    assert len(rows) == 17
    cells = [len(re.findall(r"(?<!\\)\|", x)) - 1 for x in rows]
    assert cells == [6] * 17


def test_fits_a_comment_however_much_was_found() -> None:
    text = written(hostile_view(), most=9000)
    assert len(text) <= 9000
    assert "more in the full report" in text and len(re.findall(r"^\| M\d", text, re.M)) == 17


def test_findings_follow_worst_first() -> None:
    heads = re.findall(r"^<details><summary>(M\d\d)", written(sample_view()), re.M)
    assert heads == ["M04", "M09", "M01", "M17", "M12", "M14"]


def test_rows_that_ran_out_of_time_are_named_though_they_read_pass() -> None:
    late = [Gap(mode="stealing", probe=f"stealing.{p}", target=t, why="budget", detail="d", how_to_close="h")
            for p, t in (("tree", "a"), ("tree", "b"), ("active", "a"))]  # fmt: skip
    text = written(row(sample_view(), "stealing", gaps=late))
    assert "**Out of time, not made:** 3 measurements of M05. A pass there does not cover what was left out." in text
    assert "Out of time" not in written(row(sample_view(), "stealing", gaps=()))


def test_hostile_strings_open_no_heading_and_no_list() -> None:
    lines = written(hostile_view()).split("\n")
    assert sum(x.startswith("#") for x in lines) == 1
    assert sum(x.startswith("<") for x in lines) == 1 + 2 * 6 + 1  # the mark, six folded rows, the small print
    assert not [x for x in lines if x.startswith("next")]
