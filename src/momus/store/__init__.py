"""Runs by URL: append-only records, blobs by digest. SQLite embedded, PostgreSQL for a team."""

from momus.store.open import open_store
from momus.store.store import Store

__all__ = ["Store", "open_store"]
