"""open_store: a path or URL becomes a Store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from momus.core.errors import MissingExtra, StoreError
from momus.store.store import Store, translate
from momus.store.tables import STORE_VERSION, insert_new, meta, metadata

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
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError("not a store URL", place=_shown(url), hint="Give a file path or an SQLAlchemy URL") from error
    try:
        _prepare(engine, _shown(url))
    except SQLAlchemyError as error:
        raise translate(error, _shown(url)) from error
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
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(unreadable URL)"


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    memory = url == "sqlite://"
    pool: dict[str, Any] = {"poolclass": sa.StaticPool} if memory else {}
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **pool)

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if not memory:
            # Readers never block the writer; a commit is on disk before append() returns.
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()

    return engine


def _prepare(engine: sa.Engine, name: str) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            # IF NOT EXISTS rather than create_all: two processes may prepare one store at the same moment.
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "store_version")).scalar()
        if found is None:
            insert_new(connection, meta, name="store_version", value=str(STORE_VERSION))
        elif int(found) > STORE_VERSION:
            raise StoreError(
                f"the store has version {found}, this Momus reads up to {STORE_VERSION}",
                code="store/too-new",
                place=name,
                hint="Upgrade Momus or write to a new store with --store",
            )
