"""One PostgreSQL server for all tests of the store; an empty base of it for each that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from momus.testing.postgres import Missing, PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A running server of our own; skipped, with the reason, where none can be started."""
    pytest.importorskip("psycopg")
    try:
        made = PostgresServer()
    except Missing as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.fixture
def postgres(server: PostgresServer) -> str:
    """The URL of a base without a table."""
    server.sql("DROP TABLE IF EXISTS momus_records, momus_blobs, momus_meta, momus_pulses")
    return server.url()
