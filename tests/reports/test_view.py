"""The view is built once from what was judged, loses nothing, and reads back from JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from momus.core.errors import MomusError
from momus.core.records import Gap, Rating, Severity
from momus.judge import coverage
from momus.judge.controls import ControlRates
from momus.reports import ReportView, build_view, json_, write
from momus.reports.view import Mitigation
from momus.taxonomy import load
from momus.testing.report_sample import findings, hostile_view, sample_view
from momus.threats.model import Fired, FlowUse, ModeThreat, Question, ThreatModel


def _threat(slug: str, number: int) -> ModeThreat:
    return ModeThreat(
        mode=slug,
        id=f"M{number:02d}",
        name=slug,
        verdict="applies",
        reason=f"because of {slug}",
        rules=(Fired(id="R01", effect="applies", premise="p", because="the interface is open"),),
        flows=(
            FlowUse(id="C", text="C service", primary=True, present="yes"),
            FlowUse(id="H", text="H release outward", primary=False, present="no"),
        ),
        severity=Severity.IMPORTANT,
        row="a row",
        source="a source",
        questions=(Question(id="Q04", text="how sensitive is the data"),)
        if slug in ("membership", "inversion")
        else (),
    )


@pytest.fixture(scope="module")
def model() -> ThreatModel:
    modes = {m.slug: _threat(m.slug, m.number) for m in load().modes}
    return ThreatModel(system="s", card_digest="c", modes=modes, flows=(), chains=())


@pytest.fixture(scope="module")
def built(model: ThreatModel) -> ReportView:
    found = list(findings().values())
    ratings = [
        Rating(mode="membership", probe="membership.shadow", severity=Severity.CRITICAL, row="r", source="s"),
        Rating(mode="membership", probe="membership.loss", severity=Severity.LOW, row="r2", source="s"),
    ]
    gaps = [Gap(mode="poisoning", probe="poisoning.x", target="t", why="data", detail="d", how_to_close="h")]
    rows = coverage(model.modes, found, ratings, gaps)
    rates = {"b.y": ControlRates(probe="b.y", planted=2, hits=2, clean=2, false_alarms=0, passed=2)}
    return build_view(
        sample_view().run,
        rows,
        findings=found,
        ratings=ratings,
        gaps=gaps,
        threat_model=model,
        picture_svg="<svg/>",
        controls=rates,
        outside=load().outside,
    )


def test_takes_everything_over(built: ReportView) -> None:
    mode = built.mode("M04")
    assert (mode.slug, mode.status, mode.severity) == ("membership", "fail", Severity.CRITICAL)
    assert mode.headline == findings()["membership"] and mode.findings == (findings()["membership"],)
    assert mode.rating is not None and mode.rating.row == "r"
    assert mode.rated(findings()["membership"]) is Severity.CRITICAL
    assert [r.id for r in mode.rules] == ["R01"] and mode.verdict_reason == "because of membership"
    assert [f.id for f in mode.open_flows] == ["C"]
    assert mode.bar.severity is Severity.IMPORTANT
    assert built.mode("poisoning").gaps[0].detail == "d"
    assert [c.probe for c in built.controls] == ["b.y"]
    assert built.questions[0].modes == ("inversion", "membership")


def test_carries_the_words_of_the_taxonomy(built: ReportView) -> None:
    facts, mode = built.mode("membership").facts, load().mode("membership")
    assert facts.definition == mode.definition and facts.legal_questions == mode.legal_questions
    assert facts.access_violated == "no" and built.mode("supply_chain").facts.access_violated == "yes"
    assert built.mode("shift").facts.access_violated == "n/a"
    assert [m.id for m in facts.mitigations] == [m.id for m in mode.mitigations]
    assert built.outside[0].startswith("Bias and unfair treatment: ")


def test_sources_that_agree_share_a_line(built: ReportView) -> None:
    lost = built.mode("poisoning").facts.compromised
    assert [(c.source, c.lost) for c in lost] == [
        ("Microsoft, Kan", ("integrity",)),
        ("our reading", ("integrity", "availability")),
    ]


def test_a_finding_that_its_row_forgot_is_not_lost(model: ThreatModel) -> None:
    listed = findings()["shift"]
    forgotten = listed.model_copy(update={"probe": "shift.two_sample"})
    rows = coverage(model.modes, [listed], [], [])
    view = build_view(sample_view().run, rows, findings=[forgotten, listed], threat_model=model)
    assert view.mode("shift").findings == (listed, forgotten)


def test_seventeen_or_nothing(model: ThreatModel) -> None:
    rows = coverage(model.modes, [], [], [])
    with pytest.raises(ValidationError, match="17 different modes"):
        build_view(sample_view().run, rows[:-1])
    with pytest.raises(ValidationError, match="17 different modes"):
        build_view(sample_view().run, [*rows[:-1], rows[0]])


def test_counts_and_order() -> None:
    view = sample_view()
    assert view.counts == {
        "fail": 4,
        "error": 1,
        "inconclusive": 1,
        "not_tested": 8,
        "pass": 1,
        "not_applicable": 2,
    }
    assert view.worst is Severity.CRITICAL
    assert [m.id for m in view.priorities(9)] == ["M04", "M09", "M01", "M17", "M12", "M14"]


@pytest.mark.parametrize("make", [sample_view, hostile_view])
def test_json_reads_back_whole(make: object, tmp_path: Path) -> None:
    view = make()  # type: ignore[operator]
    json_.render(view, tmp_path / "r.json")
    assert json_.read(tmp_path / "r.json") == view


def test_json_is_ascii_and_has_a_schema() -> None:
    assert json_.dumps(hostile_view()).isascii()
    assert json.loads(json_.dumps(sample_view()))["schema_version"] == 1
    assert set(json_.schema()["required"]) >= {"run", "modes"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "reports/unreadable"),
        ("[]", "reports/not-a-report"),
        ('{"kind": "comparison"}', "reports/not-a-report"),
        ('{"kind": "report", "schema_version": 99}', "reports/too-new"),
        ('{"kind": "report", "schema_version": 1, "modes": []}', "reports/invalid"),
    ],
)
def test_unreadable_json_says_what_is_wrong(content: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(MomusError) as caught:
        json_.read(path)
    assert caught.value.code == code and str(path) in caught.value.place


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(MomusError, match="reports/unreadable"):
        json_.read(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("name", "starts"),
    [("r.html", "<!doctype html>"), ("r.md", "<!-- momus:loan-approval-"), ("r.json", "{"), ("r.txt", "\nloan")],
)
def test_the_suffix_names_the_format(name: str, starts: str, tmp_path: Path) -> None:
    assert write(sample_view(), tmp_path / name) == tmp_path / name
    assert (tmp_path / name).read_text("utf-8").startswith(starts)


def test_an_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(MomusError, match=r"\.html.*\.json"):
        write(sample_view(), tmp_path / "report.docx")
    write(sample_view(), tmp_path / "report.docx", "text")
    assert (tmp_path / "report.docx").exists()


def test_a_remedy_made_for_the_failed_probe_comes_first() -> None:
    """What answers only other findings is left out; what answers everything follows."""
    row = next(m for m in sample_view().modes if m.status == "fail" and m.headline is not None)
    assert row.headline is not None
    general, made, other = (
        Mitigation(id=name, text=name, against=against)
        for name, against in (("general", ()), ("made", (row.headline.probe[:-2] + "*",)), ("other", ("stealing.x",)))
    )
    changed = row.model_copy(update={"facts": row.facts.model_copy(update={"mitigations": (general, other, made)})})
    assert [m.id for m in changed.remedies] == ["made", "general"]
    assert changed.answered(made)[0] == row.headline.probe
    assert changed.answered(general) == ()
    second = row.headline.model_copy(update={"probe": "stealing.x"})
    both = changed.model_copy(update={"findings": (*changed.findings, second)})
    assert [m.id for m in both.remedies] == ["made", "general", "other"]
