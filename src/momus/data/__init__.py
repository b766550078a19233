"""Readers: from a data card to Samples. CSV, Parquet, NPZ, image folders, JSON lines, or the user's own loader."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.data.read import read_data as read_data
    from momus.data.summary import describe as describe

_HOMES = {"describe": "summary", "read_data": "read"}

__all__ = ["describe", "read_data"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"momus.data.{_HOMES[name]}"), name)
