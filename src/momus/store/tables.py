"""The tables. A record is kept as JSON; the other columns are an index over it, never the truth."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

# Raise it when a table changes shape, and say in migrate.py how an older store becomes one of this version. A store
# written by a newer Momus is refused. 2: decisions, answers, summaries and pulses; the columns
# ``system`` and ``token``.
STORE_VERSION = 2

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
    Column("system", String(64), nullable=False, server_default=""),
    # One word a record: what was sent twice because the answer got lost, or is copied twice, is there once.
    Column("token", String(32)),
    Index("momus_records_run", "run", "kind"),
    Index("momus_records_key", "kind", "key"),
    Index("momus_records_system", "kind", "system"),
    Index("momus_records_token", "token", unique=True),
)

blobs = Table(
    "momus_blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

pulses = Table(
    "momus_pulses", metadata, Column("run", String(64), primary_key=True), Column("body", Text, nullable=False)
)


def insert_new(connection: sa.Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless its key is there already: two processes may store the same thing at once. True if it was new.

    A statement, not a caught error: a savepoint would not survive a full disk, and would hide what happened.
    """
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing()
    done = connection.execute(statement, execution_options={"preserve_rowcount": True})
    return bool(done.rowcount == 1)


def replace(connection: sa.Connection, table: Table, **values: Any) -> None:
    """Insert a row, or overwrite the one with the same primary key."""
    keys = [c.name for c in table.primary_key]
    statement = _insert(connection, table).values(**values)
    rest = {name: statement.excluded[name] for name in values if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest))


def _insert(connection: sa.Connection, table: Table) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
