"""Card facts x premise rules -> which of the 17 modes matter here, by which rule, through whom, along which flow."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from momus.threats.decide import threats as threats
from momus.threats.model import ModeThreat as ModeThreat
from momus.threats.model import ThreatModel as ThreatModel
from momus.threats.picture import picture as picture

__all__ = ["ModeThreat", "ThreatModel", "picture", "threats"]


class _Room(ModuleType):
    """The room answers to ``momus.threats(card)``: the package and its main function share one name."""

    def __call__(self, *args: Any, **options: Any) -> ThreatModel:
        return threats(*args, **options)


sys.modules[__name__].__class__ = _Room
