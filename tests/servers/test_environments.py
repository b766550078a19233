"""Environments and servers of tests: made once, waited for, said plainly where they cannot be had, gone at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from momus.testing.servers import Environment, Missing, Server, environment, free_port, main

SERVES = """
import http.server as h, sys
h.test(h.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, Path]:
    home = tmp_path_factory.mktemp("environments")
    (home / "plain.txt").write_text("# nothing\n")
    return environment(home / "plain.txt", home / "root"), home


def test_it_is_made_once_and_again_when_its_file_changes(empty: tuple[Environment, Path]) -> None:
    where, home = empty
    (where.folder / "kept").touch()
    assert environment(home / "plain.txt", home / "root") == where and (where.folder / "kept").exists()
    (home / "plain.txt").write_text("# nothing else\n")
    environment(home / "plain.txt", home / "root")
    assert not (where.folder / "kept").exists() and where.python.exists()


def test_a_script_runs_once_for_each_content_in_the_environment_s_own_python(empty: tuple[Environment, Path]) -> None:
    where, home = empty
    script = home / "make_it.py"
    script.write_text("import pathlib, sys; pathlib.Path(sys.argv[1], 'who').write_text(sys.prefix)")
    made = where.made(script)
    assert Path((made / "who").read_text()) == where.folder
    (made / "who").write_text("kept")
    assert (where.made(script) / "who").read_text() == "kept"
    script.write_text("import sys; sys.exit('no data to train on')")
    for _ in range(2):  # what was half made is never taken for whole
        with pytest.raises(RuntimeError, match="no data to train on"):
            where.made(script)


def test_packages_that_cannot_be_had_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.txt").write_text("./no-such-package\n")
    with pytest.raises(Missing, match=r"none\.txt cannot be installed here: .*no-such-package"):
        environment(tmp_path / "none.txt", tmp_path / "root")
    assert main([str(tmp_path / "gone.txt")]) == 1
    assert "gone.txt" in capsys.readouterr().err


def test_no_two_processes_are_given_one_port() -> None:
    code = "from momus.testing.servers import free_port; print(free_port(), flush=True); input()"
    others = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ports = [int(o.stdout.readline()) for o in others if o.stdout is not None]
    mine = [free_port(), free_port()]
    for other in others:
        other.communicate("\n", timeout=60)
    assert len({*ports, *mine}) == 4


def test_a_server_comes_back_on_its_port_and_leaves_nothing(empty: tuple[Environment, Path], tmp_path: Path) -> None:
    where, _ = empty
    with Server(where, lambda p: [where.python, "-c", SERVES, str(p)], ready="/", folder=tmp_path) as server:
        port, first = server.port, server._process
        server.kill()
        server.start()
        assert server.port == port and server._process is not first
        last = server._process
    for process in (first, last):
        assert process is not None
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_a_server_that_does_not_come_up_says_its_last_words(empty: tuple[Environment, Path], tmp_path: Path) -> None:
    where, _ = empty
    broken = Server(
        where, lambda _p: [where.python, "-c", "raise SystemExit('no licence')"], ready="/", folder=tmp_path
    )
    with pytest.raises(RuntimeError, match="no licence"), broken:
        pass
