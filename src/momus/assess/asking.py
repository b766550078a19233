"""What a run asks of served models: one ledger for all its workers, and its totals in the run's head."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momus.card import SystemCard
from momus.core.cache import default_folder
from momus.core.errors import MomusError, StoreError
from momus.core.records import Run
from momus.core.service import Service
from momus.store import Store
from momus.targets.http_ledger import Ledger

KEPT = "ledger"
ASKED = "asked"
_DAYS = 30  # ledgers that nobody wrote for so long are thrown away


@dataclass(frozen=True)
class Asking:
    """The ledger of a run. A run that was interrupted left its own behind, and the one that resumes it counts on."""

    card: SystemCard
    name: str = ""

    @classmethod
    def of(cls, card: SystemCard, store: Store | None, run: str) -> Asking:
        """For a run that is about to begin; without a name where the card has no served model."""
        if not any(t.http is not None for t in card.targets):
            return cls(card)
        _forget_old()
        return cls(card, (_interrupted(card, store) if store is not None else "") or run)

    @property
    def folder(self) -> str | None:
        """Where workers find it; None where there is nothing to count."""
        return str(_home() / self.name) if self.name else None

    def in_head(self, head: Run) -> Run:
        """The run's head with what was asked up to now."""
        if not self.name:
            return head
        return head.model_copy(update={"settings": {**head.settings, KEPT: self.name, ASKED: self.totals()}})

    def totals(self) -> list[dict[str, Any]]:
        """For each served model that was asked: rows, requests, repeats and their reasons, bytes, seconds, cost."""
        found: list[dict[str, Any]] = []
        for target in self.card.targets:
            if target.http is None:
                continue
            with contextlib.suppress(MomusError, OSError):  # a ledger that cannot be read has stopped its workers
                total = Ledger.of(_home() / self.name, target.name).totals()
                if total.requests:
                    found.append({"target": target.name, **total.as_dict(), **_price(target.service, total.rows)})
        return found


def _price(card: Any, rows: int) -> Mapping[str, Any]:
    service = Service(**card.model_dump()) if card is not None else Service()
    cost = service.cost(rows)
    return {} if cost is None else {"cost": round(cost, 4), "currency": service.currency}


def _interrupted(card: SystemCard, store: Store) -> str:
    """The ledger of the last run of this very card, where that never came to its end; empty otherwise."""
    with contextlib.suppress(StoreError):
        last = next(iter(store.runs(card.system)), None)
        if last is not None and last.ended is None and last.card_digest == card.digest:
            return str(last.settings.get(KEPT, ""))
    return ""


def _home() -> Path:
    return default_folder().parent / "ledgers"


def _forget_old() -> None:
    with contextlib.suppress(OSError):
        for folder in _home().iterdir():
            if time.time() - folder.stat().st_mtime > _DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)
