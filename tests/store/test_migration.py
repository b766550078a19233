"""A store written by version 1 of the tables is brought to today's by whoever opens it first, and loses nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from momus.core.decisions import system_id
from momus.core.errors import StoreError
from momus.store import Store, copy_store, open_store
from momus.store.migrate import prepare
from momus.store.tables import STORE_VERSION
from momus.testing.postgres import PostgresServer
from momus.testing.store_contract import measurement

OLD = Path(__file__).parent / "version_1"
FIRST = "20260101-090000-aaaaaa"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file as the first release wrote it: two systems, a run each, a picture that both share."""
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript((OLD / "sqlite.sql").read_text())
    connection.close()
    return path


@pytest.fixture
def old_postgres(server: PostgresServer, postgres: str) -> str:
    """The same in a server."""
    server.sql((OLD / "postgres.sql").read_text())
    return postgres


def _whole(store: Store) -> None:
    assert [r.system for r in store.runs()] == ["another", "Credit / scoring"]
    assert [r.id for r in store.runs(system_id("Credit / scoring"))] == [FIRST]
    assert store.run(FIRST).settings["gaps"][0]["detail"] == "é" * 300 and store.run().card_text == "# the card\n" * 90
    assert store.runs()[1].ended is not None and "gaps" not in store.runs()[1].settings
    first, second, failure = store.records(FIRST)
    assert first == measurement("k0", picture=bytes(range(256)) * 3) and second == measurement(
        "small0", picture=b"p" * 20
    )
    assert failure.kind == "failure" and store.stamp(FIRST)[0] == 5
    assert set(store.find(["k0", "k1", "small1", "nothing"])) == {"k0", "k1", "small1"}
    store.append(FIRST, measurement("new"))
    assert [r.key for r in store.records(FIRST)] == ["k0", "small0", "", "new"]


def test_an_old_file_is_read_and_written(old: Path) -> None:
    with open_store(old) as store:
        _whole(store)
    with open_store(old) as store:
        assert len(store.records(FIRST)) == 4
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT value FROM momus_meta").fetchall() == [(str(STORE_VERSION),)]
        assert connection.execute("SELECT count(*) FROM momus_blobs").fetchall() == [(1,)]


def test_an_old_base_of_a_server_is_read_and_written(old_postgres: str) -> None:
    with open_store(old_postgres) as store:
        _whole(store)


_OPEN = (
    "import os, sys, time\nfrom momus.store import open_store\n"
    "children = []\n"
    "for i in range(6):\n"
    "    child = os.fork()\n"
    "    if not child:\n"
    "        time.sleep(max(0.0, float(sys.argv[2]) - time.time() % 1000))\n"
    "        store = open_store(sys.argv[1])\n"
    "        os._exit(0 if len(store.runs()) == int(sys.argv[3]) else 7)\n"
    "    children.append(child)\n"
    "sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children))"
)


def _opened_at_once(where: str, runs: int) -> None:
    """Six processes open it at the same moment; each must find so many runs."""
    import time

    at = time.time() % 1000 + 1.5
    done = subprocess.run([sys.executable, "-c", _OPEN, where, str(at), str(runs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_old_file_is_locked_before_its_version_is_read_again(old: Path) -> None:
    """Who waits must wait with the lock's line, or two processes would decide by what both read before either wrote."""
    engine = sa.create_engine(f"sqlite:///{old}", connect_args={"timeout": 0.02})
    other = sqlite3.connect(old, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.OperationalError, match="locked") as caught:
        prepare(engine, "old")
    assert (caught.value.statement or "").startswith("BEGIN")
    other.execute("ROLLBACK")
    prepare(engine, "old")


def test_an_old_file_opened_by_six_processes_at_once(old: Path) -> None:
    _opened_at_once(str(old), 2)
    _whole(open_store(old))


def test_an_old_base_opened_by_six_processes_at_once(old_postgres: str) -> None:
    _opened_at_once(old_postgres, 2)
    with open_store(old_postgres) as store:
        _whole(store)


def test_a_new_base_made_by_six_processes_at_once(postgres: str) -> None:
    _opened_at_once(postgres, 0)


def test_a_migration_that_fails_leaves_the_old_store_as_it_was(old: Path) -> None:
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE momus_records SET body='{' WHERE seq=1")
    connection.close()
    before = sqlite3.connect(old).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    with pytest.raises(StoreError, match=r"store/bad-record.*backup"):
        open_store(old)
    assert sqlite3.connect(old).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before


def test_an_old_store_is_copied_once_however_often(old: Path, tmp_path: Path) -> None:
    with open_store(old) as source, open_store(tmp_path / "new.sqlite") as target:
        assert copy_store(source, target) == 10
        assert copy_store(source, target) == 0
        assert target.records(FIRST) == source.records(FIRST) and target.runs() == source.runs()
