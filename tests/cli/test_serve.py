"""`momus serve` as people start it: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from momus.store import open_store

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store in the current folder."""
    monkeypatch.chdir(tmp_path)
    open_store(tmp_path / "runs.sqlite").close()
    return tmp_path / "runs.sqlite"


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address that it printed."""
    command = [sys.executable, "-m", "momus", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("http://"), line + (process.stderr.read() if process.stderr else "")
        yield process, line
    finally:
        process.kill()
        process.communicate()


def test_a_server_of_ones_own_from_start_to_end(store: Path) -> None:
    with started("--store", str(store)) as (process, line):
        address = line.split()[0]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address) and "without a password" in line
        assert httpx.get(f"{address}/alive").text == "alive\n"
        with httpx.Client(base_url=address, headers={"Origin": address}) as one:
            me = one.get("/session.json").json()
            assert me["role"] == "approver" and next(iter(one.cookies)).startswith("momus-")
            one.post("/session/name", data={"csrf": me["csrf"], "name": "Ann"})
            assert one.get("/session.json").json()["name"] == "Ann"
            assert one.get("/session.json", headers={"Host": "evil.example"}).status_code == 421
            waiting = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))  # holds nothing up
            httpx.get(f"{address}/alive")  # connections are taken in their order: the waiting one is in by now
            process.send_signal(signal.SIGTERM)
            out, said = process.communicate(timeout=20)
            waiting.close()
    assert process.returncode == 0 and said.endswith("stopped\n") and "Traceback" not in out + said
    lines = said.splitlines()
    assert len(lines) == 3, said
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ \S.* \(approver\) 127.0.0.1 POST /session/name 303 \d+ ms", lines[0])
    assert "GET /session.json 421" in lines[1]


def test_a_server_for_a_team(store: Path, momus_: object) -> None:
    made = momus_("serve", "--new-token", "ann", "--role", "viewer", "--accounts", "accounts.toml")  # type: ignore[operator]
    token = made.out.strip()
    assert made.code == 0 and token.startswith("momus_") and token not in Path("accounts.toml").read_text()
    assert "shown this once" in made.err
    options = ("--accounts", "accounts.toml", "--host", "0.0.0.0", "--url", "https://momus.example.org")
    with started("--store", str(store), *options) as (process, line):
        address = line.split()[0]
        assert "1 account" in line
        for given, status in ((token, 200), ("x", 401)):
            headers = {"Authorization": f"Bearer {given}"}
            assert httpx.get(f"{address}/session.json", headers=headers).status_code == status
        dropped = momus_("serve", "--drop-token", "ann", "--accounts", "accounts.toml")  # type: ignore[operator]
        assert dropped.code == 0 and "no longer" in dropped.err
        assert httpx.get(f"{address}/session.json", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_what_cannot_be_served_is_said_in_one_line(store: Path, momus_: object) -> None:
    Path("no.sqlite").write_text("this is no database, however long it is " * 40)
    Path("open.toml").write_text("[accounts]\n")
    Path("open.toml").chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, said in {
            ("--store", "nowhere.sqlite"): "there are no stored runs here",
            ("--store", "no.sqlite"): "not a readable store",
            ("--store", "mongo://x/y"): "not a store URL",
            ("--store", str(store), "--host", "0.0.0.0"): "Give --accounts",
            ("--store", str(store), "--port", port): "cannot listen there",
            ("--store", str(store), "--host", "203.0.113.1", "--accounts", "none.toml"): "cannot be read",
            ("--store", str(store), "--accounts", "open.toml"): "chmod 600",
            ("--store", str(store), "--user-header", "X-User"): "only where a proxy is trusted",
            ("--drop-token", "ben", "--accounts", "none.toml"): "cannot be read",
        }.items():
            answer = momus_("serve", *options)  # type: ignore[operator]
            assert answer.code == 2 and said in answer.err and answer.err.count("\n") == 1, (options, answer)
        for more, said in (((), "--accounts"), (("--accounts", "a"), "--role")):
            answer = momus_("serve", "--new-token", "ann", *more)  # type: ignore[operator]
            assert answer.code == 2 and said in answer.err, (options, answer)


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra(store: Path, missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from momus.cli.main import main; main(sys.argv[1:])"

    def call(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, "serve", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    done = call("--store", str(store))
    assert done.returncode == 2 and "pip install 'momus[web]'" in done.stderr and done.stderr.count("\n") == 1
    done = call("--new-token", "ann", "--role", "viewer", "--accounts", "a.toml")
    assert done.returncode == 0 and done.stdout.startswith("momus_"), "a token needs no server"
