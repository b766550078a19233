"""The pytest plugin as its users meet it: real pytest runs over a small system."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from momus.core.decisions import Waived, system_id
from momus.core.records import Caveat, Interval, Limit, Measurement
from momus.judge import decide
from momus.pytest_plugin.fixture import Measured
from momus.store import open_store

pytest_plugins = ("pytester",)

CODE = """
from pathlib import Path
import numpy as np
with open("opened.txt", "a") as mark:
    mark.write("x")

def good(x):
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def raises(x):
    raise RuntimeError("the weights are missing")

def breaks(x):
    return raises(x) if len(x) > 50 else good(x)
"""
# One that fails, one that passes, one that cannot be decided with so few rows.
LIMITS = {"shift.two_sample": -1.0, "shift.groups": 2.0}
CARD = {
    "system": "small",
    "targets": [
        {
            "name": "model",
            "adapter": "callable",
            "factory": "model.py:good",
            "classes": ["no", "yes"],
            "output": "probabilities",
        }
    ],
    "data": {n: {"path": f"{n}.csv", "label": "label", "groups": ["site"]} for n in ("train", "test")},
    "select": ["membership.loss", "shift.groups", "shift.two_sample"],
    "limits": LIMITS,
    "budget": {"seconds": 30, "memory_mb": 1500},
}
Run = Callable[..., pytest.RunResult]


def write(folder: Path, **changes: object) -> Path:
    (folder / "model.py").write_text(CODE)
    for seed, name in enumerate(("train", "test")):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, 120))
        label = np.where(a - b > 0, "yes", "no")
        site = np.where(rng.random(120) < 0.5, "north", "south")
        rows = [f"{x:.5f},{y:.5f},{s},{t}" for x, y, s, t in zip(a, b, site, label, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,site,label", *rows]) + "\n")
    card = folder / "momus.yaml"
    card.write_text(yaml.safe_dump({**CARD, **changes}, sort_keys=False))
    return card


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds every number already, so that runs over it measure nothing again."""
    import momus

    folder = tmp_path_factory.mktemp("system")
    momus.assess(write(folder))
    return folder


@pytest.fixture
def measured(system: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copytree(system, tmp_path / "system"))


@pytest.fixture
def run(pytester: pytest.Pytester, measured: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`pytest --momus momus.yaml ...` in that folder, in this process."""
    monkeypatch.chdir(measured)

    def go(*arguments: str, card: str = "momus.yaml") -> pytest.RunResult:
        return pytester.runpytest_inprocess("--rootdir", str(measured), "--momus", card, *arguments)

    return go


def test_every_mode_has_an_item_and_only_a_pass_passes(run: Run, measured: Path) -> None:
    result = run("-v", "--momus-report", "r.json", "--junitxml", "j.xml", "-rs")
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "inconclusive": 1, "skipped": 15}
    out = result.stdout.str()
    assert "momus.yaml::M14::shift.groups[model] PASSED" in out
    assert "momus.yaml::M14::shift.two_sample[model] FAILED" in out
    assert "momus.yaml::M04::membership.loss[model] INCONCLUSIVE" in out
    assert {f"M{n:02}" for n in range(1, 18)} == {p.split("::")[1] for p in out.split() if p.startswith("momus.yaml::")}
    summary = out[out.index("- momus: momus.yaml, run") :]
    assert [line[:3] for line in summary.splitlines() if line[:1] == "M"] == [f"M{n:02}" for n in range(1, 18)]
    assert "Traceback" not in out and "running.py" not in out and "collecting.py" not in out
    cases = {c.get("name"): c for c in ElementTree.parse(measured / "j.xml").iter("testcase")}
    told = {p.get("name"): p.get("value") for p in cases["shift.two_sample[model]"].iter("property")}
    assert told["momus.mode"] == "M14" and told["momus.status"] == "fail" and float(str(told["momus.limit"])) == -1
    assert (measured / "r.json").is_file()


def test_a_failure_says_number_interval_limit_severity_remedy_and_command(run: Run) -> None:
    out = run("-k", "two_sample").stdout.str()
    text = out[out.index("FAILURES") :]
    for label in ("measured", "limit", "because", "severity", "do", "again"):
        assert f"\n  {label} " in text
    assert "at most -1 (card: set by the card)" in text and "[" in text.split("measured")[1].split("\n")[0]
    assert "--only shift.two_sample --seed 0 --fresh" in text and "FAIL critical" in text


def test_only_what_is_selected_is_measured_and_the_rest_is_not_passed_off(run: Run, measured: Path) -> None:
    assert run("-k", "groups", "-m", "momus").parseoutcomes() == {"passed": 1, "deselected": 17}
    with open_store(measured / ".momus" / "runs.sqlite") as store:
        head = store.run("latest")
        assert [m.probe for m in store.records(head.id)] == ["shift.groups"]
    left = {g["probe"]: g["why"] for g in head.settings["gaps"]}
    assert left["membership.loss"] == "not-selected"
    assert run("momus.yaml::M14::shift.groups[model]").parseoutcomes() == {"passed": 1}
    assert run("-k", "two_sample or groups", "-x").parseoutcomes()["failed"] == 1


def test_collecting_measures_and_stores_nothing(run: Run, measured: Path) -> None:
    result = run("--collect-only", "-q", "--momus-store", "fresh.sqlite")
    assert result.stdout.str().count("momus.yaml::M") == 18 and result.ret == 0
    assert not (measured / "fresh.sqlite").exists() and "- momus:" not in result.stdout.str()


def test_a_run_that_measures_nothing_is_not_green(run: Run, measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(measured.parent)
    result = run("-k", "M17", card="system/momus.yaml")
    assert "- momus: system/momus.yaml, run" in result.stdout.str()  # cards are all called alike
    assert result.parseoutcomes() == {"skipped": 1, "deselected": 17}
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED and "nothing was measured" in result.stdout.str()


def test_last_failed_runs_what_failed(run: Run) -> None:
    run("-o", "cache_dir=cache", "-k", "shift")
    assert run("-o", "cache_dir=cache", "--lf").parseoutcomes() == {"failed": 1, "deselected": 17}


def test_strict_lets_nothing_undecided_or_untested_through(run: Run) -> None:
    outcomes = run("--momus-strict").parseoutcomes()
    assert outcomes["passed"] == 1 and "inconclusive" not in outcomes
    ruled_out = outcomes.get("skipped", 0)
    assert outcomes["failed"] + ruled_out == 17 and outcomes["failed"] > 5


def test_a_waived_fail_is_an_expected_failure_and_never_a_pass(run: Run, measured: Path) -> None:
    until = date.today() + timedelta(days=9)
    with open_store(measured / ".momus" / "runs.sqlite") as store:
        store.append("", Waived(id="w", system=system_id("small"), mode="shift", probe="shift.two_sample",
                                reason="until the new data arrive", by="Ada", until=until))  # fmt: skip
    result = run("-k", "two_sample", "-rx")
    assert result.parseoutcomes() == {"xfailed": 1, "deselected": 17}
    assert f"accepted by Ada until {until}: until the new data arrive" in result.stdout.str()
    assert run("-k", "two_sample", "--runxfail").parseoutcomes()["failed"] == 1


def test_a_fail_below_the_bar_is_an_expected_failure(run: Run, measured: Path) -> None:
    no = ("use.safety", "use.security", "use.decides_others", "data.persons", "env.acts")
    facts = {"api.reach": "none", "data.class": "public", **dict.fromkeys(no, False)}
    write(measured, facts=facts)
    result = run("-k", "two_sample", "-rx", "--momus-bar", "critical")
    write(measured)
    assert result.parseoutcomes() == {"xfailed": 1, "deselected": 17}
    assert "below the bar critical" in result.stdout.str()


@pytest.mark.parametrize(("function", "item"), [("breaks", "shift.groups[model]"), ("raises", "not_opened[model]")])
def test_a_broken_model_is_an_error_without_a_traceback(pytester: pytest.Pytester, function: str, item: str) -> None:
    target = {**CARD["targets"][0], "factory": f"model.py:{function}"}  # type: ignore[index]
    write(pytester.path, targets=[target], select=["shift.groups"])
    result = pytester.runpytest_inprocess("--momus", "momus.yaml", "-k", "M14")
    out = result.stdout.str()
    assert result.parseoutcomes()["errors"] == 1 and "passed" not in result.parseoutcomes()
    assert f"ERROR momus.yaml::M14::{item}" in out and "the weights are missing" in out
    assert "Traceback" not in out and result.ret == 1


def test_minutes_that_are_too_few_skip_and_say_how_many_more(run: Run, measured: Path) -> None:
    (measured / "fresh.sqlite").unlink(missing_ok=True)
    result = run("--momus-minutes", "0.001", "--momus-store", "fresh.sqlite", "-rs", "-k", "M04 or M14")
    assert result.parseoutcomes().keys() <= {"skipped", "errors", "deselected"}
    assert "more minute" in result.stdout.str() and not (measured / "fresh.sqlite").exists()


def test_a_bad_card_is_one_line_with_its_place(pytester: pytest.Pytester) -> None:
    write(pytester.path, sistem="twice")
    result = pytester.runpytest_inprocess("--momus", "momus.yaml")
    lines = [line for line in result.stdout.str().splitlines() if "momus.yaml:" in line and "sistem" in line]
    assert lines and "card/" in lines[0] and "Traceback" not in result.stdout.str()
    missing = pytester.runpytest_inprocess("--momus", "none.yaml")
    assert missing.ret == pytest.ExitCode.USAGE_ERROR
    wrong = pytester.runpytest_inprocess("--momus", "momus.yaml", "--momus-report", "r.docx")
    assert "end it in one of" in wrong.stderr.str()


@pytest.mark.slow
def test_several_workers_plan_once_and_measure_each_job_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pytester.path, select=["shift.groups", "membership.loss"])
    pytester.makepyfile("def test_ordinary(): pass")
    asked = ("-n", "2", "-k", "groups or loss or ordinary", "-p", "xdist", "-p", "momus.pytest_plugin")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each worker would load every plugin there is
    result = pytester.runpytest_subprocess("--momus", "momus.yaml", *asked)
    assert result.parseoutcomes()["passed"] >= 1
    with open_store(pytester.path / ".momus" / "runs.sqlite") as store:
        (head,) = store.runs()
        assert sorted(m.probe for m in store.records(head.id)) == ["membership.loss", "shift.groups"]
    assert (pytester.path / "opened.txt").read_text() == "xxx", "once to plan, once for each measurement"
    assert "M17 incomplete_testing" in result.stdout.str()


def test_a_job_that_serves_several_modes_is_measured_once(tmp_path: Path) -> None:
    from dataclasses import replace

    from momus.assess.piecewise import Pieces, Prepared, prepare
    from momus.assess.run import Settings

    prepared = prepare(write(tmp_path, select=["shift.groups"]), Settings())
    (job,) = prepared.jobs
    one, other = Pieces(prepared), Pieces(Prepared.of_text(prepared.text()))  # as in two processes
    assert other.prepared == prepared
    both = replace(job, modes=("shift", "natural"))
    assert one.measure(both) == other.measure(both)
    assert len(one.store.records(prepared.head.id)) == 1
    assert {f.mode for f in one.judged(one.measure(both)).findings} == {"shift"}
    done = other.finish()
    assert [m.probe for m in done.measurements] == ["shift.groups"] and not Path(prepared.folder).exists()


FIXTURE = """
import numpy as np, pytest
from sklearn.tree import DecisionTreeClassifier

rng = np.random.default_rng(0)
x = rng.normal(size=(3000, 4))
y = (x[:, 0] + rng.normal(size=3000) > 0).astype(int)
overfitted = DecisionTreeClassifier(random_state=0).fit(x[:1500], y[:1500])
half = {"train": (x[:1500], y[:1500]), "test": (x[1500:], y[1500:])}

def test_fails(momus):
    found = momus.measure("shift.two_sample", momus.target(overfitted), train=half["train"][0], test=x[1500:] + 2)
    found.assert_passes()

def test_passes(momus):
    found = momus.measure("shift.two_sample", overfitted, train=x[:1500], test=x[1500:])
    found.assert_passes()
    found.assert_value(below=0.2)
    assert found.status == "pass" and found.value == found.measurement.value

def test_undecided(momus):
    some = {"train": (x[:40], y[:40]), "test": (x[1500:1540], y[1500:1540])}
    momus.measure("membership.loss", overfitted, **some).assert_passes()

def test_misspelt(momus):
    momus.measure("membership.loss", overfitted, trian=half["train"])

def test_card(momus):
    done = momus.assess("momus.yaml", only="shift.groups")
    assert done["M14"].status != "fail"
    assert momus.assess("momus.yaml", only="shift.groups") is done
"""


def test_the_fixture_in_ordinary_tests(pytester: pytest.Pytester, measured: Path, run: Run) -> None:
    (measured / "test_model.py").write_text(FIXTURE)
    result = pytester.runpytest_inprocess("--rootdir", str(measured), str(measured / "test_model.py"))
    assert result.parseoutcomes() == {"passed": 2, "failed": 3}
    out = result.stdout.str()
    assert "shift.two_sample on model: fail" in out and "membership.loss on model: inconclusive" in out
    assert "membership.loss takes no 'trian'. Data: test, train" in out
    assert "fixture.py" not in out.split("test_misspelt")[0], "no lines of ours in a failed assertion"
    assert "- momus:" not in out, "no output of the plugin without --momus"


@pytest.mark.parametrize(
    ("value", "low", "high", "caveat", "below", "above", "outcome"),
    [
        (0.05, 0.02, 0.08, "", 0.1, None, ""),
        (0.05, 0.02, 0.12, "", 0.1, None, "inconclusive"),
        (0.5, 0.4, 0.6, "", 0.1, None, "fail"),
        (0.05, 0.02, 0.08, "pass", 0.1, None, "inconclusive"),
        (0.5, 0.4, 0.6, "", None, 0.3, ""),
        (0.5, 0.2, 0.6, "", None, 0.3, "inconclusive"),
        (0.1, 0.05, 0.2, "", None, 0.3, "fail"),
    ],
)
def test_a_number_counts_only_with_its_whole_interval(
    value: float, low: float, high: float, caveat: str, below: float | None, above: float | None, outcome: str
) -> None:
    caveats = (Caveat(code="c", message="the attack could not work", blocks="pass"),) if caveat else ()
    made = Measurement(probe="shift.mix", target="m", metric="gap", value=value, ci=Interval(low=low, high=high), n=99,
                       worse="higher", caveats=caveats)  # fmt: skip
    found = Measured(decide(made, Limit(probe="shift.mix", value=0.1)))
    if not outcome:
        found.assert_value(below=below, above=above)
        return
    with pytest.raises(AssertionError, match=f"shift.mix on m: {outcome}"):
        found.assert_value(below=below, above=above)


def test_the_plugin_loads_nothing_until_a_card_is_named_and_can_be_left_out(pytester: pytest.Pytester) -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import momus.pytest_plugin; "
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('momus')), 'numpy' in sys.modules, "
        "'momus.assess' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False", "False"]
    pytester.makepyfile("def test_plain(): pass")
    without = pytester.runpytest_inprocess("-p", "no:momus")
    assert without.parseoutcomes() == {"passed": 1} and "momus" not in without.stdout.str().lower().split("rootdir")[0]
