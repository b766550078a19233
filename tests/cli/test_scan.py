"""`momus scan`: one line a file, findings below it, exit codes, JSON, folders, and files that are none."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from momus.cli import scan_files, scan_parallel
from momus.cli.main import RUNNERS, main
from momus.cli.scan import scan
from momus.methods.artifacts import FileReport
from momus.methods.artifacts import scan as scan_file
from momus.zoo.supply_chain.corpus import payload

HEAVY = ("click", "numpy", "pydantic", "rich", "typing", "dataclasses", "pathlib", "inspect", "tomllib", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "evil.bin").write_bytes(payload())
    (tmp_path / "odd.bin").write_bytes(bytes(range(7, 90)) * 9)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the real command line."""
    with pytest.raises(SystemExit) as stop:
        main(["scan", *map(str, arguments)])
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_every_file_of_a_folder_has_a_line_and_findings_stand_below_it(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    code, text, _ = run(capsys, str(folder))
    assert code == 1
    heads = [line for line in text.splitlines() if not line.startswith(" ")]
    assert [h.split("  ")[0] for h in heads[:-1]] == ["nothing found", "not understood", "dangerous"]
    assert heads[-1] == "1 dangerous, 1 not understood, 1 nothing found"
    finding = next(line for line in text.splitlines() if "posix.system('touch momus-marker')" in line)
    assert "byte 38" in finding or "byte" in finding
    assert "REDUCE" in finding
    assert "runs commands" in finding


def test_exit_codes(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert run(capsys, folder / "good.pkl")[0] == 0
    assert run(capsys, folder / "odd.bin")[0] == 4
    assert run(capsys, folder / "odd.bin", folder / "deep")[0] == 1
    (folder / "empty").mkdir()
    assert run(capsys, folder / "empty")[:2] == (0, "no file there\n")
    (folder / "own.pkl").write_bytes(b"\x80\x04cmypkg\nModel\n)R.")
    assert run(capsys, folder / "own.pkl")[0] == 0, "suspicious is no reason to fail, unless asked"
    assert run(capsys, "--strict", folder / "own.pkl")[0] == 1
    assert run(capsys, "--strict", "--allow", "mypkg.*", folder / "own.pkl")[0] == 0


def test_a_file_that_is_not_there_is_said_and_the_others_are_scanned(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    code, text, errors = run(capsys, folder / "nothing.pkl", folder / "good.pkl")
    assert code == 2
    assert "good.pkl" in text
    assert errors.startswith("scan/missing: ")
    assert run(capsys, folder / "nothing.pkl", folder / "deep")[0] == 1, "danger goes first"


def test_json_is_a_list_with_an_object_for_each_file(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    code, text, _ = run(capsys, "--json", folder)
    told = {Path(r["path"]).name: r for r in json.loads(text)}
    assert code == 1
    assert set(told) == {"good.pkl", "odd.bin", "evil.bin"}
    keys = {"path", "verdict", "findings", "format", "size", "sha256", "names", "complete", "loadable", "remedy"}
    assert all(set(r) == keys for r in told.values())
    assert (told["good.pkl"]["verdict"], told["good.pkl"]["loadable"]) == ("nothing found", True)
    assert told["evil.bin"]["loadable"] is False
    finding = told["evil.bin"]["findings"][0]
    assert (finding["offset"], finding["opcode"], finding["severity"]) == (2, "GLOBAL", "dangerous")
    assert json.loads(run(capsys, "--json", folder / "nothing")[1]) == []


def test_links_pipes_and_what_cannot_be_read_get_a_line(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (folder / "broken").symlink_to("nowhere")
    (folder / "inside").symlink_to(folder / "deep" / "evil.bin")
    (folder / "outside").symlink_to(sys.executable)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    code, text, _ = run(capsys, "--json", folder)
    told = {Path(r["path"]).name: r for r in json.loads(text)}
    assert code == 1
    assert told["broken"]["findings"][0]["what"] == "a link to nothing"
    assert (told["outside"]["verdict"], told["broken"]["verdict"]) == ("not understood", "not understood")
    assert (told["inside"]["verdict"], told["loop"]["verdict"]) == ("nothing found", "nothing found")
    assert "scanned where it lies" in told["inside"]["findings"][0]["what"]
    assert told["pipe"]["findings"][0]["what"] == "is no regular file"
    assert len(told) == 8
    assert run(capsys, folder / "pipe")[0] == 4
    assert run(capsys, folder / "inside")[0] == 1, "a link that is named is followed"


def test_a_fault_of_a_reader_leaves_the_others_alone(folder: Path, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    real = scan_files.scan

    def faulty(path: str, **options: object) -> FileReport:
        if "good" in str(path):
            raise KeyError("an internal bug")
        return real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(scan_files, "scan", faulty)
    code, text, _ = run(capsys, folder)
    assert code == 1
    assert "the scan failed with KeyError" in text
    assert "posix.system" in text


def test_processes_say_the_same_in_the_same_order(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    for i in range(20):
        (folder / f"{i}.pkl").write_bytes(pickle.dumps([i] * i))
    assert run(capsys, "--jobs", "2", "--json", folder) == run(capsys, "--jobs", "1", "--json", folder)


def test_a_process_that_dies_takes_one_file_with_it(folder: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(scan_parallel, "one", deadly)
    files = [str(folder / n) for n in ("good.pkl", "odd.bin", "deep/evil.bin")]
    verdicts = [r.verdict for r in scan_parallel.in_processes(files, (), 2)]
    assert verdicts == ["nothing found", "not understood", "dangerous"]


def deadly(file: str, allow: tuple[str, ...]) -> FileReport:
    if "odd" in file:
        os._exit(9)
    return scan_files.one(file, allow)


def test_names_from_strangers_do_not_reach_the_terminal_raw(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (folder / "colour.pkl").write_bytes(b"\x80\x04c\x1b[31mred\x1b[0m\nx\n.")
    (folder / "ev\x1b[31mil\n.pkl").write_bytes(payload())
    (folder / os.fsdecode(b"\xff\xfe.pkl")).write_bytes(b"\x80\x04}.")
    _, text, _ = run(capsys, folder)
    assert "\x1b" not in text
    assert sum(not line.startswith(" ") for line in text.splitlines()) == 7


def test_the_long_way_round_says_the_same(folder: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    code, text, _ = run(capsys, "--json", folder)
    result = CliRunner().invoke(scan, ["--json", str(folder)], standalone_mode=False)
    assert (result.return_value, result.output) == (code, text)
    assert scan_files.quick(["--help"]) is None
    assert scan_files.quick(["--jobs", "0", "x"]) is None
    assert scan_files.quick([]) is None


def test_small_pickles_are_scanned_without_the_heavy_imports(folder: Path) -> None:
    code = f"import sys\nfrom momus.cli.main import main\ntry: main(['scan', {str(folder / 'good.pkl')!r}])\n"
    code += "except SystemExit: print(*sorted(m for m in sys.modules if '.' not in m))"
    # In a build every line is looked at on its way out, which takes a few imports more.
    plain = {k: v for k, v in os.environ.items() if k not in RUNNERS}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain)
    assert not set(HEAVY) & set(done.stdout.splitlines()[-1].split())


def test_a_large_file_that_is_cut_short_while_it_is_read_takes_nothing_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapped file that loses its end ends the process that reads it by a signal that Python cannot handle."""
    large = tmp_path / "a.bin"
    large.write_bytes(bytes(2 << 20))
    (tmp_path / "b.pkl").write_bytes(pickle.dumps([1]))

    def cut(path: str, **_: object) -> object:
        if path == str(large):
            os.kill(os.getpid(), signal.SIGKILL)
        return scan_file(path)

    monkeypatch.setattr(scan_files, "scan", cut)
    assert scan_files.quick([str(tmp_path)]) == 4
    out = capsys.readouterr().out
    assert "the process that read it died" in out and "1 nothing found" in out


def test_the_place_of_the_own_record_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / ".momus"
    kept.mkdir()
    (kept / "runs.sqlite").write_bytes(payload())
    (kept / "runs.sqlite-shm").write_bytes(bytes(100))
    assert scan_files.quick([str(tmp_path)]) == 1
    assert "1 dangerous, 1 nothing found" in capsys.readouterr().out
