"""Adapters to a user's system, each with the abilities of core.capabilities that it can really offer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.targets.door import Target as Target
    from momus.targets.open import open_files as open_files
    from momus.targets.open import open_target as open_target
    from momus.targets.served import open_served as open_served

_HOMES = {"Target": "door", "open_target": "open", "open_files": "open", "open_served": "served"}

__all__ = ["Target", "open_files", "open_served", "open_target"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.targets' has no attribute '{name}'")
    return getattr(importlib.import_module(f"momus.targets.{_HOMES[name]}"), name)
