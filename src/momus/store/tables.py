"""The tables. A record is kept as JSON; the other columns are an index over it, never the truth."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

# Raise it when a table changes shape; a store written by a newer Momus is refused, an older one is read as it is.
STORE_VERSION = 1

metadata = MetaData()

meta = Table(
    "momus_meta", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

records = Table(
    "momus_records",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("key", String(64), nullable=False, default=""),
    Column("probe", String(128), nullable=False, default=""),
    Column("target", String(128), nullable=False, default=""),
    Column("created", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Index("momus_records_run", "run", "kind"),
    Index("momus_records_key", "kind", "key"),
)

blobs = Table(
    "momus_blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)


def insert_new(connection: sa.Connection, table: Table, **values: Any) -> None:
    """Insert a row unless its primary key is there already: two processes may store the same thing at once.

    A statement, not a caught error: a savepoint would not survive a full disk, and would hide what happened.
    """
    from sqlalchemy.dialects import postgresql, sqlite

    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).values(**values).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(table).values(**values).on_conflict_do_nothing())
