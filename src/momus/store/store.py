"""Store: append, runs, records, find, blob. Rows are never changed; a run's end is a second record of the same run."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from momus.core import digest
from momus.core.errors import NotFound, StoreError
from momus.core.records import Failure, Measurement, Record, Run
from momus.store.tables import blobs, insert_new, records

# Bytes longer than this leave the record and are kept once, by digest: sample pictures mostly.
INLINE_BYTES = 512

_MODELS: dict[str, type[Record]] = {"measurement": Measurement, "failure": Failure, "run": Run}


class Store:
    """Append-only records of runs. Safe for several processes: every call is its own transaction.

    Raises StoreError with place and remedy for a locked, full, unreadable or unreachable database.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def append(self, run: str, record: Measurement | Failure | Run) -> None:
        """Write one record durably before returning; long byte strings go to the blobs."""
        body, pieces = _split(record.model_dump(mode="json"))
        with self._transaction() as connection:
            for sha, content in pieces.items():
                insert_new(connection, blobs, sha256=sha, content=content)
            connection.execute(
                records.insert().values(
                    run=run,
                    kind=record.kind,
                    key=getattr(record, "key", ""),
                    probe=getattr(record, "probe", ""),
                    target=getattr(record, "target", ""),
                    created=datetime.now(UTC).isoformat(),
                    body=json.dumps(body, separators=(",", ":")),
                )
            )

    def runs(self) -> tuple[Run, ...]:
        """All runs, newest first; of each the latest state."""
        latest: dict[str, Run] = {}
        for body in self._bodies(sa.select(records.c.body).where(records.c.kind == "run").order_by(records.c.seq)):
            run = Run.model_validate_json(json.dumps(body))
            latest[run.id] = run
        return tuple(sorted(latest.values(), key=lambda r: r.created, reverse=True))

    def run(self, identity: str = "latest") -> Run:
        """One run by id, by an unambiguous beginning of it, or ``latest``. NotFound otherwise."""
        runs = self.runs()
        if not runs:
            raise NotFound("the store holds no run", place=self.name, hint="Run: momus assess momus.yaml")
        if identity == "latest":
            return runs[0]
        matching = [r for r in runs if r.id.startswith(identity)]
        if len(matching) != 1:
            found = "no run" if not matching else f"{len(matching)} runs"
            names = ", ".join(r.id for r in (matching or list(runs))[:5])
            raise NotFound(f"{found} called '{identity}'", place=self.name, hint=f"There are: {names}")
        return matching[0]

    def records(self, run: str) -> tuple[Measurement | Failure, ...]:
        """Measurements and failures of one run in the order they were written."""
        query = (
            sa.select(records.c.body)
            .where(records.c.run == run, records.c.kind.in_(["measurement", "failure"]))
            .order_by(records.c.seq)
        )
        return tuple(self._record(body) for body in self._bodies(query))  # type: ignore[misc]

    def find(self, keys: Iterable[str]) -> dict[str, Measurement]:
        """Measurements already made under these job keys, whichever run made them."""
        wanted = [k for k in keys if k]
        query = (
            sa.select(records.c.body)
            .where(records.c.kind == "measurement", records.c.key.in_(wanted))
            .order_by(records.c.seq)
        )
        found = (
            (Measurement.model_validate_json(json.dumps(self._join(body))) for body in self._bodies(query))
            if wanted
            else ()
        )
        return {m.key: m for m in found}

    def blob(self, sha256: str) -> bytes:
        """The bytes with that digest; NotFound when the store has none."""
        with self._transaction() as connection:
            content = connection.execute(sa.select(blobs.c.content).where(blobs.c.sha256 == sha256)).scalar()
        if content is None:
            raise NotFound(f"no blob {sha256[:12]}", place=self.name)
        return bytes(content)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __rich__(self) -> str:
        return f"[bold]store[/bold] {self.name}, {len(self.runs())} runs"

    def _record(self, body: Any) -> Record:
        return _MODELS[body["kind"]].model_validate_json(json.dumps(self._join(body)))

    def _bodies(self, query: sa.Select[Any]) -> list[Any]:
        with self._transaction() as connection:
            return [json.loads(text) for text in connection.execute(query).scalars()]

    def _join(self, value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"blob"}:
                return base64.urlsafe_b64encode(self.blob(value["blob"])).decode()
            return {k: self._join(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._join(v) for v in value]
        return value

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise translate(error, self.name) from error


def _split(value: Any) -> tuple[Any, dict[str, bytes]]:
    """A JSON value with long base64 pictures replaced by ``{"blob": sha256}``, and the replaced bytes."""
    pieces: dict[str, bytes] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: keep(v) if k == "png" and isinstance(v, str) else walk(v) for k, v in node.items()}
        if isinstance(node, list):
            return [walk(v) for v in node]
        return node

    def keep(text: str) -> Any:
        content = base64.urlsafe_b64decode(text)
        if len(content) <= INLINE_BYTES:
            return text
        sha = digest.of_bytes(content)
        pieces[sha] = content
        return {"blob": sha}

    return walk(value), pieces


def translate(error: SQLAlchemyError, name: str) -> StoreError:
    """One clear line for what a database can do to us."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause)
    low = text.lower()
    if "locked" in low or "busy" in low:
        hint = "Another process is writing; wait for it, or give each run its own store with --store"
        return StoreError("the store stayed locked for 30 s", code="store/locked", place=name, hint=hint)
    if "full" in low or "no space" in low:
        hint = "Free some space, or write elsewhere with --store"
        return StoreError("the disk is full", code="store/disk-full", place=name, hint=hint)
    if "readonly" in low or "read-only" in low or "unable to open" in low:
        hint = "Check the folder's permissions, or write elsewhere with --store"
        return StoreError("the store cannot be written", code="store/not-writable", place=name, hint=hint)
    if "not a database" in low or "malformed" in low:
        hint = "Point --store at a Momus store or at a new file"
        return StoreError("the file is not a readable store", code="store/corrupt", place=name, hint=hint)
    return StoreError(f"the database refused: {text.splitlines()[0] if text else type(error).__name__}", place=name)
