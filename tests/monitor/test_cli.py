"""`momus monitor` as people meet it: what it prints, what it keeps, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from momus.assess import recall
from momus.cli.monitor_view import exit_code
from momus.core.records import Severity
from momus.core.registry import detector_ids
from momus.monitor.detector import fits
from momus.store import open_store

from .conftest import write_log, write_watched

Watched = Callable[..., Path]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def momus_(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command line in this process; a traceback fails the test."""
    from momus.cli.main import main

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err and isinstance(ended.value.code, int)
        return Said(ended.value.code, out, err)

    return call


Call = Callable[..., Said]


def test_a_log_that_moved_is_an_alarm_a_run_and_read_once(watched: Watched, momus_: Call) -> None:
    card = watched()
    log, store = card.parent / "requests.jsonl", card.parent / ".momus" / "runs.sqlite"
    write_log(log, 5200, moved_from=2500, broken=2)
    said = momus_("monitor", card, "--once")
    assert said.code == 1, said
    lines = said.out.splitlines()
    assert lines[0] == "log   window 1  2 lines no event: broken line, like xxxx xx xx xxxxx", (
        "its words stay in the log"
    )
    (alarm,) = [line for line in lines if line.startswith("ALARM") and "shift.inputs" in line]
    assert int(alarm.split("window ")[1].split()[0]) in (6, 7)
    assert "furthest column moved" in alarm and alarm.endswith("critical")
    assert "5,000 events in 10 windows" in said.out and "200 are in the window that is open" in said.out
    assert "false alarms: at most one in 100 windows" in said.out
    assert "supply_chain.version: no version of the model was approved" in said.out
    assert "secret-name" not in said.out + said.err
    shown = momus_("report", "--store", store)
    assert "M14 shift               FAIL" in shown.out and "momus monitor" in shown.out
    again = momus_("monitor", card, "--once")
    assert again.code == 5 and "ALARM" not in again.out, "nothing new is nothing judged, and nothing is told twice"
    stands = {line.split()[0]: line.split()[1] for line in again.out.splitlines() if line.startswith(("shift.", "nat"))}
    assert stands == {"shift.inputs": "alarm", "shift.harm": "alarm"}, "an alarm is no calm because nothing came since"
    with log.open("a") as more:
        more.write(log.read_text().splitlines()[-1] + "\n" * 1)
        more.writelines(line + "\n" for line in log.read_text().splitlines()[-400:])
    third = momus_("monitor", card, "--once", "--json")
    told = [json.loads(line) for line in third.out.splitlines()]
    assert [t["kind"] for t in told] == ["window", "summary"] and told[0]["window"] == 11
    assert "supply_chain.version" in told[1]["blind"] and told[1]["exit_code"] == third.code
    with open_store(store) as kept:
        assert [r.id for r in kept.runs()] == [told[1]["run"]]
        measured = {m.probe: m for m in recall(kept).measurements}
    assert measured["monitor/shift.inputs"].scope["windows"] == 11
    assert "secret-name" not in third.out


def test_calm_traffic_and_too_little_of_it(watched: Watched, momus_: Call) -> None:
    card = watched(detectors=["shift.inputs"])
    write_log(card.parent / "requests.jsonl", 3000)
    said = momus_("monitor", card, "--once", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    write_log(card.parent / "requests.jsonl", 300)
    few = momus_("monitor", card, "--once", "--fresh")
    assert few.code == 5 and "0 windows" in few.out and "300 are in the window that is open" in few.out


@pytest.mark.parametrize(
    ("windows", "worst", "bar", "code"),
    [(0, {}, "none", 5), (1, {}, "none", 0), (1, {"a": None}, "critical", 1), (1, {"a": Severity.NONE}, "important", 0),
     (1, {"a": Severity.NONE, "b": Severity.IMPORTANT}, "important", 1)],
    ids=["no window", "no alarm", "unrated", "below", "at the bar"],
)  # fmt: skip
def test_how_it_ends(windows: int, worst: dict[str, Severity | None], bar: str, code: int) -> None:
    watching: Any = SimpleNamespace(tally=SimpleNamespace(windows=windows, worst=worst))
    assert exit_code(watching, bar) == code


def test_bad_input_is_one_line(watched: Watched, momus_: Call, tmp_path: Path) -> None:
    def refused(because: str, *more: object, **monitor: object) -> None:
        said = momus_("monitor", watched(**monitor), "--once", *more)
        assert said.code == 2 and because in said.err.splitlines()[-1], said

    refused("there is no detector 'shfit'", detectors=["shfit"])
    refused("is no address for metrics", "--metrics", "here")
    refused("no events can be read from 'ftp://'", source="ftp://logs.example.org/x")
    card = watched()
    card.write_text(yaml.safe_dump({"system": "s"}))
    said = momus_("monitor", card)
    assert said.code == 2 and "card/no-monitor" in said.err
    assert momus_("monitor", tmp_path / "none.yaml").code == 2


def test_check_knows_the_section(watched: Watched, momus_: Call) -> None:
    alerts = [{"url": "http://hooks.example.org/x"}]
    said = momus_("check", watched(target="other", skip=["poisonin"], metrics="0.0.0.0:9464", alerts=alerts))
    assert said.code == 2
    for part in ("no target 'other'", "no detector 'poisonin'. Did you mean 'poisoning.", "in the clear",
                 "not signed", "metrics are offered to other machines"):  # fmt: skip
        assert part in said.out, said.out
    assert momus_("check", watched(metrics="9464")).code == 0


def test_every_detector_is_listed_explained_and_judged(momus_: Call) -> None:
    assert [i.removeprefix("monitor/") for i in detector_ids()] == list(fits())
    listed = {r["detector"]: r for r in json.loads(momus_("list", "detectors", "--json").out)}
    assert set(listed) == set(detector_ids())
    lacking = [name for name, row in listed.items() if row["limit"] == "-"]
    assert not lacking, f"no pass mark in judge/limits.toml: {lacking}"
    for name in listed:
        said = momus_("explain", name)
        assert said.code == 0 and "When it is at alarm" in said.out and "``" not in said.out
    unknown = momus_("explain", "monitor/shift.ham")
    assert unknown.code == 2 and "monitor/shift.harm" in unknown.err


def test_it_follows_a_log_and_ends_in_order(tmp_path: Path) -> None:
    card = write_watched(tmp_path, detectors=["shift.inputs"])
    whole = tmp_path / "whole.jsonl"
    write_log(whole, 4000, moved_from=1000)
    lines = whole.read_text().splitlines(keepends=True)
    (tmp_path / "requests.jsonl").write_text("".join(lines[:1000]))
    command = [sys.executable, "-m", "momus", "monitor", str(card), "--metrics", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        metrics = next(line for line in process.stderr if line.startswith("metrics: "))
        with (tmp_path / "requests.jsonl").open("a") as log:
            log.writelines(lines[1000:])
        alarm = next(line for line in process.stdout if line.startswith("ALARM"))
        process.send_signal(signal.SIGTERM)
        rest, warned = process.communicate(timeout=120)
    assert process.returncode == 1, warned
    assert metrics.startswith("metrics: http://127.0.0.1:") and "shift.inputs" in alarm
    assert "over 100" in rest and "run 2" in rest
