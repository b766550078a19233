"""Detectors, one file a technique: ``shift_harm.py`` holds ``shift.harm``."""

from __future__ import annotations

import pkgutil
from importlib import import_module


def load() -> None:
    """Import every detector of this room, so that it is registered."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
