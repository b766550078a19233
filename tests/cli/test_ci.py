"""Continuous integration from the command line: baselines, regressions, recipes and hooks as people copy them."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import yaml

from momus.cli.log_lines import QuietLines, quiet
from momus.reports import baseline

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "ci"
# Both rows fail under these limits, whatever was measured.
HARD = ("--limit", "shift.groups=-0.9", "--limit", "membership.loss=-0.9", "--bar", "low")


def failing(folder: Path) -> None:
    """The card with limits under which both rows fail: stored measurements are judged anew."""
    card = yaml.safe_load((folder / "momus.yaml").read_text())
    card["limits"] = {"shift.groups": -0.9, "membership.loss": -0.9}
    (folder / "momus.yaml").write_text(yaml.safe_dump(card, sort_keys=False))


def edit(path: Path, probe: str, **changes: Any) -> None:
    content = json.loads(path.read_text())
    for entry in content["entries"]:
        if entry["probe"] == probe:
            entry.update(changes)
    path.write_text(json.dumps(content))


def test_a_baseline_stops_only_what_is_new_or_worse(momus_, assessed: Path) -> None:
    plain = momus_("report", *HARD)
    assert plain.code == 1
    said = momus_("report", *HARD, "--write-baseline", "known.json", "--by", "A. Person")
    assert said.code == 1 and not said.out and "Baseline: known.json, 2 known" in said.err
    assert {e["by"] for e in json.loads(Path("known.json").read_text())["entries"]} == {"A. Person"}

    held = momus_("report", *HARD, "--baseline", "known.json")
    assert held.code == 0 and "Nothing new, nothing worse; 2 known" in held.out
    # The report itself hides nothing: but for the baseline's lines it is what it was.
    assert held.out.startswith(plain.out)

    edit(Path("known.json"), "membership.loss", value=-0.95, low=-0.96, high=-0.94)
    worse = momus_("report", *HARD, "--baseline", "known.json")
    assert worse.code == 1 and "worse: membership.loss on model" in worse.out
    edit(Path("known.json"), "membership.loss", until="2020-01-01")
    assert "that day has passed" in momus_("report", *HARD, "--baseline", "known.json").out
    fixed = momus_("report", "--baseline", "known.json", "--bar", "low")
    assert fixed.code == 0 and "fixed: " in fixed.out and "momus report --write-baseline" in fixed.out


def test_json_stays_json_and_files_tell_the_change(momus_, assessed: Path) -> None:
    momus_("report", *HARD, "--write-baseline", "known.json")
    said = momus_("report", *HARD, "--baseline", "known.json", "--json")
    assert json.loads(said.out)["kind"] == "report" and "2 known" in said.err
    outputs = ("summary.md", "momus.sarif", "momus.all.sarif", "momus.xml", "r.sarif.json")
    options = [x for name in outputs for x in ("-o", f"out/{name}")]
    momus_("report", *HARD, "--baseline", "known.json", "--link", "https://ci.example/7", *options)
    sarif = json.loads(Path("out/momus.sarif").read_text())["runs"][0]
    assert {r["baselineState"] for r in sarif["results"]} == {"unchanged"}
    assert sarif["invocations"][0]["exitCode"] == 0
    uri = sarif["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    region = sarif["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert uri == "momus.yaml"
    assert "model" in Path("momus.yaml").read_text().split("\n")[region["startLine"] - 1]
    everything = json.loads(Path("out/momus.all.sarif").read_text())["runs"][0]["results"]
    assert len({r["properties"]["mode"] for r in everything}) == 17
    assert json.loads(Path("out/r.sarif.json").read_text())["version"] == "2.1.0"
    assert len(Xml.parse("out/momus.xml").getroot()) == 17
    summary = Path("out/summary.md").read_text()
    assert summary.startswith("<!-- momus:small-") and "(https://ci.example/7)" in summary


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--baseline", "none.json"), ["none.json", "baseline/unreadable"]),
        (("--baseline", "other.json"), ["baseline/other-system", "'other'"]),
        (("--link", "javascript:1"), ["reports/link"]),
        (("--write-baseline", "."), ["is a directory"]),
        (("-o", "momus.csvx"), ["end it in one of", ".all.sarif"]),
        (("-o", ".sarif"), ["end it in one of"]),
    ],
    ids=["missing", "other-system", "link", "folder", "ending", "no-name"],
)  # fmt: skip
def test_what_is_of_no_use_is_refused_before_anything_is_measured(momus_, assessed: Path, arguments, words) -> None:
    baseline.write(baseline.Baseline(system="other"), "other.json")
    shutil.rmtree(".momus")
    said = momus_("assess", *arguments)
    assert said.code == 2 and not said.out and not Path(".momus").exists()
    assert all(w in said.err for w in words), said.err


def test_a_baseline_of_another_system_is_not_overwritten(momus_, assessed: Path) -> None:
    baseline.write(baseline.Baseline(system="other"), "known.json")
    said = momus_("report", "--write-baseline", "known.json")
    assert said.code == 2 and "other-system" in said.err
    assert json.loads(Path("known.json").read_text())["system"] == "other"


def test_an_assessment_held_against_a_baseline(momus_, assessed: Path) -> None:
    """The whole way: measured numbers come from the store, so nothing is measured twice."""
    failing(assessed)
    assert momus_("assess", "--bar", "low").code == 1
    momus_("report", "--write-baseline", "known.json")
    said = momus_("assess", "--bar", "low", "--baseline", "known.json", "--seed", "1")
    assert said.code == 0 and "2 known" in said.out, said.out


def test_compare_of_two_files_needs_no_store(momus_, assessed: Path) -> None:
    momus_("report", "-o", "main.json")
    momus_("report", *HARD, "-o", "branch.json")
    shutil.rmtree(".momus")
    assert momus_("compare", "main.json", "branch.json").code == 0
    # The limits are others, the numbers are not.
    said = momus_("compare", "main.json", "branch.json", "--fail-on-regression")
    assert said.code == 0 and "No regression beyond the intervals." in said.out

    moved = json.loads(Path("main.json").read_text())
    for m in moved["modes"]:
        for f in (*m["findings"], m["headline"]):
            if f and f["probe"] == "membership.loss":
                x = f["measurement"]
                x["value"], x["ci"]["low"], x["ci"]["high"] = -0.95, -0.96, -0.94
    Path("main.json").write_text(json.dumps(moved))
    said = momus_("compare", "main.json", "branch.json", "--fail-on-regression")
    assert said.code == 1 and "Regression, new: membership.loss on model" in said.out
    least = momus_("compare", "main.json", "branch.json", "--fail-on-regression", "--min-severity", "critical")
    severity = next(m["severity"] for m in json.loads(Path("branch.json").read_text())["modes"] if m["id"] == "M04")
    assert least.code == (1 if severity == "critical" else 0)
    as_json = momus_("compare", "main.json", "branch.json", "--fail-on-regression", "--json")
    assert json.loads(as_json.out)["kind"] == "comparison" and "Regression" in as_json.err

    Path("other.json").write_text(json.dumps({**moved, "run": {**moved["run"], "system": "other"}}))
    said = momus_("compare", "other.json", "branch.json", "--fail-on-regression")
    assert said.code == 2 and "compare/other-system" in said.err
    assert momus_("compare", "none.json", "branch.json").code == 2


def test_a_known_failure_is_no_regression_of_a_comparison(momus_, assessed: Path) -> None:
    failing(assessed)
    momus_("report", "--card", "momus.yaml", "-o", "branch.json", "--write-baseline", "known.json")
    content = json.loads(Path("branch.json").read_text())
    for m in content["modes"]:
        m |= {"findings": [], "headline": None, "ratings": [], "status": "not_tested"}
    Path("main.json").write_text(json.dumps(content))
    assert momus_("compare", "main.json", "branch.json", "--fail-on-regression").code == 1
    said = momus_("compare", "main.json", "branch.json", "--fail-on-regression", "--baseline", "known.json")
    assert said.code == 0


# What build servers obey ---------------------------------------------------------------------------------------------

ORDERS = ("::set-output name=a::b", "  ::error::x", "\t\u3000::add-mask::x", "a ##[error]b", "##vso[task.setvariable]x")


def obeyed(text: str) -> list[str]:
    """The lines in which a runner would find a command, as GitHub's and Azure's read them."""
    lines = re.split(r"\r\n|[\r\n]", text)
    return [x for x in lines if x.lstrip().startswith("::") or re.search(r"##(\[|vso\[|teamcity\[)", x)]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_no_line_commands_a_runner_however_it_is_written(cut: int) -> None:
    out = io.StringIO()
    stream = QuietLines(out)
    for order in ORDERS:
        for text in (order[:cut], order[cut:], "\n", "said: ", order, "\r", order, "\n"):
            assert stream.write(text) == len(text)
    # A word cut in its middle is only mended for '::', which must begin a line.
    assert not [x for x in obeyed(out.getvalue()) if "##" not in x or cut == 0]
    assert quiet("a::b and C++::c\nx ::y") == "a::b and C++::c\nx ::y"


def test_hostile_names_command_no_runner(momus_, assessed: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    card = yaml.safe_load(Path("momus.yaml").read_text())
    card["system"] = "::error::pwned ##[error]x"
    card["targets"][0]["name"] = "::stop-commands::x"
    Path("momus.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    monkeypatch.setenv("CI", "true")
    before = sys.stdout
    said = momus_("assess", "-o", "r.json", "-o", "s.md", "-o", "s.sarif", "-o", "s.xml")
    assert "pwned" in said.out and not obeyed(said.out) and not obeyed(said.err)
    told = momus_("report", "--json")
    assert json.loads(told.out)["run"]["system"] == card["system"] and not obeyed(told.out)
    assert not obeyed(Path("s.sarif").read_text())
    assert not obeyed(momus_("check", "::error::no.yaml").err)
    assert sys.stdout is before


# Recipes -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(assessed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The assessed system as a runner checks it out: a git repository, `momus` on the path, nothing else of ours."""
    tools = tmp_path / "tools"
    tools.mkdir()
    call = f'#!/bin/sh\nexec "{sys.executable}" -c "from momus.cli.main import main; main()" "$@"\n'
    (tools / "momus").write_text(call)
    (tools / "momus").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    for name in ("GITHUB_ACTOR", "CI_COMMIT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    git("init", "-q", "-b", "main")
    (assessed / ".gitignore").write_text(".momus/\n__pycache__/\n")
    git("add", "-A")
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "first")
    yield assessed


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def shell(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """As GitHub runs a step: bash, stopped by the first error."""
    env = {**os.environ, "CI": "true", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(["bash", "-e", "-c", script], env=env, capture_output=True, text=True, timeout=120)


def recipe(name: str) -> dict[Any, Any]:
    return yaml.safe_load((RECIPES / name).read_text("utf-8"))


def steps(job: str) -> dict[str, str]:
    found = recipe("github-actions.yml")["jobs"][job]["steps"]
    return {s["name"]: s["run"] for s in found if "run" in s}


def test_the_github_recipe_gives_no_right_to_the_job_that_runs_the_model() -> None:
    content = recipe("github-actions.yml")
    assert content["permissions"] == {"contents": "read"}
    jobs = content["jobs"]
    assert "permissions" not in jobs["assess"]
    assert jobs["code-scanning"]["permissions"] == {"contents": "read", "security-events": "write"}
    assert jobs["comment"]["permissions"] == {"pull-requests": "write"}
    for job in jobs.values():
        for step in job["steps"]:
            assert re.fullmatch(r"[\w./-]+@v\d+", step.get("uses", "x/y@v1")), step
            # No expression in a script: a branch's name would be code there.
            assert "${{" not in step.get("run", "")
            assert step.get("with", {}).get("persist-credentials", False) is False
        if job is not jobs["assess"]:
            assert "head.repo.full_name == github.repository" in job["if"]
            assert "momus " not in "".join(s.get("run", "") for s in job["steps"])
    assert content[True].keys() == {"pull_request", "push"}  # YAML reads 'on' as true; never pull_request_target


def test_the_github_recipe_runs(checkout: Path) -> None:
    lines = steps("assess")
    assert lines.pop("Install Momus") == 'python -m pip install "momus[torch]"'
    (checkout / "step.md").touch()
    told = {"GITHUB_STEP_SUMMARY": str(checkout / "step.md"), "RUN_URL": "https://github.com/a/b/actions/runs/1"}
    for name, script in lines.items():
        done = shell(script, **told)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    assert sorted(p.name for p in Path("momus-report").iterdir()) == [
        "momus.sarif", "momus.xml", "report.html", "report.json", "summary.md"
    ]  # fmt: skip
    assert (checkout / "step.md").read_text() == Path("momus-report/summary.md").read_text()
    assert told["RUN_URL"] in (checkout / "step.md").read_text()
    assert Path(".momus/main.json").is_file()

    # With a baseline it is given to the assessment, whose exit code ends the step; the comparison's ends its own.
    said = checkout / "said"
    (checkout.parent / "tools" / "momus").write_text(f'#!/bin/sh\necho "$*" >> "{said}"\nexit 3\n')
    (checkout / "momus-baseline.json").touch()
    assert shell(lines["Assess"], **told).returncode == 3
    assert shell(lines["Hold a pull request against main"]).returncode == 3
    assess, compare = said.read_text().splitlines()
    assert "--baseline momus-baseline.json --link https://github.com/a/b/actions/runs/1 -o" in assess
    assert compare.startswith("compare .momus/main.json momus-report/report.json --fail-on-regression ")


def test_the_comment_is_found_by_its_mark_and_written_anew(checkout: Path, tmp_path: Path) -> None:
    mark, body = "<!-- momus:small-1 -->", Path("momus-report/summary.md")
    body.parent.mkdir()
    body.write_text(f"{mark}\n## Momus\n")
    (tmp_path / "tools" / "gh").write_text(
        '#!/bin/sh\ncase "$*" in *--paginate*) cat "$PAGES";; *) echo "$*" >> "$CALLS";; esac\n'
    )
    (tmp_path / "tools" / "gh").chmod(0o755)
    pages, calls = tmp_path / "pages", tmp_path / "calls"
    told = {"REPO": "a/b", "PR": "7", "PAGES": str(pages), "CALLS": str(calls)}
    script = steps("comment")["Comment"]
    someone = f"1\tsomeone\t{mark}\n2\tgithub-actions[bot]\t## other\n"
    for text in ("", someone):
        pages.write_text(text)
        calls.unlink(missing_ok=True)
        assert shell(script, **told).returncode == 0
        assert "POST repos/a/b/issues/7/comments -F body=@momus-report/summary.md" in calls.read_text()
    pages.write_text(f"{someone}31\tgithub-actions[bot]\t{mark}\n32\tgithub-actions[bot]\t{mark}\n")
    calls.unlink()
    assert shell(script, **told).returncode == 0
    assert "PATCH repos/a/b/issues/comments/31 " in calls.read_text() and calls.read_text().count("\n") == 1


def test_the_gitlab_recipe_runs(momus_, checkout: Path) -> None:
    job = recipe("gitlab-ci.yml")["momus"]
    assert job["before_script"] == ['python -m pip install "momus[torch]"']
    assert job["artifacts"]["when"] == "always" and ".momus/" in job["cache"]["paths"]
    told = {"CI_JOB_URL": "https://gitlab.example/a/b/-/jobs/1", "CI_DEFAULT_BRANCH": "main"}
    script = "\n".join(job["script"])
    momus_("report", "-o", ".momus/main.json")
    failing(checkout)
    done = shell(script.replace("momus assess", "momus assess --bar low"), CI_COMMIT_BRANCH="change", **told)
    assert done.returncode == 1 and "No regression beyond the intervals." in done.stdout, done.stderr
    assert len(Xml.parse(job["artifacts"]["reports"]["junit"]).getroot()) == 17
    assert told["CI_JOB_URL"] in Path("momus-report/summary.md").read_text()


@pytest.mark.parametrize(("branch", "assess", "compare", "code"), [
    ("main", 0, 1, 0), ("main", 1, 0, 1), ("change", 0, 1, 1), ("change", 3, 1, 3), ("change", 0, 0, 0),
], ids=["main", "main-fails", "regression", "crash", "fine"])  # fmt: skip
def test_the_gitlab_job_ends_as_its_parts_do(checkout: Path, tmp_path: Path, branch, assess, compare, code) -> None:
    (tmp_path / "tools" / "momus").write_text(
        f"#!/bin/sh\ncase $1 in assess) mkdir -p momus-report; echo {branch} > momus-report/report.json; "
        f"exit {assess};; compare) exit {compare};; esac\n"
    )
    (checkout / ".momus" / "main.json").write_text("main of before\n")
    script = "\n".join(recipe("gitlab-ci.yml")["momus"]["script"])
    told = {"CI_JOB_URL": "https://x", "CI_DEFAULT_BRANCH": "main"}
    assert shell(script, CI_COMMIT_BRANCH=branch, **told).returncode == code
    kept = (checkout / ".momus" / "main.json").read_text()
    assert kept == ("main\n" if branch == "main" else "main of before\n")


# pre-commit ----------------------------------------------------------------------------------------------------------


def hooks() -> dict[str, dict[str, Any]]:
    return {h["id"]: h for h in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


def commit(config: list[dict[str, Any]]) -> dict[str, int]:
    """What pre-commit does: each hook with the staged files that its pattern takes, or always if it asks for that."""
    staged = git("diff", "--cached", "--name-only", "--diff-filter=ACMR").split("\n")[:-1]
    codes = {}
    for hook in config:
        files = [f for f in staged if re.search(hook.get("files", ""), f)]
        if files or hook.get("always_run"):
            entry = [
                *hook["entry"].split(),
                *hook.get("args", ()),
                *(files if hook.get("pass_filenames", True) else ()),
            ]
            codes[hook["id"]] = subprocess.run(entry, capture_output=True, timeout=60).returncode
    return codes


def test_the_hooks_and_the_copied_configuration_are_the_same() -> None:
    (own,) = recipe("pre-commit-config.yaml")["repos"]
    keys = ("entry", "files", "pass_filenames", "always_run", "require_serial")
    copied = {h["id"]: {k: h.get(k) for k in keys} for h in own["hooks"]}
    assert copied == {i: {k: h.get(k) for k in keys} for i, h in hooks().items()}
    assert set(copied) == {"momus-verify", "momus-scan", "momus-check"}
    assert {h["language"] for h in hooks().values()} == {"python"} and all(h["description"] for h in hooks().values())


def test_the_hooks_catch_a_changed_file_a_dangerous_one_and_a_wrong_card(checkout: Path) -> None:
    (checkout / "weights.pkl").write_bytes(b"\x80\x04K\x01.")
    card = yaml.safe_load((checkout / "momus.yaml").read_text())
    card["supply"] = {"files": [{"path": "weights.pkl"}]}
    (checkout / "momus.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    assert shell("momus lock").returncode == 0
    git("add", "-A")
    config = list(hooks().values())
    assert commit(config) == {"momus-check": 0, "momus-scan": 0, "momus-verify": 0}
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "locked")
    assert commit(config) == {"momus-verify": 0}  # nothing staged: only what always runs

    (checkout / "weights.pkl").write_bytes(b"\x80\x04K\x02.")
    git("add", "-A")
    assert commit(config) == {"momus-scan": 0, "momus-verify": 1}
    (checkout / "weights.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    git("add", "-A")
    assert commit(config) == {"momus-scan": 1, "momus-verify": 1}
    (checkout / "sub").mkdir()
    (checkout / "sub" / "momus.yaml").write_text("sytem: x\n")
    git("add", "-A")
    assert commit(config)["momus-check"] == 2
