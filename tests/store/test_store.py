"""The store keeps its contract on every back end, and says plainly what a database can do to it."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from momus.core.errors import StoreError
from momus.store import Store, open_store
from momus.testing import StoreContract
from momus.testing.store_contract import measurement


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return open_store(":memory:")


class TestSqlite(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(tmp_path / "deep" / "runs.sqlite")


@pytest.mark.skipif("MOMUS_TEST_POSTGRES" not in os.environ, reason="MOMUS_TEST_POSTGRES names no database URL")
class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        import sqlalchemy as sa

        url = os.environ["MOMUS_TEST_POSTGRES"]
        with sa.create_engine(url).begin() as connection:
            for table in ("momus_records", "momus_blobs", "momus_meta"):
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
        return open_store(url)


def test_a_locked_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite"
    store = open_store(path)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    with pytest.raises(StoreError, match=r"store/locked.*--store"):
        store.append("r", measurement())
    holder.rollback()
    store.append("r", measurement())
    assert len(store.records("r")) == 1


def test_a_full_disk_is_named_and_what_was_stored_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs.sqlite")
    store.append("r", measurement("a"))
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match=r"store/disk-full.*Free some space"):
        for i in range(50):
            store.append("r", measurement(f"b{i}", picture=os.urandom(5000)))
    assert store.find(["a"])["a"] == measurement("a")


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 200)
    with pytest.raises(StoreError, match="store/corrupt"):
        open_store(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        open_store(tmp_path / "file" / "runs.sqlite")


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE momus_meta SET value='99' WHERE name='store_version'")
    with pytest.raises(StoreError, match="store/too-new"):
        open_store(path)


def test_passwords_are_never_shown() -> None:
    with pytest.raises(Exception) as caught:
        open_store("postgresql+psycopg://user:hunter2@127.0.0.1:1/base")
    assert "hunter2" not in str(caught.value)


def _write(path: Path, worker: int) -> None:
    with open_store(path) as store:
        for i in range(20):
            store.append("r", measurement(f"{worker}-{i}"))


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(path, w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(open_store(path).records("r")) == 60


def test_what_was_appended_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    code = (
        "import os, signal, sys\nfrom momus.store import open_store\n"
        "from momus.testing.store_contract import measurement\n"
        "s = open_store(sys.argv[1])\nfor i in range(7): s.append('r', measurement(str(i)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert len(open_store(path).records("r")) == 7
