"""Store: append, runs, records, find, blob. Rows are never changed; a run's end is a second record of the same run.

Beside the records of runs it keeps what people decide and answer (waivers, answers), what was judged (summaries) and,
as the only thing that is overwritten, the pulse of a run under way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from threading import RLock
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from momus.core import digest
from momus.core.decisions import Answer, Pulse, Summary, Waived
from momus.core.errors import NotFound, StoreError
from momus.core.garbage import no_collection
from momus.core.records import Failure, Measurement, Run
from momus.store.faults import patiently
from momus.store.remembered import Remembered
from momus.store.rows import WIDTH, Kept, Some, column, joined, marks, parse, run_marks, system_column, to_row, to_run
from momus.store.tables import blobs, insert_new, pulses, records, replace

_RESULTS: dict[str, type[Measurement | Failure]] = {"measurement": Measurement, "failure": Failure}
T = TypeVar("T")
# Seconds that a server may be away, a restart for example, before a call gives up.
WAIT_TO_WRITE = 30.0
WAIT_TO_READ = 3.0
_BATCH = 500  # values in one statement: SQLite takes 999 in its older releases, PostgreSQL 65,535


class Store:
    """Append-only records of runs. Safe for several processes and threads: every call is its own transaction.

    ``system`` is what :func:`momus.core.decisions.system_id` gives for a system's name (the name itself is understood
    too). Raises StoreError with place and remedy for a locked, full, unreadable or unreachable database.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self._remembered = Remembered()
        # A store in memory has one connection for all threads, which take turns.
        self._turn = RLock() if isinstance(engine.pool, sa.StaticPool) else nullcontext()

    def append(self, run: str, record: Kept) -> None:
        """Write one record durably before returning; long byte strings go to the blobs, each once.

        ``run`` is the run's id; "" for what belongs to a system and to no run (Waived, Answer).
        """
        self.extend(run, (record,))

    def extend(self, run: str, some: Iterable[Kept]) -> None:
        """Write several records of one run in their order, all or none, durably before returning."""
        rows = [to_row(run, record) for record in some]
        tokens = [uuid4().hex for _ in rows]
        now = datetime.now(UTC).isoformat()

        def write(connection: sa.Connection) -> None:
            held = {sha: content for row in rows for sha, content in row.blobs.items()}
            for sha in sorted(held):  # one order in every process: no two wait for each other
                insert_new(connection, blobs, sha256=sha, content=held[sha])
            for row, token in zip(rows, tokens, strict=True):
                # One by one: a statement of many rows gives no promise about the order of their numbers. Sent again
                # because the answer to a commit got lost, a row that is there already stays the only one.
                insert_new(connection, records, **row.columns, created=now, token=token)

        self.transact(write, WAIT_TO_WRITE)

    def runs(self, system: str | None = None) -> tuple[Run, ...]:
        """All runs, or those of one system, newest first; of each the latest state.

        ``settings["gaps"]``, what was not tested, is left out here: it is long, and :meth:`run` has it.
        """
        query = sa.select(sa.func.max(records.c.seq)).where(records.c.kind == "run").group_by(records.c.run)
        if system is not None:
            query = query.where(records.c.system == system_column(system))
        found = self._remembered.get([seq for (seq,) in self.rows(query)], self._listed)
        return tuple(sorted(found, key=lambda r: r.created, reverse=True))

    def run(self, identity: str = "latest") -> Run:
        """One run by id, by an unambiguous beginning of it, or ``latest``. NotFound otherwise."""
        known = self._head(identity)
        if known is not None:
            return known
        listed = self.runs()
        if not listed:
            raise NotFound("the store holds no run", place=self.name, hint="Run: momus assess momus.yaml")
        matching = listed[:1] if identity == "latest" else [r for r in listed if r.id.startswith(identity)]
        if len(matching) != 1:
            found = "no run" if not matching else f"{len(matching)} runs"
            names = ", ".join(r.id for r in (matching or list(listed))[:5])
            raise NotFound(f"{found} called '{identity}'", place=self.name, hint=f"There are: {names}")
        return self._head(matching[0].id) or matching[0]

    def records(self, run: str) -> tuple[Measurement | Failure, ...]:
        """Measurements and failures of one run in the order they were written."""
        query = (
            sa.select(records.c.kind, records.c.body)
            .where(records.c.run == column(run, WIDTH["run"]), records.c.kind.in_(list(_RESULTS)))
            .order_by(records.c.seq)
        )
        rows = self.rows(query)
        held = self.blobs({sha for _, body in rows for sha in marks(body)})
        with no_collection():
            return tuple(self._parsed(_RESULTS[kind], joined(body, held)) for kind, body in rows)

    def stamp(self, run: str) -> tuple[int, int]:
        """How many records a run has and the number of its last: another one whenever the run has changed."""
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(records.c.seq), 0)).where(
            records.c.run == column(run, WIDTH["run"]), records.c.kind.in_([*_RESULTS, "run"])
        )
        ((count, last),) = self.rows(query)
        return int(count), int(last)

    def find(self, keys: Iterable[str]) -> dict[str, Measurement]:
        """Measurements already made under these job keys, whichever run made them; of each key the latest."""
        wanted = sorted({column(k, WIDTH["key"]) for k in keys if k})
        rows: list[Any] = []
        for some in _batches(wanted):
            last = (
                sa.select(sa.func.max(records.c.seq))
                .where(records.c.kind == "measurement", records.c.key.in_(some))
                .group_by(records.c.key)
            )
            rows += self.rows(sa.select(records.c.body).where(records.c.seq.in_(last)).order_by(records.c.seq))
        held = self.blobs({sha for (body,) in rows for sha in marks(body)})
        with no_collection():
            return {m.key: m for (body,) in rows for m in (self._parsed(Measurement, joined(body, held)),)}

    def waivers(self, system: str | None = None) -> tuple[Waived, ...]:
        """Every waiver and revocation, or those of one system, oldest first."""
        return self._all(Waived, "waived", system)

    def answers(self, system: str) -> tuple[Answer, ...]:
        """Every answer to a system's questions, withdrawn ones included, oldest first."""
        return self._all(Answer, "answer", system)

    def summaries(self, system: str | None = None, judged_by: str | None = None) -> dict[str, Summary]:
        """By run id the latest summary; ``judged_by`` keeps those of one judge only."""
        some = [] if judged_by is None else [records.c.key == column(judged_by, WIDTH["key"])]
        return {s.run: s for s in self._all(Summary, "summary", system, *some)}

    def pulse(self, pulse: Pulse) -> None:
        """Say how a run under way goes; the run's last word is overwritten, and goes when it has ended."""
        run = column(pulse.run, WIDTH["run"])
        body = to_row(pulse.run, pulse).columns["body"]

        def write(connection: sa.Connection) -> None:
            if pulse.ended:
                connection.execute(pulses.delete().where(pulses.c.run == run))
            else:
                replace(connection, pulses, run=run, body=body)

        self.transact(write, WAIT_TO_WRITE if pulse.ended else 0.0)  # the next one comes in a second

    def pulses(self) -> dict[str, Pulse]:
        """By run id the last word of every run that has not ended; ``seen`` says when it was spoken."""
        found = [self._parsed(Pulse, body) for (body,) in self.rows(sa.select(pulses.c.body))]
        return {p.run: p for p in found}

    def blob(self, sha256: str) -> bytes:
        """The bytes with that digest; NotFound when the store has none."""
        query = sa.select(blobs.c.content).where(blobs.c.sha256 == sha256)
        if not self.rows(query):
            raise NotFound(f"no blob {sha256[:12]}", place=self.name)
        return self.blobs([sha256])[sha256]

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __rich__(self) -> str:
        return f"[bold]store[/bold] {self.name}, {len(self.runs())} runs"

    def _head(self, run: str) -> Run | None:
        """The latest state of a run by its id, with its gaps."""
        query = sa.select(records.c.body).where(records.c.kind == "run", records.c.run == column(run, WIDTH["run"]))
        found = self.rows(query.order_by(records.c.seq.desc()).limit(1))
        if not found:
            return None
        content, card, gaps = run_marks(json.loads(found[0].body))
        return to_run(content, self._texts({sha for sha in (card, gaps) if sha}), gaps=True)

    def _listed(self, seqs: Collection[int]) -> dict[int, Run]:
        """The heads in these rows without their gaps. A card's text is read once however many runs share it."""
        rows = [row for some in _batches(seqs) for row in self.rows(_bodies(some))]
        read = [(seq, *run_marks(json.loads(body))) for seq, body in rows]
        held = self._texts({card for _, _, card, _ in read if card})
        with no_collection():
            return {seq: to_run(content, held, gaps=False) for seq, content, _, _ in read}

    def _texts(self, digests: Collection[str]) -> dict[str, str]:
        return {sha: content.decode() for sha, content in self.blobs(digests).items()}

    def _all(
        self, model: type[Some], kind: str, system: str | None, *where: sa.ColumnElement[bool]
    ) -> tuple[Some, ...]:
        query = sa.select(records.c.seq).where(records.c.kind == kind, *where).order_by(records.c.seq)
        if system is not None:
            query = query.where(records.c.system == system_column(system))

        def read(seqs: Collection[int]) -> dict[int, Some]:
            rows = [row for some in _batches(seqs) for row in self.rows(_bodies(some))]
            with no_collection():
                return {seq: self._parsed(model, body) for seq, body in rows}

        return self._remembered.get([seq for (seq,) in self.rows(query)], read)

    def _parsed(self, model: type[Some], body: str) -> Some:
        try:
            return parse(model, body)
        except ValueError as error:
            raise StoreError(
                f"a record cannot be read ({model.__name__.lower()}): {str(error).splitlines()[0]}",
                code="store/bad-record",
                place=self.name,
                hint="It was damaged, or written by another release: restore the store from its backup",
            ) from error

    def blobs(self, digests: Collection[str]) -> dict[str, bytes]:
        """The bytes with these digests, all of them and whole: a damaged store is said to be one."""
        held: dict[str, bytes] = {}
        for some in _batches(digests):
            found = self.rows(sa.select(blobs.c.sha256, blobs.c.content).where(blobs.c.sha256.in_(some)))
            held.update((sha, bytes(content)) for sha, content in found)
        bad = sum(sha not in held or digest.of_bytes(held[sha]) != sha for sha in set(digests))
        if bad:
            raise StoreError(
                f"{bad} of {len(set(digests))} pictures and files are missing or damaged",
                code="store/damaged",
                place=self.name,
                hint="Restore the store from its backup",
            )
        return held

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """What a query of the tables answers."""
        return self.transact(lambda connection: list(connection.execute(query)), WAIT_TO_READ)

    def transact(self, work: Callable[[sa.Connection], T], patience: float) -> T:
        """Do ``work`` in one transaction, again while the server is away for no longer than ``patience`` seconds.

        ``work`` must come to the same when it is done twice.
        """

        def once() -> T:
            with self._turn, self._engine.begin() as connection:
                return work(connection)

        return patiently(once, patience, self.name)


def _bodies(seqs: list[Any]) -> sa.Select[Any]:
    return sa.select(records.c.seq, records.c.body).where(records.c.seq.in_(seqs)).order_by(records.c.seq)


def _batches(values: Collection[Any]) -> Iterator[list[Any]]:
    ordered = sorted(values)
    return (ordered[i : i + _BATCH] for i in range(0, len(ordered), _BATCH))
