"""copy_store: runs and decisions from one store into another, to move to a server or to keep only what is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from momus.core.errors import StoreError
from momus.store.rows import WIDTH, column, marks, run_marks, system_column
from momus.store.store import WAIT_TO_WRITE, Store
from momus.store.tables import blobs, insert_new, records

_ROWS = 500
_DECISIONS = ("waived", "answer")


def copy_store(
    source: Store,
    target: Store,
    *,
    system: str | None = None,
    since: datetime | None = None,
    heard: Callable[[int], None] | None = None,
) -> int:
    """Copy what ``source`` holds and ``target`` does not; how many records that were.

    ``system``: that system only. ``since``: runs that began then or later; decisions and answers are copied whatever
    their age. ``heard`` is told how many records were gone through. Nothing in ``source`` is changed. Interrupted, it
    is done again: what arrived is not written twice. Raises StoreError where either store fails or a blob is damaged.
    """
    if source.name == target.name and source.name != ":memory:":
        raise StoreError("a store cannot be copied into itself", code="store/same", place=source.name)
    runs = {
        column(r.id, WIDTH["run"]) for r in source.runs(system) if since is None or r.created >= since
    }  # what a run keeps is found under its id
    whose = None if system is None else system_column(system)
    last = copied = gone = 0
    while True:
        query = sa.select(records).where(records.c.seq > last).order_by(records.c.seq).limit(_ROWS)
        found = source.rows(query)
        if not found:
            return copied
        last, gone = found[-1].seq, gone + len(found)
        wanted = [r for r in found if r.run in runs or (r.kind in _DECISIONS and whose in (None, r.system))]
        copied += _write(source, target, wanted)
        if heard is not None:
            heard(gone)


def _write(source: Store, target: Store, rows: list[Any]) -> int:
    """One batch in one transaction; how many rows were new."""
    held = source.blobs({sha for r in rows for sha in _marks(r.kind, r.body)})

    def write(connection: sa.Connection) -> int:
        for sha in sorted(held):
            insert_new(connection, blobs, sha256=sha, content=held[sha])
        made = 0
        for r in rows:
            values = {k: v for k, v in r._mapping.items() if k != "seq"} | {"token": r.token or _token(r)}
            made += insert_new(connection, records, **values)
        return made

    return target.transact(write, WAIT_TO_WRITE) if rows else 0


def _marks(kind: str, body: str) -> set[str]:
    if kind == "run":
        _, card, gaps = run_marks(json.loads(body))
        return {sha for sha in (card, gaps) if sha}
    return marks(body)


def _token(row: Any) -> str:
    """The word of a record that was written before records had one: the same at every copy."""
    return sha256(f"{row.run}\0{row.seq}\0{row.created}\0{row.body}".encode()).hexdigest()[:32]
