"""open_store: a path or URL becomes a Store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from momus.core.errors import MissingExtra, StoreError
from momus.store.address import without_password
from momus.store.faults import patiently
from momus.store.migrate import prepare
from momus.store.store import Store

# As many as the web page has threads; they are opened when needed and closed beyond the first.
_POOL: dict[str, Any] = {"pool_size": 20, "max_overflow": 20}
DEFAULT = Path(".momus") / "runs.sqlite"


def open_store(where: str | Path | None = None) -> Store:
    """Open (and create) a store.

    ``where``: None for ``.momus/runs.sqlite`` in the current folder, a path to a SQLite file, ``:memory:``, or an
    SQLAlchemy URL such as ``postgresql+psycopg://user@host/base`` (extra ``postgres``). Raises StoreError.
    """
    text = str(where) if where is not None else str(DEFAULT)
    url = text if "://" in text else _sqlite_url(text)
    try:
        engine = _engine(url)
    except ModuleNotFoundError as error:
        if url.startswith("postgresql"):
            raise MissingExtra.of(f"the store {_shown(url)}", "postgres", str(error.name)) from error
        raise StoreError(
            f"no driver for it: the module '{error.name}' is not installed",
            place=_shown(url),
            hint="Momus keeps runs in SQLite (a file path) or PostgreSQL (postgresql+psycopg://...)",
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:  # ValueError: a port that is no number
        raise StoreError("not a store URL", place=_shown(url), hint="Give a file path or an SQLAlchemy URL") from error
    # Eight processes that make one file at the same moment get in each other's way; a server that is not there is said.
    patiently(lambda: prepare(engine, _shown(url)), 30.0, _shown(url), passing=("store/locked",))
    return Store(engine, _shown(url))


def _sqlite_url(path: str) -> str:
    if path == ":memory:":
        return "sqlite://"
    try:
        Path(path).expanduser().resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder of the store ({error.strerror})", place=path, hint="Write elsewhere with --store"
        ) from error
    return f"sqlite:///{Path(path).expanduser()}"


def _shown(url: str) -> str:
    """The URL as it may be printed: without its password."""
    if url.startswith("sqlite"):
        return url.removeprefix("sqlite:///") or ":memory:"
    return without_password(url)


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        # Bodies and names are ASCII, whatever the encoding of the base. A statement in an error's words would be long.
        given = {"connect_timeout": 10, "client_encoding": "utf8"} if url.startswith("postgresql+psycopg:") else {}
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=given, **_POOL)
    memory, frozen = url == "sqlite://", _frozen(url)
    pool: dict[str, Any] = {"poolclass": sa.StaticPool} if memory else _POOL
    arguments = {"timeout": 30, "check_same_thread": False}
    engine = sa.create_engine(frozen or url, connect_args=arguments, hide_parameters=True, **pool)

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if not memory and not frozen:
            # Readers never block the writer; a commit is on disk before append() returns.
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()

    return engine


def _frozen(url: str) -> str:
    """How SQLite opens a file that we may only read; "" for one that may be written or is not there yet.

    Beside a file that is written to stands its log. Where there is none, and none could be made, nobody writes.
    """
    path = Path(url.removeprefix("sqlite:///"))
    if url == "sqlite://" or not path.is_file() or os.access(path, os.W_OK, effective_ids=True):
        return ""
    logged = path.with_name(path.name + "-wal").exists() or os.access(path.parent, os.W_OK, effective_ids=True)
    return f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro{'' if logged else '&immutable=1'}&uri=true"
