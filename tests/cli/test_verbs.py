"""The verbs as a user calls them, in this process: what they answer, which code they end with, what they leave."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from momus.cli.main import VERBS

Call = Callable[..., object]
Make = Callable[..., Path]


LAVA = Path(__file__).parents[2] / "examples" / "lava-world"


def statuses(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {m["slug"]: m["status"] for m in report["modes"]}


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_every_verb_has_help(momus_, verb):
    said = momus_(*[v for v in (verb, "--help") if v])
    assert said.code == 0
    assert said.out.startswith("Usage: momus")


def test_assess_measures_once_and_reports(momus_, fresh: Make, tmp_path: Path) -> None:
    card = fresh()
    page, plain = tmp_path / "new" / "r.html", tmp_path / "r.json"
    said = momus_("assess", card, "-o", page, "-o", plain)
    assert said.code == 0
    assert all(f"M{i:02d} " in said.out for i in range(1, 18))
    assert "kept from an earlier run" not in said.err and "[2/2]" in said.err
    assert page.read_text().startswith("<!DOCTYPE html>") or page.read_text().startswith("<!doctype html>")
    assert json.loads(plain.read_text())["kind"] == "report"
    again = momus_("assess", card)
    assert again.err.count("kept from an earlier run") == 2
    fresh_run = momus_("assess", card, "--fresh", "--only", "M14")
    assert "kept from" not in fresh_run.err and "[2/2]" in fresh_run.err and "membership" not in fresh_run.err


def test_a_card_is_assessed_by_a_relative_path(momus_, fresh: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    card = fresh()
    monkeypatch.chdir(card.parent.parent)
    said = momus_("assess", f"{card.parent.name}/momus.yaml", "--only", "shift.groups")
    assert said.code == 0 and "[1/1] shift.groups" in said.err
    assert (card.parent / ".momus" / "runs.sqlite").is_file() and not Path(".momus").exists()


def test_json_is_json_and_nothing_else(momus_, assessed: Path) -> None:
    for command in (
        ("assess", "--json"),
        ("report", "--json"),
        ("compare", "--json"),
        ("plan", "--json"),
        ("list", "runs", "--json"),
        ("list", "probes", "--json"),
        ("list", "modes", "--json"),
        ("list", "adapters", "--json"),
    ):
        said = momus_(*command)
        assert said.code in (0, 1), (command, said.err)
        assert json.loads(said.out), command


def test_exit_codes_follow_bar_and_strictness(momus_, assessed: Path) -> None:
    limit = ("--limit", "shift.groups=-0.9")
    assert momus_("report").code == 0
    failed = momus_("report", *limit)
    assert "FAIL" in failed.out
    severity = next(w for w in ("critical", "important", "moderate", "low") if f"FAIL {w}" in failed.out)
    assert momus_("report", *limit, "--bar", severity).code == 1
    if severity != "critical":
        assert momus_("report", *limit, "--bar", "critical").code == 0
    assert momus_("report", "--strict").code == 4
    assert momus_("report", "--strict", *limit, "--bar", severity).code == 1


def test_nothing_to_run_is_5_and_a_crash_is_3(momus_, fresh: Make) -> None:
    nothing = fresh(select=["reward_hacking"])
    assert momus_("assess", nothing).code == 5
    assert momus_("plan", nothing).code == 5
    broken = fresh(function="gone")
    said = momus_("assess", broken)
    assert said.code == 3 and "no 'gone' in it" in said.err


def test_missing_data_is_named_in_the_report(momus_, fresh: Make) -> None:
    card = fresh()
    (card.parent / "test.csv").unlink()
    said = momus_("assess", card)
    assert said.code == 5
    assert "test.csv: this file does not exist" in said.out.replace("\n     ", " ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("assess", "no.yaml"), ["no.yaml", "momus init"]),
        (("assess", "--only", "perturbation.pdg"), ["perturbation.pdg", "Did you mean perturbation.pgd"]),
        (("assess", "--only", "membershp"), ["membership"]),
        (("plan", "--only", "nothing-like-it-at-all"), ["momus list probes"]),
        (("assess", "--queries", "0"), ["--queries", "x>=1"]),
        (("assess", "--seconds", "-3"), ["--seconds", "x>0"]),
        (("assess", "--workers", "0"), ["--workers"]),
        (("assess", "--backend", "spark"), ["spark", "loky"]),
        (("assess", "--store", "foo://x"), ["not a store URL"]),
        (("assess", "-o", "report.pdf"), ["report.pdf", ".html"]),
        (("assess", "-o", "."), ["is no report"]),
        (("report", "nosuchrun"), ["nosuchrun", "There are: "]),
        (("report", "--limit", "membership.loss"), ["PROBE=NUMBER"]),
        (("report", "--limit", "membership.loss=nan"), ["PROBE=NUMBER"]),
        (("report", "--limit", "membership.los=1"), ["Did you mean membership.loss"]),
        (("report", "--store", "nowhere.sqlite"), ["nowhere.sqlite", "no stored runs"]),
        (("compare", "a", "b"), ["no run called 'a'"]),
        (("reproduce", "no-such-example"), ["no example"]),
        (("reproduce", LAVA, "--only", "shift.groups"), ["expects nothing of 'shift.groups'", "shift.environment"]),
        (("scan", "no-such-file"), ["does not exist"]),
        (("explain", "perturbation.pdg"), ["Did you mean perturbation.pgd"]),
        (("lookup", "qqqqzzzz"), ["momus list modes"]),
        (("list", "everything"), ["probes", "runs"]),
        (("asess",), ["Did you mean 'assess'"]),
    ],
)
def test_what_cannot_be_done_is_one_line_and_2(momus_, assessed: Path, arguments, words) -> None:
    said = momus_(*arguments)
    assert said.code == 2
    assert not said.out
    assert all(word in said.err for word in words), said.err
    assert "momus/bug" not in said.err


def test_a_bad_name_on_the_card_has_its_line(momus_, fresh: Make) -> None:
    card = fresh(select=["membership.los"])
    said = momus_("assess", card)
    assert said.code == 2
    line = 1 + next(i for i, text in enumerate(card.read_text().splitlines()) if "membership.los" in text)
    assert f"momus.yaml:{line}:" in said.err and "card/unknown-probe" in said.err and "membership.loss" in said.err


def test_all_problems_of_a_card_are_told(momus_, tmp_path: Path) -> None:
    card = tmp_path / "momus.yaml"
    card.write_text("system: x\ntargts: []\ndta: {}\n")
    said = momus_("assess", card)
    assert said.code == 2
    assert ":2:1 card/unknown-key" in said.err and ":3:1 card/unknown-key" in said.err


def test_nothing_is_measured_for_a_report_that_cannot_be_written(momus_, fresh: Make, tmp_path: Path) -> None:
    card = fresh()
    (tmp_path / "file").write_text("")
    said = momus_("assess", card, "-o", tmp_path / "file" / "r.html")
    assert said.code == 2 and "cannot be written" in said.err
    assert not (card.parent / ".momus").exists()


def test_a_full_disk_keeps_the_verdict_reachable(momus_, assessed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("momus.reports.write", full)
    said = momus_("report", "-o", "r.html")
    assert said.code == 2
    assert "r.html reports/unwritable" in said.err and "No space left on device" in said.err


def test_a_bug_of_ours_is_3_and_debug_shows_where(momus_, assessed, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("momus.assess.assessment.review", broken)
    said = momus_("report")
    assert said.code == 3 and said.err.startswith("momus/bug: ZeroDivisionError: oops")
    from momus.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["report", "--debug"])
    assert ended.value.code == 3
    assert "Traceback" in capsys.readouterr().err


def test_reading_makes_no_store_and_says_where_one_is(momus_, assessed: Path, monkeypatch) -> None:
    monkeypatch.chdir(assessed.parent)
    for command in (("report",), ("compare",), ("list", "runs")):
        said = momus_(*command)
        assert said.code == 2
        assert f"--store {assessed.name}/.momus/runs.sqlite" in said.err
    assert not Path(".momus").exists()
    assert momus_("report", "--store", f"{assessed.name}/.momus/runs.sqlite").code == 0
    assert momus_("report", "--card", f"{assessed.name}/momus.yaml").code == 0


def test_a_run_is_found_by_its_beginning(momus_, assessed: Path) -> None:
    runs = json.loads(momus_("list", "runs", "--json").out)
    assert [r["seed"] for r in runs] == [1, 0]
    oldest = runs[-1]["run"]
    said = momus_("report", oldest[:-1])
    assert said.code == 0 and oldest in said.out
    assert "seed 0" in said.out
    assert momus_("report", "2").code == 2  # both begin so


def test_compare_takes_the_run_before(momus_, assessed: Path, tmp_path: Path) -> None:
    late, early = (r["run"] for r in json.loads(momus_("list", "runs", "--json").out))
    change = json.loads(momus_("compare", "--json").out)
    assert (change["before"], change["after"]) == (early, late)
    assert len(change["modes"]) == 17
    page = tmp_path / "change.html"
    said = momus_("compare", early, late, "-o", page)
    assert said.code == 0 and early in said.out and late in page.read_text()
    said = momus_("compare", early, early)
    assert said.code == 0
    assert momus_("compare", "--store", assessed / "momus.yaml").code == 2


def test_a_stricter_card_is_no_regression(momus_, assessed: Path) -> None:
    """The same numbers under a stricter card: the row reads worse, the system is what it was."""
    text = Path("momus.yaml").read_text()
    Path("momus.yaml").write_text(text + "limits: {shift.groups: 0.99, membership.loss: 0.99}\n")
    assert momus_("assess").code == 0
    Path("momus.yaml").write_text(text + "limits: {shift.groups: -0.99, membership.loss: 0.99}\n")
    momus_("assess")
    said = momus_("compare")
    assert said.code == 0 and "1 of 17 modes got worse" in said.out
    said = momus_("compare", "--fail-on-regression")
    assert said.code == 0 and "No regression beyond the intervals" in said.out


def test_report_rejudges_and_leaves_the_store_alone(momus_, assessed: Path) -> None:
    store = assessed / ".momus" / "runs.sqlite"
    before = momus_("list", "runs").out
    strict = json.loads(momus_("report", "--json", "--limit", "shift.groups=-0.9").out)
    plain = json.loads(momus_("report", "--json").out)
    assert statuses(strict)["shift"] == "fail" and statuses(plain)["shift"] != "fail"
    assert momus_("list", "runs").out == before and store.is_file()
    said = momus_("report", "-o", "r.md")
    assert not said.out and "Report: r.md" in said.err and Path("r.md").read_text().count("M0") >= 9


def test_plan_tells_gaps_once_and_what_cannot_pass(momus_, fresh: Make) -> None:
    said = momus_("plan", fresh(n=60, select=["membership.loss", "perturbation.square"]))
    assert said.code == 0
    assert "membership.loss on model cannot pass" in said.out and "at least 73 rows" in said.out
    assert "perturbation.square on model cannot pass" not in said.out
    assert "has no probe for the mode" not in said.out
    enough = momus_("plan", fresh(n=80, select=["membership.loss", "perturbation.square"]))
    assert "cannot pass" not in enough.out


def test_the_warning_stands_before_the_run_too(momus_, fresh: Make) -> None:
    said = momus_("assess", fresh(n=60, select=["membership.loss"]))
    assert said.err.index("cannot pass") < said.err.index("[1/1]")
    assert "warning" not in momus_("assess", fresh(n=80, select=["membership.loss"])).err


def test_a_capped_probe_is_told_to_raise_its_option(momus_, fresh: Make) -> None:
    card = fresh(select=["perturbation.square"], probes={"perturbation.square": {"n": 5}})
    said = momus_("plan", card)
    assert "raise its option n to 12 or more" in said.out, said.out


def test_a_pipe_gets_whole_lines_and_a_narrow_screen_none_too_long(momus_, assessed: Path, monkeypatch) -> None:
    for what in ("probes", "modes", "adapters", "runs"):
        monkeypatch.delenv("COLUMNS", raising=False)
        flat = momus_("list", what).out.splitlines()
        assert len(flat) == 1 + len(json.loads(momus_("list", what, "--json").out))
        monkeypatch.setenv("COLUMNS", "80")
        narrow = momus_("list", what).out.splitlines()
        assert max(map(len, narrow)) <= 80 and not any(line != line.rstrip() for line in narrow)
        assert not any("…" in line for line in narrow)
    assert max(map(len, momus_("plan").out.splitlines())) <= 80


def test_the_password_of_a_store_is_not_kept(momus_, assessed: Path) -> None:
    from momus.cli import options
    from momus.cli.main import cli

    for given, kept in {
        "me:hunter2@host/base": "me:***@host/base",
        "me:hunter2/hunter2@hunter2 @host/base": "me:***@host/base",
        "me@host/base?sslmode=require&password=hunter2&a=b": "me@host/base?sslmode=require&password=***&a=b",
    }.items():
        words = ["assess", "--store", f"postgresql+psycopg://{given}"]
        with cli.make_context("momus", list(words), obj={"argv": words}):
            assert options.command_line() == f"momus assess --store 'postgresql+psycopg://{kept}'"


# What the test below looks at, without the modes whose probes train many models.
SHOWN = ("membership", "perturbation.square", "supply_chain", "shift", "natural")


@pytest.mark.slow
@pytest.mark.parametrize("only", [SHOWN, pytest.param((), marks=pytest.mark.soak)], ids=["shown", "all"])
def test_the_demo_shows_a_leak_a_pass_and_an_open_question(momus_, tmp_path: Path, monkeypatch, only) -> None:
    from momus import assess

    monkeypatch.setattr("momus.assess.assess", partial(assess.assess, only=only))
    monkeypatch.chdir(tmp_path)
    said = momus_("demo")
    assert said.code == 0, said.err
    report = json.loads(momus_("report", "--json", "--store", "momus-demo/.momus/runs.sqlite").out)
    status = statuses(report)
    assert status["membership"] == "fail" and status["perturbation"] == "fail"
    assert status["natural"] == status["supply_chain"] == "pass"
    assert status["shift"] == "inconclusive"
    assert (tmp_path / "momus-demo" / "report.html").stat().st_size > 50_000
    again = momus_("demo")
    measured = int(again.err.split(" measurements")[0].split()[-1])
    assert again.err.count("kept from an earlier run") == measured >= 8
    Path("taken").write_text("")
    assert momus_("demo", "taken").code == 2
    if os.getuid():
        assert momus_("demo", "/proc/demo").code == 2
