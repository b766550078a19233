"""Limits: the pass marks, fixed before a run. Defaults are data; the card overrides them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from momus.core.records import Limit


@cache
def default_limits() -> Mapping[str, Limit]:
    """Probe id -> the pass mark that applies where the card sets none."""
    table = tomllib.loads(files("momus.judge").joinpath("limits.toml").read_text("utf-8"))
    return {
        probe: Limit(probe=probe, value=entry["value"], source="default", reason=entry["reason"])
        for probe, entry in table.items()
    }


def limit_for(probe: str, card_limits: Mapping[str, float]) -> Limit | None:
    """The card's limit, else the default, else None: without a pass mark nothing passes."""
    if probe in card_limits:
        return Limit(probe=probe, value=card_limits[probe], source="card", reason="set by the card")
    return default_limits().get(probe)
