"""`momus scan --prove`: what a file does, beside the static verdict, which only ever gets graver."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from momus.cli.main import main
from momus.core import landlock, seccomp

pytestmark = pytest.mark.skipif(
    seccomp.machine() is None or landlock.version() < 3, reason="this machine has no Landlock 3 or no filter"
)

VOUCHED = "mailbox.Maildir"


class _Runs:
    def __reduce__(self) -> Any:
        return os.system, ("touch momus-marker",)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "acts.pkl").write_bytes(pickle.dumps(_Runs()))
    # Makes folders; stands for whatever a scan may miss, once somebody has vouched for the name.
    (tmp_path / "folder.pkl").write_bytes(b"\x80\x04cmailbox\nMaildir\n\x8c\x04post\x85R.")
    (tmp_path / "still.pkl").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "odd.txt").write_text("some words\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["scan", *map(str, arguments)])
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_acts_stand_below_the_file_first_act_first(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, files / "acts.pkl", "--prove")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("dangerous")
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("loaded by pickle: failed"))
    assert lines[at + 1].strip() == "1. it ran a command: touch momus-marker (refused; seen by the interpreter)"
    assert "loaded by joblib: did the same as under pickle" in out
    assert not (files / "momus-marker").exists()


def test_a_file_that_did_nothing_is_not_cleared(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, files / "still.pkl", "--prove")
    assert code == 0
    assert "did nothing here, which clears nothing" in out


def test_a_file_the_scan_let_pass_is_dangerous_and_loud_when_it_acts(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, files / "folder.pkl", "--strict", "--allow", VOUCHED)[0] == 0
    code, out, _ = run(capsys, files / "folder.pkl", "--allow", VOUCHED, "--prove")
    assert code == 1
    assert out.startswith("dangerous")
    assert "!! THE SCAN ALONE SAID 'nothing found'" in out


def test_json_gives_both_verdicts_and_the_proof(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, files / "folder.pkl", "--allow", VOUCHED, "--prove", "--json")
    told = json.loads(out)[0]
    assert code == 1
    assert (told["static"], told["verdict"], told["proof"]["verdict"]) == ("nothing found", "dangerous", "dangerous")
    act = told["proof"]["tries"][0]["acts"][0]
    assert act["what"] == "made a folder"
    assert act["detail"].startswith("scratch/work/post")
    assert act["by"] == "kernel"
    assert told["proof"]["tries"][0]["layers"]["system calls"] == "on: watched"


def test_what_no_loader_runs_is_not_loaded(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, files / "odd.txt", "--prove")
    assert "not loaded: no loader runs code from such a file" in out


def test_without_a_lock_nothing_is_loaded_and_the_layer_is_named(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    module = importlib.import_module("momus.assess.proof.prove")
    broken = "from momus.core import landlock; landlock.version = lambda: 0; child.main()"
    monkeypatch.setattr(module, "_BOOT", module._BOOT.replace("child.main()", broken))
    code, out, err = run(capsys, files / "acts.pkl", "--prove")
    assert code not in (0, 1)
    assert "prove/no-lock" in err
    assert "file system: not available: this kernel has no Landlock" in err
    assert "it ran" not in out
