"""What changed between two runs: never more than the intervals allow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import MomusError
from momus.core.records import Finding, Interval, Severity, Status
from momus.reports import compare
from momus.reports.compare import CompareView, compare_view
from momus.reports.view import ReportView
from momus.testing.report_sample import hostile_view, sample_view


def changed(
    slug: str, *, status: str | None = None, severity: Any = "same", limit: float | None = None, **measured: Any
) -> ReportView:
    """The sample with one mode's finding changed."""
    view = sample_view()
    mode = view.mode(slug)
    f = mode.headline
    assert f is not None and f.measurement is not None and f.limit is not None
    update: dict[str, Any] = {"measurement": f.measurement.model_copy(update=measured)}
    if limit is not None:
        update["limit"] = f.limit.model_copy(update={"value": limit})
    if status is not None:
        update["status"] = Status(status)
    found = Finding.model_validate(f.model_copy(update=update).model_dump())
    fields: dict[str, Any] = {"headline": found, "findings": (found,)}
    if status is not None:
        fields["status"] = status
    if severity != "same":
        fields["severity"] = severity
    return _put(view, slug, **fields)


def _put(view: ReportView, slug: str, **fields: Any) -> ReportView:
    return view.model_copy(
        update={"modes": tuple(m.model_copy(update=fields) if m.slug == slug else m for m in view.modes)}
    )


def _mode(view: CompareView, slug: str) -> compare.ModeChange:
    return next(m for m in view.modes if m.slug == slug)


def test_nothing_changed_against_itself() -> None:
    view = compare_view(sample_view(), sample_view())
    assert len(view.modes) == 17 and {m.direction for m in view.modes} == {"same"}
    assert {p.change for m in view.modes for p in m.probes} == {"unchanged"}
    assert view.limits == () and view.same_card and view.same_seed


@pytest.mark.parametrize(
    ("value", "ci", "worse", "change"),
    [
        (0.33, (0.32, 0.35), "higher", "no clear change"),
        (0.33, (0.33, 0.35), "higher", "no clear change"),
        (0.40, (0.38, 0.42), "higher", "worse"),
        (0.10, (0.08, 0.12), "higher", "better"),
        (0.40, (0.38, 0.42), "lower", "better"),
        (0.10, (0.08, 0.12), "lower", "worse"),
    ],
)
def test_a_value_changed_only_beyond_both_intervals(
    value: float, ci: tuple[float, float], worse: str, change: str
) -> None:
    a = changed("membership", worse=worse)
    b = changed("membership", worse=worse, value=value, ci=Interval(low=ci[0], high=ci[1]))
    assert _mode(compare_view(a, b), "membership").probes[0].change == change


def test_other_settings_or_metrics_are_not_compared() -> None:
    narrow = {"value": 0.9, "ci": Interval(low=0.89, high=0.91)}
    other = changed("membership", scope={"shadows": 64}, **narrow)
    probe = _mode(compare_view(sample_view(), other), "membership").probes[0]
    assert (probe.change, probe.note) == ("not comparable", "other settings: shadows")
    other = changed("membership", metric="auc", **narrow)
    assert _mode(compare_view(sample_view(), other), "membership").probes[0].change == "not comparable"


def test_other_data_is_said() -> None:
    other = changed("membership", data={"test": "b" * 64})
    assert _mode(compare_view(sample_view(), other), "membership").probes[0].note == "measured on other data"


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("pass", "fail", "worse"),
        ("fail", "pass", "better"),
        ("inconclusive", "fail", "worse"),
        ("fail", "inconclusive", "changed"),
        ("pass", "inconclusive", "changed"),
        ("error", "pass", "changed"),
        ("fail", "fail", "same"),
    ],
)
def test_direction(before: str, after: str, direction: str) -> None:
    a, b = changed("membership", status=before), changed("membership", status=after)
    view = compare_view(a, b)
    assert _mode(view, "membership").direction == direction
    assert [m.slug for m in view.worse] == (["membership"] if direction == "worse" else [])
    assert [m.slug for m in view.better] == (["membership"] if direction == "better" else [])


def test_severity_alone_makes_it_worse_or_better() -> None:
    low = changed("membership", severity=Severity.LOW)
    assert _mode(compare_view(low, sample_view()), "membership").direction == "worse"
    assert _mode(compare_view(sample_view(), low), "membership").direction == "better"


def test_newly_and_no_longer_tested() -> None:
    without = _put(sample_view(), "membership", findings=(), headline=None, status="not_tested", severity=None)
    gained = _mode(compare_view(without, sample_view()), "membership")
    lost = _mode(compare_view(sample_view(), without), "membership")
    assert gained.probes[0].change == "newly tested" and gained.direction == "worse"
    assert lost.probes[0].change == "no longer tested" and lost.direction == "changed"
    assert lost.probes[0].after is None


def test_limits_that_changed_are_named() -> None:
    view = compare_view(sample_view(), changed("membership", limit=0.5, status="pass"))
    assert [(x.probe, x.before, x.after) for x in view.limits] == [("membership.shadow", 0.05, 0.5)]


def test_terminal_shows_17_rows_and_the_numbers() -> None:
    out = io.StringIO()
    view = compare_view(
        sample_view(), changed("membership", status="pass", value=0.01, ci=Interval(low=0.0, high=0.02), limit=0.5)
    )
    compare.render_terminal(view, out, width=100)
    text = out.getvalue()
    assert sum(line[:3] in {m.id for m in view.modes} for line in text.split("\n")) == 17
    assert "FAIL critical → PASS" in text and "0.31 [0.29, 0.33] → 0.01 [0, 0.02]: better" in text
    assert "membership.shadow: 0.05 (card) → 0.5 (card)" in text
    assert max(map(len, text.split("\n"))) <= 100


@pytest.mark.parametrize("name", ["c.html", "c.md", "c.json", "c.txt"])
def test_hostile_strings_stay_text_in_every_format(name: str, tmp_path: Path) -> None:
    text = compare.write(compare_view(hostile_view(), hostile_view()), tmp_path / name).read_text("utf-8")
    assert "\x1b" not in text and "\u202e" not in text
    if name == "c.html":
        assert "<script" not in text
    assert all(m.id in text for m in sample_view().modes)


def test_json_reads_back(tmp_path: Path) -> None:
    view = compare_view(sample_view(), changed("shift", status="fail"))
    text = compare.write(view, tmp_path / "c.json").read_text()
    assert CompareView.model_validate_json(text) == view
    assert json.loads(text)["kind"] == "comparison"


def test_an_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(MomusError, match=r"\.html"):
        compare.write(compare_view(sample_view(), sample_view()), tmp_path / "c.pdf")
