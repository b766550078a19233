"""The store keeps its contract on every back end, and says plainly what a database can do to it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own on a free loopback port; its URL."""
    pytest.importorskip("psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server is installed here")
    home = tmp_path_factory.mktemp("postgres")
    own = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []  # the server refuses to run as root
    if own:
        shutil.chown(home, "postgres")
        for parent in home.parents:
            if parent.owner() == "root" and parent != Path("/tmp") and Path("/tmp") in parent.parents:
                parent.chmod(0o711)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, run = home / "data", {"check": True, "capture_output": True}
    subprocess.run([*own, found[-1], "-D", data, "-A", "trust", "-U", "momus"], **run)
    flags = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
    control = found[-1].with_name("pg_ctl")
    subprocess.run([*own, control, "-D", data, "-o", flags, "-w", "-l", home / "log", "start"], **run)
    yield f"postgresql+psycopg://momus@127.0.0.1:{port}/postgres"
    subprocess.run([*own, control, "-D", data, "-m", "immediate", "stop"], **run)


class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self, postgres: str) -> Iterator[Store]:
        import sqlalchemy as sa

        engine = sa.create_engine(postgres)
        with engine.begin() as connection:
            for table in ("momus_records", "momus_blobs", "momus_meta"):
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
        engine.dispose()
        with open_store(postgres) as opened:
            yield opened


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
