"""The store keeps its contract on every back end."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from momus.core import digest
from momus.core.records import Measurement
from momus.store import Store, open_store
from momus.store.remembered import Remembered
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


class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self, postgres: str) -> Iterator[Store]:
        with open_store(postgres) as opened:
            yield opened


def test_pictures_are_written_in_one_order_so_that_no_two_processes_wait_for_each_other(tmp_path: Path) -> None:
    pictures = [bytes([n]) * 900 for n in range(9)]
    with open_store(tmp_path / "runs.sqlite") as store:
        store.extend("r", [measurement(str(n), picture=p) for n, p in enumerate(pictures)])
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        kept = [sha for (sha,) in connection.execute("SELECT sha256 FROM momus_blobs ORDER BY rowid")]
    assert kept == sorted(map(digest.of_bytes, pictures))


def test_what_was_acknowledged_is_on_the_disk(tmp_path: Path) -> None:
    """A loss of power cannot be tried here: SQLite is told to wait for the disk."""
    with open_store(tmp_path / "runs.sqlite") as store, store._engine.connect() as connection:
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
    assert asked == [2, "wal"]


def test_what_is_remembered_is_bounded_and_what_was_asked_for_last_stays() -> None:
    kept = Remembered(most=3)
    read: list[list[int]] = []

    def reads(numbers: Collection[int]) -> dict[int, Measurement]:
        read.append(sorted(numbers))
        return {n: measurement(str(n)) for n in numbers}

    for numbers in ([1, 2, 3], [1], [4], [2], [1, 4]):
        assert [m.key for m in kept.get(numbers, reads)] == [str(n) for n in numbers]
    assert read == [[1, 2, 3], [4], [2]]
