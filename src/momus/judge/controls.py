"""Control rates: how often each probe noticed a planted fault and cried wolf on a clean twin, as last measured.

``make controls`` measures them on the zoo and rewrites ``controls.toml``; reports print them beside the results.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from momus.core.records import Record


class ControlRates(Record):
    """``hits`` of ``planted`` faulty systems failed; ``false_alarms`` of ``clean`` twins failed. ``passed`` clean twins
    passed; what is left over was inconclusive. ``held_out`` of all these systems were not looked at during tuning."""

    probe: str
    planted: int
    hits: int
    clean: int
    false_alarms: int
    passed: int
    held_out: int = 0
    date: str = ""


@cache
def load_controls() -> Mapping[str, ControlRates]:
    """Probe id -> its measured rates. Probes without an entry have none and reports say so."""
    source = files("momus.judge").joinpath("controls.toml")
    if not source.is_file():
        return {}
    table = tomllib.loads(source.read_text("utf-8"))
    return {probe: ControlRates(probe=probe, **entry) for probe, entry in table.items()}
