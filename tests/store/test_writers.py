"""Eight processes write to one store at once; some are killed, the server restarts: nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from momus.core.errors import StoreError
from momus.core.records import Measurement
from momus.store import open_store, store
from momus.testing.postgres import PostgresServer
from momus.testing.store_contract import measurement
from momus.testing.writers import picture, run_of

WRITERS, KILLED = 8, (1, 4, 6)


class Writers:
    """Eight writers under way, and what they say was kept."""

    def __init__(self, where: str, folder: Path, records: int) -> None:
        self.where, self.folder, self.records = where, folder, records
        command = [sys.executable, "-m", "momus.testing.writers", where, str(folder)]
        self.process = subprocess.Popen([*command, "--writers", str(WRITERS), "--records", str(records)])

    def acknowledged(self, writer: int) -> list[str]:
        path = self.folder / f"ack-{writer}"
        return [line.split()[0] for line in path.read_text().splitlines() if " " in line] if path.exists() else []

    def kill(self, after: int) -> None:
        """Kill three of them, each when so many of its records were acknowledged."""
        left = list(KILLED)
        while left:
            for writer in [w for w in left if len(self.acknowledged(w)) >= after]:
                os.kill(int((self.folder / f"pid-{writer}").read_text()), signal.SIGKILL)
                left.remove(writer)
            assert self.process.poll() is None, "the writers ended before they were disturbed"
            time.sleep(0.005)

    def wait(self) -> None:
        assert self.process.wait(200) == 0, [p.read_text() for p in self.folder.glob("error-*")]

    def check(self, killed: tuple[int, ...] = KILLED) -> None:
        """Everything acknowledged is there, once, whole and in order; of a killed writer at most one record more."""
        with open_store(self.where) as opened:
            for writer in range(WRITERS):
                told, found = self.acknowledged(writer), opened.records(run_of(writer))
                assert [m.key for m in found] == [f"{writer}-{i}" for i in range(len(found))]
                assert len(told) <= len(found) <= len(told) + (writer in killed)
                assert writer in killed or len(found) == self.records
                assert all(m == measurement(m.key, picture=picture(i)) for i, m in enumerate(found))
            assert len(opened.runs()) == WRITERS and len(opened.runs("system 1")) == 3


def _disturbed(where: str, folder: Path, records: int, disturb: Callable[[], None]) -> None:
    writers = Writers(where, folder, records)
    try:
        writers.kill(records // 8)
        with open_store(where) as reader:  # what is read meanwhile is a beginning of what is written
            found = reader.records(run_of(0))
            assert [m.key for m in found] == [f"0-{i}" for i in range(len(found))]
            assert all(isinstance(m, Measurement) and m.evidence for m in found)
        disturb()
        writers.wait()
    finally:
        writers.process.kill()
        writers.process.wait()
    writers.check()


def test_a_file(tmp_path: Path) -> None:
    _disturbed(str(tmp_path / "runs.sqlite"), tmp_path, 60, lambda: None)


def test_a_server_that_is_restarted_meanwhile(server: PostgresServer, postgres: str, tmp_path: Path) -> None:
    _disturbed(postgres, tmp_path, 120, server.restart)
    tables = "SELECT count(*), count(DISTINCT token) FROM momus_records"
    count, tokens = server.sql(tables).strip().split("|")
    assert count == tokens and server.sql("SELECT count(*) FROM momus_blobs").strip() == "11"


@pytest.mark.soak
def test_thousands_of_records(server: PostgresServer, postgres: str, tmp_path: Path) -> None:
    def thrice() -> None:
        for mode in ("immediate", "fast", "immediate"):
            time.sleep(2)
            server.restart(mode)

    for where, disturb in ((postgres, thrice), (str(tmp_path / "runs.sqlite"), lambda: None)):
        folder = tmp_path / ("server" if disturb is thrice else "file")
        folder.mkdir()
        _disturbed(where, folder, 2000, disturb)


def test_a_server_that_stays_away_costs_one_clear_line(
    server: PostgresServer, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT_TO_WRITE", 0.3)
    monkeypatch.setattr(store, "WAIT_TO_READ", 0.1)
    with open_store(postgres) as opened:
        opened.append("r", measurement("a"))
        server.stop("fast")
        try:
            for ask in (lambda: opened.append("r", measurement("b")), opened.runs, lambda: opened.records("r")):
                with pytest.raises(
                    StoreError, match=r"store/unreachable: the database server does not answer"
                ) as caught:
                    ask()
                assert "\n" not in str(caught.value)
        finally:
            server.start()
        opened.append("r", measurement("c"))
        assert [m.key for m in opened.records("r")] == ["a", "c"]


def test_an_answer_that_got_lost_is_not_written_twice(postgres: str) -> None:
    """The commit arrives, its answer does not: the same record is sent again and found to be there."""
    import psycopg
    import sqlalchemy as sa

    with open_store(postgres) as opened:
        opened.append("r", measurement("a"))
        lost: list[int] = []

        def lose(connection: sa.Connection) -> None:
            if not lost:
                lost.append(1)
                connection.connection.commit()
                gone = psycopg.OperationalError("server closed the connection unexpectedly")
                raise sa.exc.OperationalError("COMMIT", None, gone)

        sa.event.listen(opened._engine, "commit", lose)
        opened.append("r", measurement("b", picture=b"p" * 900))
        assert lost and [m.key for m in opened.records("r")] == ["a", "b"]
