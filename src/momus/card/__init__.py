"""The system card (momus.yaml): what a user tells Momus about one system, strict and with every error at its place."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.card.facts import Facts as Facts
    from momus.card.read import CardProblems as CardProblems
    from momus.card.read import load_card as load_card
    from momus.card.schema import DataCard as DataCard
    from momus.card.schema import SystemCard as SystemCard
    from momus.card.schema import TargetCard as TargetCard
    from momus.card.schema import Waiver as Waiver

_HOMES = {
    "CardProblems": "momus.card.read",
    "DataCard": "momus.card.schema",
    "Facts": "momus.card.facts",
    "SystemCard": "momus.card.schema",
    "TargetCard": "momus.card.schema",
    "Waiver": "momus.card.schema",
    "load_card": "momus.card.read",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.card' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
