"""Public contracts. Subclass one in your own tests, override its fixtures, and your probe, target, store or report is
held to the same rules as the built-in ones. Needs pytest."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.testing.probe_contract import ProbeContract as ProbeContract
    from momus.testing.report_contract import ReportContract as ReportContract
    from momus.testing.store_contract import StoreContract as StoreContract
    from momus.testing.target_contract import TargetContract as TargetContract

_HOMES = {
    "ProbeContract": "probe_contract",
    "ReportContract": "report_contract",
    "StoreContract": "store_contract",
    "TargetContract": "target_contract",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.testing' has no attribute '{name}'")
    return getattr(importlib.import_module(f"momus.testing.{_HOMES[name]}"), name)
