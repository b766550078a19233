"""What ends a build and what does not: every outcome of an assessment and of a comparison, and its exit code."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from momus.cli.compare_sides import gate
from momus.cli.options import exit_code
from momus.core.records import Gap, Severity, Status
from momus.reports import baseline
from momus.reports.regression import Change, Step
from momus.reports.view import ReportView
from momus.testing.report_changes import TODAY, again, measured, row, sample

SHUT = Gap(mode="membership", probe="membership.loss", target="b", why="unopened", detail="d", how_to_close="h")
LATE = SHUT.model_copy(update={"why": "budget"})


def done(*statuses: Status, severity: Severity = Severity.NONE, rows: tuple[str, ...] = ("pass",), **more: Any) -> Any:
    """As much of an assessment as an exit code reads."""
    findings = tuple(SimpleNamespace(status=s) for s in statuses)
    empty: dict[str, Any] = {"failures": (), "gaps": (), "warnings": ()}
    made = {"findings": findings, "severity": severity, "rows": [SimpleNamespace(status=r) for r in rows]}
    return SimpleNamespace(**empty | made | more)


def changed(kind: Any, status: Status, severity: Severity | None = None) -> Change:
    one = Step(kind=kind, fingerprint="f", mode="m", probe="p.q", target="t", now=status, severity=severity)
    return Change(system="s", against="b", steps=(one,))


OPEN = ("inconclusive", "not_tested")


@pytest.mark.parametrize(
    ("assessed", "change", "plain", "strict"),
    [
        (done(Status.PASS), None, 0, 0),
        (done(Status.FAIL, severity=Severity.IMPORTANT, rows=("fail",)), None, 1, 1),
        (done(Status.FAIL, severity=Severity.MODERATE, rows=("fail",)), None, 0, 0),
        (done(Status.FAIL, rows=("fail",)), None, 0, 0),  # accepted: it counts for nothing, and stays a fail
        (done(Status.PASS, Status.INCONCLUSIVE, rows=OPEN), None, 0, 4),
        (done(Status.PASS, rows=("pass", "not_tested"), gaps=(LATE,)), None, 0, 4),
        (done(Status.PASS, Status.ERROR, rows=("error",)), None, 3, 3),
        (done(Status.FAIL, Status.ERROR, severity=Severity.CRITICAL), None, 1, 1),
        (done(Status.PASS, gaps=(SHUT,)), None, 3, 3),
        (done(Status.FAIL, severity=Severity.CRITICAL, gaps=(SHUT,)), changed("known", Status.FAIL), 3, 3),
        (done(), None, 5, 5),
        (done(warnings=("the target could not be opened",)), None, 3, 3),
        (done(Status.FAIL, severity=Severity.CRITICAL), changed("known", Status.FAIL, Severity.CRITICAL), 0, 0),
        (done(Status.FAIL, severity=Severity.CRITICAL), changed("worse", Status.FAIL, Severity.CRITICAL), 1, 1),
        (done(Status.FAIL, severity=Severity.CRITICAL), changed("new", Status.FAIL, Severity.LOW), 0, 0),
        (done(Status.ERROR), changed("known", Status.ERROR), 0, 0),
        (done(Status.ERROR), changed("undecided", Status.ERROR), 3, 3),
        (done(Status.INCONCLUSIVE, rows=OPEN), changed("undecided", Status.INCONCLUSIVE), 0, 4),
    ],
    ids=["pass", "fail", "below", "accepted", "open", "late", "broke", "fail-and-broke", "shut", "shut-known",
         "nothing", "nothing-opened", "known", "worse", "new-below", "known-crash", "other-crash", "known-now-open"],
)  # fmt: skip
def test_how_an_assessment_ends(assessed: Any, change: Change | None, plain: int, strict: int) -> None:
    assert exit_code(assessed, "important", strict=False, change=change) == plain
    assert exit_code(assessed, "important", strict=True, change=change) == strict


def broken() -> ReportView:
    """The sample in which the test of the row that failed broke down."""
    crash = sample().mode("reward_hacking").headline
    failing = sample().mode("membership").headline
    assert crash is not None and crash.failure is not None and failing is not None
    f = failing.model_copy(update={"status": Status.ERROR, "failure": crash.failure, "measurement": None})
    return row(sample(), "membership", findings=(f,), headline=f, status="error", ratings=())


def untested(view: ReportView, *slugs: str) -> ReportView:
    for slug in slugs:
        view = row(view, slug, findings=(), headline=None, status="not_tested", ratings=())
    return view


EMPTY = untested(sample(), *(m.slug for m in sample().modes))
PASSED = measured(sample(), "membership", Status.PASS, 0.02, 0.01, 0.03)


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        (sample(), again(sample()), 0, "No regression beyond the intervals."),
        (PASSED, sample(), 1, "Regression, new: "),
        (PASSED, broken(), 3, "Broke down, could not be decided: "),
        (sample(), untested(sample(), "membership"), 0, "1 measured before and not now: nothing is said about them."),
        (sample(), row(sample(), "membership", gaps=(SHUT,)), 3, "could not be opened."),
        (sample(), EMPTY, 5, "Nothing was measured."),
    ],
    ids=["same", "fails", "breaks", "unmeasured", "shut", "empty"],
)
def test_how_a_comparison_ends(before: ReportView, after: ReportView, code: int, said: str) -> None:
    held = gate(before, after, None, None)
    lines = "\n".join(held.lines())
    assert held.code == code and said in lines
    assert ("No regression" in lines) == (code == 0)


def test_a_crash_that_a_baseline_knows_ends_no_comparison(tmp_path: Path) -> None:
    known = baseline.write(baseline.of_view(broken(), today=TODAY), tmp_path / "known.json")
    assert gate(PASSED, broken(), None, known).code == 0
