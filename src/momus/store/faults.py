"""One clear line for what a database can do to us, and whether it may pass by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from momus.core.errors import StoreError

T = TypeVar("T")
_LOCKED = (
    "store/locked",
    "the store stayed locked for 30 s",
    "Another process is writing; wait for it, or give each run its own store with --store",
)
_FULL = ("store/disk-full", "the disk is full", "Free some space, or write elsewhere with --store")
_NOT_WRITABLE = (
    "store/not-writable",
    "the store cannot be written",
    "Check the folder's permissions, or write elsewhere with --store",
)
_CORRUPT = (
    "store/corrupt",
    "the file is not a readable store",
    "Point --store at a Momus store or at a new file; a damaged one comes back from its backup",
)
_DISK = ("store/disk-failed", "the disk failed", "Look at the machine's disk, or write elsewhere with --store")
_GONE = (
    "store/unreachable",
    "the database server does not answer",
    "See that it runs at this address; a run goes on by itself when it is back within half a minute",
)
_LOGIN = ("store/login", "the database server refused the login", "Check the user and the password of the URL")
_NO_BASE = ("store/no-database", "the server has no such database", "Make it with: createdb NAME")
_NO_RIGHT = (
    "store/not-writable",
    "the user of the URL may not do that in this database",
    "Its owner gives the right: to make the tables, GRANT CREATE ON SCHEMA public TO user; to write, GRANT SELECT, "
    "INSERT ON ALL TABLES IN SCHEMA public TO user and GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO user",
)
_BUSY = ("store/busy", "too many connections at once", "Close some, or raise max_connections of the server")

# Names of SQLite's result codes, by their beginning.
_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _NOT_WRITABLE,
    "SQLITE_CANTOPEN": _NOT_WRITABLE,
    "SQLITE_PERM": _NOT_WRITABLE,
    "SQLITE_NOTADB": _CORRUPT,
    "SQLITE_CORRUPT": _CORRUPT,
    "SQLITE_IOERR": _DISK,
}
# Beginnings of PostgreSQL's error codes (appendix A of its manual), the longer ones first.
_POSTGRES = {
    "25006": _NOT_WRITABLE,
    "28": _LOGIN,
    "3D": _NO_BASE,
    "40": _BUSY,
    "42501": _NO_RIGHT,
    "53100": _FULL,
    "53300": _BUSY,
    "57P": _GONE,
    "08": _GONE,
    "58": _DISK,
    "XX": _CORRUPT,
}
# Before a login there is no code, only the server's or the client's words.
_WORDS = {
    "password": _LOGIN,
    "role": _LOGIN,
    "authentication": _LOGIN,
    "pg_hba.conf": _LOGIN,
    "too many": _BUSY,
    "remaining connection slots": _BUSY,
    "does not exist": _NO_BASE,
    "disk i/o": _DISK,
}
# SQLite says "locked" at once, without waiting, where waiting for each other could last for ever.
PASSING = frozenset({"store/unreachable", "store/busy", "store/locked"})


def patiently(work: Callable[[], T], patience: float, name: str, passing: Collection[str] = PASSING) -> T:
    """Do ``work``, again while what fails may pass by itself, for no longer than ``patience`` seconds."""
    until, pause = time.monotonic() + patience, 0.05
    while True:
        try:
            return work()
        except SQLAlchemyError as error:
            fault = translate(error, name)
            if fault.code not in passing or time.monotonic() + pause > until:
                raise fault from error
        time.sleep(pause)
        pause = min(2 * pause, 1.0)


def translate(error: SQLAlchemyError, name: str) -> StoreError:
    """A database's error as a StoreError with place and remedy; a password is in none of its words."""
    known = _known(error)
    if known is not None:
        code, message, hint = known
        return StoreError(message, code=code, place=name, hint=hint)
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause).strip()
    return StoreError(f"the database refused: {text.splitlines()[0] if text else type(error).__name__}", place=name)


def _known(error: SQLAlchemyError) -> tuple[str, str, str] | None:
    if isinstance(error, PoolTimeout):
        return _BUSY
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    sqlite = getattr(error.orig, "sqlite_errorname", None)
    if sqlite:
        return next((said for begin, said in _SQLITE.items() if sqlite.startswith(begin)), None)
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return next((said for begin, said in _POSTGRES.items() if state.startswith(begin)), None)
    if type(error.orig).__module__.startswith("psycopg") and type(error.orig).__name__ == "OperationalError":
        low = str(error.orig).lower()
        return next((said for word, said in _WORDS.items() if word in low), _GONE)
    return None
