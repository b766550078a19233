"""A card's section on a served model becomes a target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from momus.card.schema import TargetCard
from momus.core.samples import Samples


def open_http(card: TargetCard, base: Path, _path: Path | None, samples: Samples | None, **run: Any) -> Any:
    """The served model that a card describes; ``run`` are ledger, cache, first and expected of ``open_target``."""
    from momus.targets.http_ import http_target
    from momus.targets.open import class_names, input_of, train_of

    assert card.http is not None
    return http_target(
        card.http,
        name=card.name,
        task=card.task if card.task in ("regressor", "generator") else "classifier",
        classes=class_names(card, samples),
        output=card.output,
        columns=() if samples is None else samples.columns,
        samples=samples,
        train=train_of(card, base),
        base=base,
        per_minute=None if card.service is None else card.service.per_minute,
        **run,
        **input_of(card),
    )
