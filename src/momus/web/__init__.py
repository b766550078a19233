"""Momus as pages for a team: FastAPI over the store, with the templates of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.web.access import Access as Access
    from momus.web.app import create_app as create_app

# Lazy, so that tokens can be made where the extra is not installed.
_HOMES = {"Access": "access", "create_app": "app"}

__all__ = ["Access", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.web' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"momus.web.{_HOMES[name]}"), name)
