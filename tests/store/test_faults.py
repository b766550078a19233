"""The store says plainly what a database can do to it, and keeps what it acknowledged."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from momus.core import digest
from momus.core.errors import NotFound, StoreError
from momus.store import open_store
from momus.store import store as store_module
from momus.testing.postgres import PostgresServer
from momus.testing.store_contract import measurement

SECRET = "hunter" + "2"  # in two pieces: a line of this file in a traceback is not a leak


def test_a_locked_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite"
    store = open_store(path)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    monkeypatch.setattr(store_module, "WAIT_TO_WRITE", 0.2)
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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:hunter2@127.0.0.1:1/base",
        "postgresql+psycopg://user@127.0.0.1:1/base?password=hunter2",
        "postgresql+psycopg://user@127.0.0.1:1/base?sslmode=prefer&sslPassword=hunter2",
        "postgresql+psycopg://user:a@hunter2/hunter2@127.0.0.1:1/base",
        "postgresql+psycopg://user:hunter2@127.0.0.1:port/base",
        "nothing://user:hunter2@127.0.0.1/base",
    ],
    ids=["plain", "as an option", "of a key", "unescaped", "no port", "no driver"],
)
def test_passwords_are_never_shown(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value) and "127.0.0.1" in str(caught.value)


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


def _one_line(error: pytest.ExceptionInfo[StoreError], code: str) -> str:
    said = str(error.value)
    assert error.value.code == code and error.value.place and error.value.hint and "\n" not in said
    return said


def _as_nobody(work: Callable[[], object]) -> str:
    """What ``work`` answers, or its error, in a process that may not write what root may."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setresuid(65534, 65534, 65534)
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__} {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        said = answers.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may less")
def test_a_file_that_may_only_be_read_is_read_and_not_written() -> None:
    folder = Path(tempfile.mkdtemp(prefix="momus-read-only-"))
    try:
        with open_store(folder / "runs.sqlite") as store:
            store.append("r", measurement("a", picture=b"p" * 900))
        folder.chmod(0o755)
        (folder / "runs.sqlite").chmod(0o644)

        def read() -> object:
            with open_store(folder / "runs.sqlite") as store:
                return len(store.records("r")), store.stamp("r")[0]

        def write() -> None:
            with open_store(folder / "runs.sqlite") as store:
                store.append("r", measurement("b"))

        assert _as_nobody(read) == "(1, 1)"
        said = _as_nobody(write)
        assert "store/not-writable" in said and "--store" in said
    finally:
        shutil.rmtree(folder)


def test_a_page_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with open_store(path) as store:
        store.extend("r", [measurement(str(i), picture=os.urandom(3000)) for i in range(50)])
    content = bytearray(path.read_bytes())
    for page in range(4096 * 8, len(content), 4096):
        content[page : page + 64] = os.urandom(64)
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught, open_store(path) as store:
        store.records("r")
    assert "backup" in _one_line(caught, "store/corrupt")


@pytest.mark.parametrize("half", ["UPDATE momus_blobs SET content=substr(content, 1, 99)", "DELETE FROM momus_blobs"])
def test_a_picture_that_is_half_there_is_never_shown(tmp_path: Path, half: str) -> None:
    store = open_store(tmp_path / "runs.sqlite")
    picture = b"p" * 900
    store.append("r", measurement("a", picture=picture))
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute(half)
    for ask in (lambda: store.records("r"), lambda: store.find(["a"])):
        with pytest.raises(StoreError) as caught:
            ask()
        assert "1 of 1 pictures" in _one_line(caught, "store/damaged")
    with pytest.raises(NotFound if half.startswith("DELETE") else StoreError):
        store.blob(digest.of_bytes(picture))


def test_a_record_that_is_none(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs.sqlite")
    store.append("r", measurement("a"))
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute('UPDATE momus_records SET body=\'{"kind":"measurement"\'')
    with pytest.raises(StoreError) as caught:
        store.records("r")
    assert "measurement" in _one_line(caught, "store/bad-record")


def test_what_a_server_refuses_and_no_password_in_it(server: PostgresServer, postgres: str) -> None:
    server.sql("DROP ROLE IF EXISTS guest")
    server.sql("CREATE ROLE guest LOGIN PASSWORD 'right'")
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(StoreError) as caught:
        open_store(server.url("nowhere", password=SECRET))
    assert "createdb" in _one_line(caught, "store/no-database")
    with pytest.raises(StoreError) as caught:
        open_store(server.url(user="stranger", password=SECRET))
    _one_line(caught, "store/login")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(StoreError) as caught:
        open_store(server.url(user="guest", password="right"))
    assert "GRANT" in _one_line(caught, "store/not-writable")
    with open_store(postgres) as store:
        store.append("r", measurement("a"))
    server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    with open_store(server.url(user="guest", password="right")) as reader:
        assert len(reader.records("r")) == 1
        with pytest.raises(StoreError) as caught:
            reader.append("r", measurement("b"))
        _one_line(caught, "store/not-writable")
    server.sql("UPDATE momus_meta SET value='99' WHERE name='store_version'")
    with pytest.raises(StoreError) as caught:
        open_store(postgres)
    assert "Upgrade" in _one_line(caught, "store/too-new")


def test_a_wrong_password_is_not_printed(server: PostgresServer) -> None:
    server.sql("DROP ROLE IF EXISTS lodger")
    server.sql("CREATE ROLE lodger LOGIN PASSWORD 'right'")
    server.ask_for_password("lodger")
    with pytest.raises(StoreError) as caught:
        open_store(server.url(user="lodger", password=SECRET))
    _one_line(caught, "store/login")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_connections_that_were_dropped_are_made_again(server: PostgresServer, postgres: str) -> None:
    with open_store(postgres) as store:
        store.append("r", measurement("a"))
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert len(store.records("r")) == 1
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        store.append("r", measurement("b"))
        assert len(store.records("r")) == 2
