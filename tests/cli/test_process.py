"""What only a real process shows: signals, closed pipes, other folders, plain terminals. No worker outlives its run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from momus.store import open_store

Make = Callable[..., Path]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:[349]\d|10\d)(?:;\d+)*m")  # bold and dim are none
MOMUS = [sys.executable, "-m", "momus"]


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    command = [*MOMUS, *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)  # type: ignore[call-overload,no-any-return]


def descendants(pid: int) -> set[int]:
    """Processes below ``pid``, whatever session or group they moved to."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found: set[int] = set()
    while grown := {p for p, above in parents.items() if above in {pid, *found}} - found:
        found |= grown
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what: Callable[[], object], seconds: float = 40.0) -> object:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_order(fresh: Make, momus_: Callable[..., Any], how: signal.Signals) -> None:
    """The file scan is measured at once; the other probe hangs in the user's model and must die with the run."""
    card = fresh(function="hangs", select=["supply_chain.artifacts", "membership.loss"])
    text = card.read_text().replace("factory: model.py:hangs", "factory: model.py:hangs\n  files: [weights.json]")
    card.write_text(text)
    (card.parent / "weights.json").write_text('{"a": 1}')
    store = card.parent / ".momus" / "runs.sqlite"
    process = subprocess.Popen(
        [*MOMUS, "assess", str(card), "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A suite that was started in the background ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(how, signal.SIG_DFL),
    )  # fmt: skip
    workers: set[int] = set()
    try:
        wait_for(lambda: store.exists() and (r := open_store(store).runs()) and open_store(store).records(r[0].id))
        wait_for(lambda: len(descendants(process.pid)) >= 2)  # the nursery and the worker that hangs
        workers = descendants(process.pid)
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted; what was measured is stored" in err and "Traceback" not in err and not out
    wait_for(lambda: not any(alive(w) for w in workers), 10)
    opened = open_store(store)
    (head,) = opened.runs()
    assert head.ended is None and len(opened.records(head.id)) == 1
    assert "interrupted or running" in momus_("list", "runs", "--store", store).out
    shown = momus_("report", "--store", store)
    assert shown.code == 0 and "M09" in shown.out


@pytest.mark.parametrize(
    "command", ["list modes", "explain M04", "lookup poison", "threats", "report", "report --json"]
)
def test_a_closed_pipe_is_silent(assessed: Path, command: str) -> None:
    """A reader that is gone before the first line: worse than head, and always so."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*MOMUS, *command.split()], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, cwd=assessed
    )
    os.close(writing)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_a_reader_that_leaves_costs_no_report_and_no_verdict(assessed: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*MOMUS, "report", "--json", "--limit", "shift.groups=-0.9", "--bar", "low", "-o", "r.html"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, cwd=assessed)
    os.close(writing)
    assert done.returncode == 1
    assert (assessed / "r.html").is_file() and done.stderr.strip() == "Report: r.html"


# One process that runs several command lines: what they print is tested here, not how they start.
SEVERAL = """
import sys
from momus.cli.main import main

codes = []
for line in sys.argv[1:]:
    try:
        main(line.split())
    except SystemExit as ended:
        codes.append((line, ended.code))
if any(code for _, code in codes) or len(codes) != len(sys.argv) - 1:
    sys.exit(repr(codes))
"""


def test_no_colour_in_a_pipe_and_no_crash_of_an_ascii_terminal(assessed: Path) -> None:
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "TERM": "xterm-256color"}
    commands = ("explain M04", "threats", "list modes", "list probes", "plan", "report", "compare")
    command = [sys.executable, "-c", SEVERAL, *commands]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=assessed, env=plain)
    assert said.returncode == 0, said.stderr
    assert "\x1b" not in said.stdout + said.stderr
    assert "momus/bug" not in said.stderr
    assert all(word in said.stdout for word in ("M04", "membership.loss", "shift.groups"))


def on_a_terminal(*commands: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and all that is shown on a terminal that has colours."""
    here, there = os.openpty()
    shown = b""
    told = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", SEVERAL, *commands], stdin=there, stdout=there, stderr=there, cwd=folder, env=told
    )
    os.close(there)
    try:
        with contextlib.suppress(OSError):  # what reading says when the last writer has gone
            while part := os.read(here, 65536):
                shown += part
        return process.wait(timeout=60), shown.decode()
    finally:
        process.kill()
        os.close(here)


def test_a_terminal_has_colours_but_none_under_no_color(assessed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    code, shown = on_a_terminal("report", folder=assessed)
    assert code == 0 and COLOUR.search(shown), shown
    code, shown = on_a_terminal("explain M04", "threats", "list modes", "report", folder=assessed, NO_COLOR="1")
    assert code == 0 and "M04" in shown and not COLOUR.search(shown), shown


def test_a_store_without_the_right_to_write(fresh: Make) -> None:
    said = run("assess", fresh(), "--store", "/proc/runs.sqlite")
    assert said.returncode == 2 and not said.stdout
    assert said.stderr.startswith("/proc/runs.sqlite store/not-writable")
    assert said.stderr.count("\n") == 1
