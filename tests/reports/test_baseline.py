"""Baselines and regressions: what is new, worse beyond the intervals, known, repaired, or merely not seen."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import MomusError
from momus.core.records import Severity, Status
from momus.reports import baseline, change_text, markdown
from momus.reports.baseline import Baseline, Known
from momus.reports.regression import Change, Step, against_baseline, between
from momus.reports.view import ReportView
from momus.testing.report_changes import TODAY, again, carded, measured, row, sample, waived, with_run
from momus.testing.report_sample import HOSTILE, hostile_view

OLD = baseline.of_view(sample(), today=TODAY, by="A. Person")


def change(view: ReportView, known: Baseline = OLD, today: date = TODAY) -> Change:
    return against_baseline(view, known, name="momus-baseline.json", today=today)


def step(found: Change, mode: str) -> Step:
    (one,) = [s for s in found.steps if s.mode == mode]
    return one


def edited(mode: str, **changes: Any) -> Baseline:
    entries = tuple(k.model_copy(update=changes) if k.mode == mode else k for k in OLD.entries)
    return OLD.model_copy(update={"entries": entries})


def membership(status: Status, *reading: float, **more: Any) -> ReportView:
    return measured(sample(), "membership", status, *reading, **more)


def test_a_baseline_holds_what_fails_and_breaks_down_and_nothing_else(tmp_path: Path) -> None:
    assert [(k.mode, k.status.value) for k in OLD.entries] == [
        ("incomplete_testing", "fail"), ("membership", "fail"), ("perturbation", "fail"), ("reward_hacking", "error"),
        ("supply_chain", "fail"),
    ]  # fmt: skip
    text = baseline.write(OLD, tmp_path / "b.json").read_text("ascii")
    assert baseline.read(tmp_path / "b.json") == OLD
    assert len(text) < 5000 and text.endswith("}\n")
    # One key a line, in one order: a review reads a diff of what changed and nothing else.
    moved = baseline.of_view(membership(Status.FAIL, 0.5, 0.4, 0.6), today=date(2027, 4, 1), before=OLD, by="B")
    after = baseline.write(moved, tmp_path / "c.json").read_text("ascii")
    lines = [(a, b) for a, b in zip(text.split("\n"), after.split("\n"), strict=True) if a != b]
    assert [a.split('"')[1] for a, _ in lines] == ["value", "low", "high"]


def test_who_and_when_stay_until_the_entry_is_another() -> None:
    later = date(2027, 5, 1)
    kept = baseline.of_view(sample(), today=later, by="B", before=edited("membership", why="agreed", until=later))
    (entry,) = [k for k in kept.entries if k.mode == "membership"]
    assert (entry.since, entry.by, entry.why, entry.until) == (TODAY, "A. Person", "agreed", later)
    ended = baseline.of_view(sample(), today=date(2027, 5, 2), by="B", before=edited("membership", until=later))
    (entry,) = [k for k in ended.entries if k.mode == "membership"]
    assert (entry.since, entry.by, entry.until) == (date(2027, 5, 2), "B", None)


def test_what_the_store_accepted_is_left_to_the_store() -> None:
    assert "membership" not in {k.mode for k in baseline.of_view(waived(sample(), "membership"), today=TODAY).entries}
    found = change(waived(sample(), "membership"), OLD.model_copy(update={"entries": ()}))
    assert step(found, "membership").kind == "waived" and "membership" not in {s.mode for s in found.regressions()}


def test_nobody_can_accept_a_crash() -> None:
    """A waiver is for what a test found; one that broke down found nothing."""
    view = waived(sample(), "reward_hacking")
    assert "reward_hacking" in {k.mode for k in baseline.of_view(view, today=TODAY).entries}
    found = change(view, OLD.model_copy(update={"entries": ()}))
    assert step(found, "reward_hacking").kind == "new" and found.crashed


def test_the_same_system_again_is_known() -> None:
    found = change(again(sample()))
    assert {s.kind for s in found.steps} == {"known"} and len(found.steps) == 5
    assert found.severity is Severity.NONE and not found.crashed and not found.regressions()


@pytest.mark.parametrize(
    ("view", "kind"),
    [
        (membership(Status.FAIL, 0.32, 0.30, 0.34), "known"),
        (membership(Status.FAIL, 0.40, 0.34, 0.46), "worse"),
        (membership(Status.FAIL, 0.36, 0.33, 0.39), "known"),  # the ends touch
        (membership(Status.FAIL, 0.20, 0.18, 0.22), "better"),
        (membership(Status.PASS, 0.02, 0.01, 0.03), "fixed"),
        (membership(Status.INCONCLUSIVE, 0.06, 0.02, 0.1), "undecided"),
        (membership(Status.FAIL, 0.9, 0.8, 0.95, scope={"shadows": 64}), "known"),
        (membership(Status.FAIL, 0.9, 0.8, 0.95, metric="auc"), "known"),
        (membership(Status.FAIL, 0.9, 0.8, 0.95, scope={"shadows": 16, "n": 7}), "worse"),
        (row(sample(), "membership", findings=(), headline=None, status="not_tested", ratings=()), "unmeasured"),
    ],
    ids=["noise", "worse", "touching", "better", "fixed", "undecided", "settings", "metric", "more-rows", "unmeasured"],
)
def test_what_became_of_a_known_failure(view: ReportView, kind: str) -> None:
    found = change(view)
    assert step(found, "membership").kind == kind
    assert bool(found.regressions()) == (kind == "worse") == (found.severity is Severity.CRITICAL)


def test_ends_that_differ_by_rounding_are_the_same() -> None:
    exact = measured(sample(), "incomplete_testing", Status.FAIL, 0.375 + 1e-15, 0.375 + 1e-15, 0.375 + 1e-15)
    assert step(change(exact), "incomplete_testing").kind == "known"
    more = measured(sample(), "incomplete_testing", Status.FAIL, 0.4375, 0.4375, 0.4375)
    assert step(change(more), "incomplete_testing").kind == "worse"


def test_lower_can_be_worse() -> None:
    """Retention: the harm lies below."""
    failing = measured(sample(), "corruption", Status.FAIL, 0.5, 0.48, 0.52)
    known = baseline.of_view(failing, today=TODAY)
    assert step(change(measured(sample(), "corruption", Status.FAIL, 0.3, 0.2, 0.4), known), "corruption").kind == (
        "worse"
    )
    assert step(change(measured(sample(), "corruption", Status.FAIL, 0.6, 0.55, 0.65), known), "corruption").kind == (
        "better"
    )


def test_a_severity_that_rose_by_noise_is_known_and_one_that_rose_by_facts_is_worse() -> None:
    known = edited("membership", severity=Severity.IMPORTANT)
    found = step(change(sample(), known), "membership")
    assert found.kind == "known" and "important before, critical now" in found.note
    bar = sample().mode("membership").bar
    lower = edited("membership", severity=Severity.IMPORTANT, bar=Severity.IMPORTANT)
    assert bar.severity is Severity.CRITICAL and step(change(sample(), lower), "membership").kind == "worse"
    other = edited("membership", severity=Severity.IMPORTANT, row="another row")
    assert step(change(sample(), other), "membership").kind == "worse"
    unlike = edited("membership", severity=Severity.IMPORTANT, settings="other")  # no value says that it is noise
    found = step(change(sample(), unlike), "membership")
    assert found.kind == "worse" and "critical now; measured with other settings" in found.note


def test_a_crash_is_never_a_repair() -> None:
    m = sample().mode("reward_hacking")
    assert m.headline is not None and m.headline.failure is not None
    assert step(change(sample()), "reward_hacking").kind == "known"
    other = m.headline.failure.model_copy(update={"code": "worker/memory"})
    f = m.headline.model_copy(update={"failure": other})
    found = change(row(sample(), "reward_hacking", findings=(f,), headline=f))
    assert step(found, "reward_hacking").kind == "undecided" and found.crashed
    was = edited("reward_hacking", status=Status.FAIL)
    assert step(change(sample(), was), "reward_hacking").kind == "undecided"
    none = OLD.model_copy(update={"entries": ()})
    assert step(change(sample(), none), "reward_hacking").kind == "new" and change(sample(), none).crashed


def test_entries_that_no_run_can_meet_and_entries_past_their_day_are_said() -> None:
    view = carded()
    odd = [
        OLD.entries[1].model_copy(update={"fingerprint": "1" * 32, "probe": "membership.gone"}),
        OLD.entries[1].model_copy(update={"fingerprint": "2" * 32, "probe": "membership.loss", "target": "retired"}),
        OLD.entries[1].model_copy(update={"fingerprint": "3" * 32, "probe": "membership.loss"}),
    ]
    found = change(view, OLD.model_copy(update={"entries": (*OLD.entries, *odd)}))
    told = {s.fingerprint[0]: (s.kind, s.note) for s in found.steps if s.fingerprint[1:] == s.fingerprint[:-1]}
    assert told["1"] == ("unknown", "there is no such probe")
    assert told["2"] == ("unknown", "the card has no such target")
    assert told["3"][0] == "unmeasured"
    ended = change(view, edited("membership", until=date(2027, 2, 28)))
    assert step(ended, "membership").kind == "new" and "accepted by A. Person until 2027-02-28" in (
        step(ended, "membership").note
    )
    assert step(change(view, edited("membership", until=TODAY)), "membership").kind == "known"  # its last day
    gone = measured(view, "membership", Status.PASS, 0.01, 0.0, 0.02)
    assert step(change(gone, edited("membership", until=date(2027, 2, 28))), "membership").kind == "expired"
    assert "--write-baseline" in change_text.advice(ended) or not ended.of("expired")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unreadable"), ("[]", "invalid"), ("{", "unreadable"), ('{"kind": "report"}', "invalid"),
        ('{"kind": "baseline", "schema_version": 2, "system": "x"}', "too-new"),
        ('{"kind": "baseline", "system": "x", "entries": [{}]}', "invalid"),
        ('{"kind": "baseline", "system": "x", "also": 1}', "invalid"), ("[" * 100_000, "unreadable"),
        ('{"kind": "baseline", "schema_version": "\\u001b[2J", "system": "x"}', "too-new"),
    ],
    ids=["empty", "list", "cut", "report", "newer", "entry", "key", "deep", "escape"],
)  # fmt: skip
def test_what_is_no_baseline_is_one_clear_line(text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(MomusError) as told:
        baseline.read(path)
    assert told.value.code == f"baseline/{code}" and "\n" not in str(told.value) and "\x1b" not in str(told.value)


def test_upside_down_and_other_systems_are_refused(tmp_path: Path) -> None:
    content = json.loads(baseline.write(OLD, tmp_path / "b.json").read_text())
    content["entries"][1] |= {"low": 0.9, "high": 0.1}
    (tmp_path / "b.json").write_text(json.dumps(content))
    with pytest.raises(MomusError, match="upside down"):
        baseline.read(tmp_path / "b.json")
    baseline.write(OLD.model_copy(update={"system": "other"}), tmp_path / "c.json")
    with pytest.raises(MomusError, match="of the system 'other'"):
        baseline.matching(tmp_path / "c.json", "loan-approval")
    with pytest.raises(MomusError, match="cannot be read"):
        baseline.read(tmp_path / "none.json")


def test_identity_is_of_the_finding_alone() -> None:
    names = [("a", "b", "c", "d"), ("a", "b", "cd", ""), ("ab", "", "c", "d"), ("a", "b", "c", "e")]
    assert len({baseline.identity(*n) for n in names}) == 4
    assert baseline.identity("\ud800", "\x00", HOSTILE, "") != baseline.identity("", "", "", "")


# Two reports --------------------------------------------------------------------------------------------------------


def kinds(a: ReportView, b: ReportView) -> dict[str, str]:
    return {s.mode: s.kind for s in between(a, b, today=TODAY).regressions()}


def test_a_run_against_itself_has_no_regression() -> None:
    assert kinds(sample(), again(sample())) == {}


def test_a_pass_that_fails_beyond_both_intervals_is_a_regression() -> None:
    good = membership(Status.PASS, 0.02, 0.01, 0.03)
    assert kinds(good, sample()) == {"membership": "new"}
    assert kinds(sample(), good) == {}


def test_noise_and_another_limit_are_none() -> None:
    open_ = membership(Status.INCONCLUSIVE, 0.2, 0.04, 0.3)
    found = between(open_, sample(), today=TODAY)
    assert not found.regressions() and step(found, "membership").kind == "noise"
    lax = membership(Status.PASS, 0.31, 0.29, 0.33, limit=0.5)
    found = between(lax, sample(), today=TODAY)
    assert not found.regressions() and "another limit" in step(found, "membership").note


def test_a_failure_that_was_never_measured_counts() -> None:
    before = row(sample(), "membership", findings=(), headline=None, status="not_tested", ratings=())
    assert kinds(before, sample()) == {"membership": "new"}
    stronger = membership(Status.PASS, 0.02, 0.01, 0.03, scope={"shadows": 2})
    assert kinds(stronger, sample()) == {"membership": "new"}


def test_less_severe_ones_can_be_left_out() -> None:
    worse = measured(sample(), "incomplete_testing", Status.FAIL, 0.9, 0.9, 0.9)
    found = between(sample(), worse, today=TODAY)
    assert found.regressions() and found.regressions(Severity.MODERATE)
    assert not found.regressions(Severity.IMPORTANT)


# Words --------------------------------------------------------------------------------------------------------------


def test_the_lines_say_what_to_look_at_and_what_to_do() -> None:
    view = measured(membership(Status.FAIL, 0.5, 0.45, 0.55), "perturbation", Status.PASS, 0.1, 0.05, 0.15)
    told = change_text.lines(change(view))
    assert told[0] == "Against the baseline (momus-baseline.json): 1 worse; 3 known, 1 fixed"
    assert "worse: membership.shadow on scorer, critical: 0.31 [0.29, 0.33] → 0.50 [0.45, 0.55]" in told[1]
    assert "known since 2027-03-01 by A. Person" in told[1]
    assert "fixed: perturbation.pgd on scorer: " in told[2] and "--write-baseline" in told[3]


def test_the_comment_begins_with_what_changed() -> None:
    out = io.StringIO()
    view = membership(Status.FAIL, 0.5, 0.45, 0.55)
    markdown.render(view, out, change=change(view), link="https://ci.example/run/7")
    lines = out.getvalue().split("\n")
    assert lines[0] == markdown.mark("loan-approval") == markdown.mark(view.run.system)
    assert "[The whole report](https://ci.example/run/7)" in lines
    at = [next(i for i, x in enumerate(lines) if x.startswith(w)) for w in ("### Against", "- ▲ **worse**", "| M01")]
    assert at == sorted(at)
    assert "<details><summary>As it was: 4</summary>" in lines


def test_a_hostile_baseline_and_link_write_no_markdown() -> None:
    odd = tuple(k.model_copy(update={"by": HOSTILE, "why": HOSTILE}) for k in OLD.entries)
    found = against_baseline(hostile_view(), OLD.model_copy(update={"entries": odd}), name=HOSTILE, today=TODAY)
    out = io.StringIO()
    markdown.render(hostile_view(), out, change=found)
    assert "<script" not in "".join(out.getvalue().split("`")[::2]) and len(out.getvalue()) < 65_536
    assert sum(x.startswith("<!--") for x in out.getvalue().split("\n")) == 1
    assert not any("\x1b" in line or "\n" in line for line in change_text.lines(found))
    for link in ("javascript:alert(1)", "https://x/)[a](http://y", "https://x/ y", "http://x\n"):
        with pytest.raises(MomusError, match="no web address"):
            markdown.address(link)


def test_a_change_of_thousands_fits_the_comment() -> None:
    odd = tuple(
        Known(fingerprint=f"{i:032d}", mode="shift", probe=f"shift.{'x' * 60}{i}", target="t", status=Status.FAIL,
              since=TODAY)
        for i in range(3000)
    )  # fmt: skip
    out = io.StringIO()
    markdown.render(sample(), out, change=change(sample(), OLD.model_copy(update={"entries": odd})))
    assert len(out.getvalue()) < 65_536 and sum(x.startswith("| M") for x in out.getvalue().split("\n")) == 17


def test_the_mark_of_one_system_is_no_other_systems() -> None:
    other = f"x {markdown.mark('loan-approval')}\n{markdown.mark('loan-approval')}"
    out = io.StringIO()
    markdown.render(with_run(sample(), system=other), out)
    assert markdown.mark("loan-approval") not in out.getvalue()
