"""Make the tables, or bring those of an older Momus to this version: by itself, once, whoever opens the store first."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from momus.core.decisions import system_id
from momus.core.errors import StoreError
from momus.store.tables import STORE_VERSION, meta, metadata, records, replace

_LOCK = 0x6D6F6D7573  # "momus": the number of the advisory lock


def prepare(engine: sa.Engine, name: str) -> None:
    """See that the store has this version's tables. Only the first to open a new or an older store writes."""
    with engine.connect() as connection:
        found = _version(connection, name)
    if found == STORE_VERSION:
        return
    with engine.connect() as plain:
        if engine.dialect.name == "sqlite":
            # The driver begins a transaction by itself only before it changes rows, so it is begun by hand; the
            # version is read again under the write lock, since another process may have been first.
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                _upgrade(connection, name)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
        else:
            with plain.begin():
                plain.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                _upgrade(plain, name)


def _version(connection: sa.Connection, name: str) -> int:
    """The version of the store; 0 for none yet. Raises StoreError for a newer one."""
    if not sa.inspect(connection).has_table(meta.name):
        return 0
    text = connection.execute(sa.select(meta.c.value).where(meta.c.name == "store_version")).scalar()
    found = int(text) if text else 0
    if found > STORE_VERSION:
        raise StoreError(
            f"the store has version {found}, this Momus reads up to {STORE_VERSION}",
            code="store/too-new",
            place=name,
            hint="Upgrade Momus or write to a new store with --store",
        )
    return found


def _upgrade(connection: sa.Connection, name: str) -> None:
    found = _version(connection, name)
    if found == STORE_VERSION:
        return
    if found == 1:
        connection.exec_driver_sql(f"ALTER TABLE {records.name} ADD COLUMN system VARCHAR(64) NOT NULL DEFAULT ''")
        connection.exec_driver_sql(f"ALTER TABLE {records.name} ADD COLUMN token VARCHAR(32)")
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    if found == 1:
        heads = connection.execute(sa.select(records.c.seq, records.c.body).where(records.c.kind == "run")).all()
        for seq, body in heads:
            try:
                system = system_id(str(json.loads(body).get("system", "")))
            except ValueError as error:
                raise StoreError(
                    f"record {seq}, the head of a run, cannot be read",
                    code="store/bad-record",
                    place=name,
                    hint="It was damaged: restore the store from its backup",
                ) from error
            connection.execute(records.update().where(records.c.seq == seq).values(system=system))
    replace(connection, meta, name="store_version", value=str(STORE_VERSION))
