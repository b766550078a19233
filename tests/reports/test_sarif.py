"""SARIF: valid against the published schema and what code-scanning pages ask for, the same alert in every run."""

from __future__ import annotations

import gzip
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft4Validator, FormatChecker

from momus.core.records import Caveat, Gap, Severity, Status
from momus.reports import places, sarif
from momus.reports.baseline import of_view
from momus.reports.regression import against_baseline
from momus.reports.view import ReportView
from momus.testing.report_changes import CARD, TODAY, again, carded, measured, row, sample, waived, with_run
from momus.testing.report_contract import ReportContract, words
from momus.testing.report_sample import HOSTILE, hostile_view

SCHEMA = json.loads(gzip.decompress((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json.gz").read_bytes()))
formats = FormatChecker(formats=())


@formats.checks("uri")
def _uri(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", value))


@formats.checks("uri-reference")
def _reference(value: object) -> bool:
    if not isinstance(value, str):
        return True
    clean = re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2})*", value)
    return bool(clean) and urlsplit(value) is not None


@formats.checks("date-time")
def _moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    return True


VALIDATOR = Draft4Validator(SCHEMA, format_checker=formats)
VIEWS = {
    "sample": sample(),
    "hostile": hostile_view(),
    "hostile-card": carded(f"system: {json.dumps(HOSTILE)}\ntargets: [{{name: {json.dumps(HOSTILE)}}}]\n", HOSTILE),
    "waived": waived(sample(), "membership", reason=HOSTILE, by="x\x1b]0;\x07y"),
}


def log(view: ReportView, **more: Any) -> dict[str, Any]:
    out = io.StringIO()
    sarif.render(view, out, **more)
    return json.loads(out.getvalue())


def results(view: ReportView, **more: Any) -> list[dict[str, Any]]:
    return log(view, **more)["runs"][0]["results"]


def of(found: list[dict[str, Any]], rule: str) -> dict[str, Any]:
    return next(r for r in found if r["ruleId"] == rule)


class TestSarif(ReportContract):
    def render(self, view: ReportView) -> str:
        out = io.StringIO()
        sarif.render(view, out)
        return out.getvalue()

    def read(self, text: str) -> str:
        return "\n".join(words(json.loads(text)))


@pytest.mark.parametrize("whole", [False, True], ids=["alerts", "all"])
@pytest.mark.parametrize("name", list(VIEWS))
def test_valid_against_the_published_schema(name: str, whole: bool) -> None:
    view = VIEWS[name]
    change = against_baseline(view, of_view(view, today=TODAY), name=HOSTILE, today=TODAY)
    content = log(view, whole=whole, change=change, exit_code=1)
    assert [f"{list(e.path)}: {e.message[:200]}" for e in VALIDATOR.iter_errors(content)] == []


def test_the_schema_notices_what_is_wrong() -> None:
    """The check itself: each of these must be refused."""
    for break_ in (
        lambda r: r["results"][0].update(kind="maybe"),
        lambda r: r["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].update(uri="a b"),
        lambda r: r["tool"]["driver"]["rules"][0].update(helpUri="relative/page"),
        lambda r: r["invocations"][0].pop("executionSuccessful"),
        lambda r: r["results"][0]["message"].pop("text"),
    ):
        content = log(sample())
        break_(content["runs"][0])
        assert list(VALIDATOR.iter_errors(content))


@pytest.mark.parametrize("whole", [False, True], ids=["alerts", "all"])
@pytest.mark.parametrize("name", list(VIEWS))
def test_holds_to_what_code_scanning_asks_for(name: str, whole: bool) -> None:
    content = log(VIEWS[name], whole=whole)
    run = content["runs"][0]
    driver = run["tool"]["driver"]
    assert content["version"] == "2.1.0" and len(content["runs"]) == 1 and driver["name"] == "Momus"
    assert len({r["id"] for r in driver["rules"]}) == len(driver["rules"])
    for rule in driver["rules"]:
        texts = (rule["shortDescription"]["text"], rule["fullDescription"]["text"])
        assert all(0 < len(t) <= 1024 for t in texts) and len(rule["name"]) <= 255 and rule["help"]["text"]
        assert len(rule["properties"]["tags"]) <= 10
        score = rule["properties"].get("security-severity")
        assert score is None or 0.0 < float(score) <= 10.0
        assert rule["properties"].get("precision", "low") in ("very-high", "high", "medium", "low")
        assert rule["properties"].get("problem.severity", "error") in ("error", "warning", "recommendation")
    for r in run["results"]:
        assert driver["rules"][r["ruleIndex"]]["id"] == r["ruleId"]
        assert r["message"]["text"] and r["partialFingerprints"]["primaryLocationLineHash"]
        assert r["kind"] == "fail" or r["level"] == "none"  # section 3.27.10 of the standard
        at = r["locations"][0]["physicalLocation"]
        uri = at["artifactLocation"]["uri"]
        assert uri and not urlsplit(uri).scheme and not uri.startswith(("/", "../"))
        region = at["region"]
        assert region["startLine"] == region["endLine"] >= 1 and region["endColumn"] > region["startColumn"] >= 1


def test_only_what_somebody_must_act_on_unless_all_is_asked_for() -> None:
    alerts, everything = results(sample()), results(sample(), whole=True)
    assert sorted(r["properties"]["status"] for r in alerts) == ["error", "fail", "fail", "fail", "fail"]
    assert {r["properties"]["mode"] for r in everything} == {f"M{i:02d}" for i in range(1, 18)}
    kinds = {r["properties"]["status"]: r["kind"] for r in everything}
    assert kinds == {
        "fail": "fail", "error": "fail", "pass": "pass", "inconclusive": "review", "not_tested": "open",
        "not_applicable": "notApplicable",
    }  # fmt: skip
    plain = measured(sample(), "shift", Status.INCONCLUSIVE, caveats=())
    assert of(results(plain, whole=True), "shift.groups")["kind"] == "open"
    noted = measured(plain, "shift", Status.INCONCLUSIVE, caveats=(Caveat(code="x", message="y", blocks="none"),))
    assert of(results(noted, whole=True), "shift.groups")["kind"] == "open"


def test_level_and_score_follow_the_bug_bar_and_worst_comes_first() -> None:
    found = results(sample())
    levels = [(r["properties"].get("severity"), r["level"]) for r in found]
    assert levels == [
        ("critical", "error"), ("critical", "error"), ("important", "error"), ("moderate", "warning"), (None, "warning")
    ]  # fmt: skip
    rules = {r["id"]: r["properties"] for r in log(sample())["runs"][0]["tool"]["driver"]["rules"]}
    assert float(rules["membership.shadow"]["security-severity"]) > 9.0
    assert 7.0 <= float(rules["perturbation.pgd"]["security-severity"]) < 9.0
    assert "security" in rules["perturbation.pgd"]["tags"]
    # Nobody attacks by testing too little: no security score, and no such tag.
    assert "security-severity" not in rules["incomplete_testing.coverage"]
    assert "security" not in rules["incomplete_testing.coverage"]["tags"]
    assert rules["incomplete_testing.coverage"]["problem.severity"] == "warning"


def test_an_alert_stays_the_same_in_every_run() -> None:
    view = carded()
    before = {r["ruleId"]: r["partialFingerprints"] for r in results(view)}
    later = measured(again(view), "membership", Status.FAIL, 0.5, 0.4, 0.6)
    after = {r["ruleId"]: r["partialFingerprints"] for r in results(later)}
    assert before == after and len({str(p) for p in before.values()}) == 5
    other = results(with_run(view, system="another"))
    assert not {str(r["partialFingerprints"]) for r in other} & {str(p) for p in before.values()}


def test_a_crash_keeps_the_alert_of_what_failed_before() -> None:
    before = of(results(sample()), "membership.shadow")
    m = sample().mode("membership")
    assert m.headline is not None
    broken = m.headline.model_copy(update={"status": Status.ERROR, "measurement": None, "fingerprint": "other"})
    after = of(results(row(sample(), "membership", findings=(broken,), headline=broken)), "membership.shadow")
    assert after["partialFingerprints"] == before["partialFingerprints"]
    assert "broke down" in after["message"]["text"] and "Not a pass" in after["message"]["text"]


def test_what_a_baseline_knew_stays_an_alert_when_it_can_no_longer_be_decided() -> None:
    baseline = of_view(sample(), today=TODAY)
    now = measured(sample(), "membership", Status.INCONCLUSIVE, 0.05, 0.01, 0.3)
    assert "membership.shadow" not in {r["ruleId"] for r in results(now)}
    change = against_baseline(now, baseline, name="b.json", today=TODAY)
    found = results(now, change=change)
    assert of(found, "membership.shadow")["baselineState"] == "updated"
    assert of(found, "perturbation.pgd")["baselineState"] == "unchanged"
    fresh = against_baseline(sample(), baseline.model_copy(update={"entries": ()}), name="b", today=TODAY)
    assert {r["baselineState"] for r in results(sample(), change=fresh)} == {"new"}


def test_points_at_the_line_of_the_target_and_of_what_decided() -> None:
    found = of(results(carded()), "membership.shadow")
    region = found["locations"][0]["physicalLocation"]["region"]
    line = CARD.split("\n")[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "scorer"
    lines = [x["physicalLocation"]["region"]["startLine"] for x in found["relatedLocations"]]
    assert [CARD.split("\n")[n - 1].split(":")[0].strip() for n in lines] == ["membership.shadow", "- {mode"]
    pilot = of(results(carded()), "reward_hacking.proxy_gap")["locations"][0]
    assert "pilot" in CARD.split("\n")[pilot["physicalLocation"]["region"]["startLine"] - 1]
    assert pilot["logicalLocations"][0]["name"] == "pilot"
    # A target that the card does not name: the line that names the system.
    elsewhere = of(results(carded("# a card\nsystem: x\n")), "membership.shadow")
    assert elsewhere["locations"][0]["physicalLocation"]["region"]["startLine"] == 2


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("momus.yaml", "momus.yaml"),
        ("./a b/ü#?.yaml", "a%20b/%C3%BC%23%3F.yaml"),
        ("/home/someone/secret-project/momus.yaml", "momus.yaml"),
        ("../../up/momus.yaml", "momus.yaml"),
        ("C:\\Users\\someone\\momus.yaml", "momus.yaml"),
        ("a/b\n::set-output/x.yaml", "a/b%0A%3A%3Aset-output/x.yaml"),
    ],
    ids=["plain", "encoded", "absolute", "above", "windows", "newline"],
)
def test_the_card_is_named_from_the_root_and_never_by_a_place_of_the_machine(written: str, uri: str) -> None:
    content = json.dumps(log(carded(path=written)))
    found = json.loads(content)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert found == {"uri": uri, "uriBaseId": "%SRCROOT%"}
    assert "someone" not in content and "secret-project" not in content


def test_a_card_in_a_folder_of_a_repository_is_named_from_its_root(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "repository"
    (home / ".git").mkdir(parents=True)
    (home / "models" / "loan").mkdir(parents=True)
    card = home / "models" / "loan" / "momus.yaml"
    card.write_text(CARD)
    (home / "link.yaml").symlink_to(card)
    monkeypatch.chdir(card.parent)
    for written in ("momus.yaml", str(card), "../../link.yaml"):
        assert places.card_uri(carded(path=written).run) == "models/loan/momus.yaml"
    assert unquote(results(carded())[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) == (
        "models/loan/momus.yaml"
    )


def test_without_a_card_file_no_place_is_made_up() -> None:
    found = results(carded(path=""))[0]["locations"][0]
    assert "physicalLocation" not in found and found["logicalLocations"][0]["name"] == "scorer"


def test_an_accepted_finding_is_shown_as_suppressed_with_who_and_until() -> None:
    found = of(results(waived(sample(), "membership")), "membership.shadow")
    assert found["kind"] == "fail" and found["level"] == "error"
    (one,) = found["suppressions"]
    assert (one["kind"], one["status"]) == ("external", "accepted")
    assert all(w in one["justification"] for w in ("a test system", "A. Person", "2027-06-30"))
    assert "suppressions" not in of(results(sample()), "membership.shadow")


def test_gaps_and_crashes_are_told_with_the_run() -> None:
    (told,) = log(sample(), exit_code=1)["runs"][0]["invocations"]
    assert told["executionSuccessful"] is False and told["exitCode"] == 1
    assert [n["descriptor"]["id"] for n in told["toolExecutionNotifications"]] == ["broke-down"]
    gaps = {n["descriptor"]["id"]: n for n in told["toolConfigurationNotifications"]}
    assert "pip install 'momus" in gaps["not-run/extra"]["message"]["text"]
    assert gaps["not-run/waived"]["level"] == "note" and gaps["not-run/data"]["level"] == "warning"
    assert "exitCode" not in log(sample())["runs"][0]["invocations"][0]


def test_modes_are_taxa_with_their_names_elsewhere() -> None:
    run = log(sample())["runs"][0]
    ours, *outside = run["taxonomies"]
    assert [t["id"] for t in ours["taxa"]] == [f"M{i:02d}" for i in range(1, 18)]
    assert {t["name"] for t in outside} >= {"MITRE ATLAS", "CWE"}
    assert len(run["tool"]["driver"]["supportedTaxonomies"]) == len(run["taxonomies"])
    perturbation = {
        (r["target"]["toolComponent"]["name"], r["target"]["id"]): r["kinds"] for r in ours["taxa"][0]["relationships"]
    }
    # The outside object is the wider one: in SARIF's words the target is a superset.
    assert perturbation["CWE", "CWE-1039"] == ["superset"] and perturbation["MITRE ATLAS", "AML.T0043"] == ["superset"]
    for taxon in ours["taxa"]:
        for relation in taxon.get("relationships", ()):
            there = run["taxonomies"][relation["target"]["toolComponent"]["index"]]
            assert there["taxa"][relation["target"]["index"]]["id"] == relation["target"]["id"]
            assert there["name"] == relation["target"]["toolComponent"]["name"]
    assert not any(t["id"] == "-" for x in outside for t in x["taxa"])
    for r in run["results"]:
        assert ours["taxa"][r["taxa"][0]["index"]]["id"] == r["taxa"][0]["id"] == r["properties"]["mode"]
    rule = run["tool"]["driver"]["rules"][0]
    assert rule["relationships"][0]["kinds"] == ["superset"] and rule["helpUri"].startswith("https://arxiv.org/abs/")


def test_the_category_is_the_systems_and_the_rest_the_runs() -> None:
    one, two = (log(v)["runs"][0]["automationDetails"]["id"] for v in (sample(), again(sample())))
    assert one.rpartition("/")[0] == two.rpartition("/")[0] != "" and one != two
    hostile = log(with_run(sample(), id="a/b/../c", system="x/y"))["runs"][0]["automationDetails"]["id"]
    assert hostile.count("/") == 2 and hostile.startswith("momus/x-y-")


def test_no_link_and_no_placeholder_comes_out_of_a_hostile_string() -> None:
    for r in results(VIEWS["hostile"], whole=True):
        assert "](" not in r["message"]["text"]
    braces = measured(sample(), "membership", Status.FAIL, unit="{0}")
    assert "{{0}}" in of(results(braces), "membership.shadow")["message"]["text"]


def test_severity_raises_no_score_where_nothing_failed() -> None:
    passed = measured(sample(), "membership", Status.PASS, 0.01, 0.0, 0.02)
    rules = {r["id"]: r["properties"] for r in log(passed)["runs"][0]["tool"]["driver"]["rules"]}
    assert "security-severity" not in rules["membership.shadow"]
    low = measured(sample(), "membership", Status.FAIL, severity=Severity.LOW)
    assert of(results(low), "membership.shadow")["level"] == "note"


def test_a_run_in_which_a_target_did_not_open_was_no_success() -> None:
    sound = row(sample(), "reward_hacking", findings=(), headline=None, status="not_tested", ratings=())
    shut = Gap(mode="stealing", probe="stealing.tree", target="b", why="unopened", detail="d", how_to_close="h")
    told = [sarif.log(v)["runs"][0]["invocations"][0] for v in (sound, row(sound, "stealing", gaps=(shut,)))]
    assert [i["executionSuccessful"] for i in told] == [True, False]
