"""`momus scan`: one line a file, exit codes, JSON, folders."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from momus.cli.scan import scan
from momus.core.errors import NotFound
from momus.zoo.supply_chain.corpus import payload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "evil.bin").write_bytes(payload())
    (tmp_path / "README.md").write_text("# notes\n")
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(scan, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_a_folder_is_searched_whatever_the_names(folder: Path) -> None:
    code, text = run(str(folder))
    assert code == 1
    assert "evil.bin" in text
    assert "posix.system('touch momus-marker')" in text
    assert "1 bad, 1 clean; 1 text files left alone" in text
    assert "README" not in text


def test_exit_codes(folder: Path) -> None:
    assert run(str(folder / "good.pkl"))[0] == 0
    assert run(str(folder / "README.md"))[0] == 2
    assert run(str(folder / "README.md"), str(folder / "deep"))[0] == 1
    (folder / "empty").mkdir()
    assert run(str(folder / "empty"))[0] == 2


def test_json_tells_the_same(folder: Path) -> None:
    code, text = run("--json", str(folder))
    told = {Path(r["path"]).name: r for r in json.loads(text)}
    assert code == 1
    assert told["good.pkl"]["verdict"] == "clean"
    assert told["good.pkl"]["loadable"] is True
    assert told["evil.bin"]["loadable"] is False
    assert told["evil.bin"]["marks"][0]["offset"] == 2


def test_vouching_and_missing_files(folder: Path) -> None:
    (folder / "own.pkl").write_bytes(b"\x80\x04cmypkg\nModel\n)R.")
    assert run(str(folder / "own.pkl"))[0] == 1
    assert run("--allow", "mypkg.*", str(folder / "own.pkl"))[0] == 0
    with pytest.raises(NotFound):
        run(str(folder / "nothing.pkl"))


def test_names_from_strangers_do_not_reach_the_terminal_raw(folder: Path) -> None:
    (folder / "colour.pkl").write_bytes(b"\x80\x04c\x1b[31mred\x1b[0m\nx\n.")
    assert "\x1b[31m" not in run(str(folder / "colour.pkl"))[1]
