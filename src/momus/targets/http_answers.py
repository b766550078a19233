"""Answers of a served model, kept by the digest of their row, so that no row is asked twice over all probes of a run.

One SQLite file a model, shared by the worker processes of a run: numbers as bytes and texts as JSON, nothing that is
unpickled. Who is about to ask a row claims it first; another worker that wants the same row waits for the answer. An
answer counts while the process that asked lives, and longer only if that process confirmed it: the model was then still
the one that was opened. A
file that is broken, or a disk that is full, costs the keeping alone: the rows are asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from momus.core.samples import NumpyArray

LARGEST = 512 << 20  # bytes of answers kept of one model; the oldest go first
MODELS = 16  # models whose answers are kept; those not used for longest go first
HELD = 24 * 3600.0  # seconds after which an answer is asked again
SPOTS = 16  # rows that others asked, at most, by which it is seen whether their answers still hold
_MANY = 500  # keys in one question to the file
_WAIT = 0.01  # seconds between two looks for an answer that another worker asks for
_MAKE = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS told (
    at INTEGER PRIMARY KEY, key BLOB UNIQUE, form TEXT, row BLOB, born REAL, who INTEGER, sure INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS unsure ON told (who) WHERE NOT sure;
CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, who INTEGER);
"""
Row = tuple[str, bytes]


def row_keys(fed: NumpyArray) -> list[bytes]:
    """A digest of 16 bytes for each row."""
    if fed.dtype.kind in "OUST":
        content = [str(t).encode("utf-8", "surrogatepass") for t in fed]
    else:
        flat = np.ascontiguousarray(fed).reshape(len(fed), -1)
        content = [bytes(r) for r in flat.view(np.uint8)] if flat.shape[1] else [b""] * len(flat)
    return [hashlib.blake2b(c, digest_size=16).digest() for c in content]


def packed(out: NumpyArray) -> list[Row]:
    """The entries of an answer, each with the form it has."""
    if out.dtype.kind in "fiub":
        kind = "<f8" if out.dtype.kind == "f" else "<i8"
        form = f"{kind}{','.join(map(str, out.shape[1:]))}"
        plain = np.ascontiguousarray(out, dtype=kind)
        return [(form, r.tobytes()) for r in plain]
    return [("json", json.dumps(r).encode()) for r in out.tolist()]


def unpacked(rows: Sequence[Row]) -> NumpyArray:
    """Entries as one array again. Whole numbers beside others become floats. ValueError where their shapes differ."""
    forms = {form for form, _ in rows}
    if forms == {"json"}:
        made = [json.loads(r) for _, r in rows]
        found = np.empty(len(made), dtype=object)
        if made and isinstance(made[0], list):
            return np.asarray(made, dtype=object)
        found[:] = made
        return found
    if len({f[3:] for f in forms}) > 1 or "json" in forms:
        raise ValueError("answers of different forms")
    shape = tuple(int(s) for s in next(iter(forms))[3:].split(",") if s)
    if len(forms) == 1:
        whole = np.frombuffer(b"".join(r for _, r in rows), dtype=next(iter(forms))[:3])
        return whole.reshape(len(rows), *shape)
    return np.stack([np.frombuffer(r, form[:3]).astype(np.float64) for form, r in rows]).reshape(len(rows), *shape)


class Answers:
    """What one model has answered. ``folder`` None keeps it in this process's memory."""

    def __init__(self, folder: Path | None, identity: str, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._folder = folder
        self._path = None if folder is None else folder / f"{identity}.sqlite"
        self._wait = wait
        self._open: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._pid = 0
        self._began = time.time()
        self.spots = SPOTS
        self.others: set[bytes] = set()  # of the keys that were answered by others' asking, the smallest
        if folder is not None:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _make_room(folder, keep=f"{identity}.sqlite")

    def of(self, identity: str) -> Answers:
        """What another model has answered, kept in the same place."""
        return Answers(self._folder, identity)

    def forget(self) -> None:
        """Remove all answers: the model is to be asked anew."""
        with self._work() as file:
            file.execute("DELETE FROM told")

    def confirm(self) -> None:
        """What this process asked holds: the model is the same as before."""
        with self._work() as file:
            mine = (os.getpid(), self._began)  # a process of earlier may have had this number
            file.execute("UPDATE told SET sure = 1 WHERE who = ? AND NOT sure AND born >= ?", mine)

    def __len__(self) -> int:
        count = 0
        with self._work() as file:
            count = int(file.execute("SELECT count(*) FROM told").fetchone()[0])
        return count  # noqa: RET504 - 0 where the file is not usable

    def get(
        self, keys: Sequence[bytes], ask: Callable[[Sequence[int]], Sequence[Row]], check: Callable[[], None]
    ) -> list[Row]:
        """An entry for each key. ``ask`` is given the positions of rows that nobody has asked, each key once.

        ``check`` is called while another worker's answers are waited for, and may raise.
        """
        first: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            first.setdefault(key, at)
        found: dict[bytes, Row] = {}
        while True:
            found |= self._known([k for k in first if k not in found])
            todo = [k for k in first if k not in found]
            if not todo:
                return [found[k] for k in keys]
            mine = self._claim(todo)
            if not mine:
                check()
                self._wait(_WAIT)
                continue
            try:
                # Between looking and claiming another worker may have answered and let go.
                found |= self._known(mine)
                mine_todo = [k for k in mine if k not in found]
                if mine_todo:
                    made = dict(zip(mine_todo, ask([first[k] for k in mine_todo]), strict=True))
                    self._keep(made)
                    found |= made
            finally:
                self._release(mine)

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        found: dict[bytes, Row] = {}
        oldest, me = time.time() - HELD, os.getpid()
        lives: dict[int, bool] = {me: True}
        others: set[bytes] = set()
        with self._work() as file:
            for i in range(0, len(keys), _MANY):
                part = keys[i : i + _MANY]
                marks = ",".join("?" * len(part))
                asked = f"SELECT key, form, row, who, sure FROM told WHERE key IN ({marks}) AND born > ?"  # noqa: S608
                for k, form, row, who, sure in file.execute(asked, [*part, oldest]):
                    if not sure and who not in lives:
                        lives[who] = _lives(who)
                    if sure or lives[who]:
                        found[k] = (form, row)
                        others |= {k} if who != me else set()
        self.others = set(sorted(self.others | others)[: self.spots])  # keys are digests: the smallest are a fair draw
        return found

    def _claim(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of the keys that this process is to ask: nobody else does, or whoever did is gone."""
        me, mine = os.getpid(), list(keys)
        with self._work() as file:
            file.execute("BEGIN IMMEDIATE")
            others: dict[bytes, int] = {}
            for i in range(0, len(keys), _MANY):
                part = keys[i : i + _MANY]
                marks = ",".join("?" * len(part))
                others |= dict(file.execute(f"SELECT key, who FROM claims WHERE key IN ({marks})", part))  # noqa: S608
            gone = {who for who in set(others.values()) if who == me or not _lives(who)}
            free = [k for k in keys if k not in others or others[k] in gone]
            file.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", [(k, me) for k in free])
            file.execute("COMMIT")
            mine = free
        return mine  # noqa: RET504 - all of them where the file is not usable

    def _release(self, keys: Sequence[bytes]) -> None:
        with self._work() as file:
            file.execute("BEGIN IMMEDIATE")
            file.executemany("DELETE FROM claims WHERE key = ? AND who = ?", [(k, os.getpid()) for k in keys])
            file.execute("COMMIT")

    def _keep(self, made: dict[bytes, Row]) -> None:
        now = time.time()
        with self._work() as file:
            file.execute("BEGIN IMMEDIATE")
            file.executemany(
                "INSERT OR REPLACE INTO told (key, form, row, born, who) VALUES (?, ?, ?, ?, ?)",
                [(k, form, row, now, os.getpid()) for k, (form, row) in made.items()],
            )
            if _size(file) > (LARGEST if self._path else LARGEST // 8):
                file.execute("DELETE FROM told WHERE at <= (SELECT min(at) + (max(at) - min(at)) / 4 FROM told)")
            file.execute("COMMIT")

    @contextlib.contextmanager
    def _work(self) -> Iterator[sqlite3.Connection]:
        """The open file. What goes wrong with it is swallowed: whoever asks then gets nothing, and asks the model."""
        with self._lock:
            file = self._connection()
            try:
                yield file
            except sqlite3.Error:
                self._start_over()

    def _connection(self) -> sqlite3.Connection:
        if self._open is not None and self._pid != os.getpid():
            _INHERITED.append(self._open)  # a fork must neither write on its parent's connection nor close it
            self._open = None
        if self._open is None:
            self._pid = os.getpid()
            try:
                self._open = self._opened()
            except sqlite3.Error:
                self._start_over()
                try:
                    self._open = self._opened()
                except sqlite3.Error:
                    self._path = None  # in memory from here on
                    self._open = self._opened()
        return self._open

    def _opened(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False)
        file.executescript(_MAKE)
        return file

    def _start_over(self) -> None:
        """Let go of a file that is not usable; one that is broken is removed."""
        held, self._open = self._open, None
        if held is not None:
            with contextlib.suppress(sqlite3.Error):
                held.close()  # what was not committed is gone with it
        if self._path is not None and self._path.exists() and _broken(self._path):
            for ending in ("", "-wal", "-shm"):
                Path(f"{self._path}{ending}").unlink(missing_ok=True)


_INHERITED: list[sqlite3.Connection] = []


def _size(file: sqlite3.Connection) -> int:
    pages, free, size = (
        int(file.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _broken(path: Path) -> bool:
    try:
        file = sqlite3.connect(path, timeout=1)
        try:
            file.execute("SELECT count(*) FROM told").fetchone()
        finally:
            file.close()
    except sqlite3.OperationalError:
        return False  # busy, or on a disk that is full: not its fault
    except sqlite3.DatabaseError:
        return True
    return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _make_room(folder: Path, keep: str) -> None:
    """Remove the files of models that were not asked for longest, and those older than anything that still counts."""
    files = sorted(((p.stat().st_mtime, p) for p in folder.glob("*.sqlite") if p.name != keep), reverse=True)
    for i, (used, path) in enumerate(files):
        if i >= MODELS - 1 or used < time.time() - HELD:
            for ending in ("", "-wal", "-shm"):
                Path(f"{path}{ending}").unlink(missing_ok=True)
