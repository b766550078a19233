"""Runs by URL: append-only records, blobs by digest. SQLite embedded, PostgreSQL for a team."""

from momus.store.address import without_password
from momus.store.copy import copy_store
from momus.store.open import open_store
from momus.store.store import Store

__all__ = ["Store", "copy_store", "open_store", "without_password"]
