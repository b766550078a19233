"""Card facts x premise rules -> which of the 17 modes matter here, by which rule, through whom, along which flow."""

from __future__ import annotations

from momus.threats.decide import threats as threats
from momus.threats.model import ModeThreat as ModeThreat
from momus.threats.model import ThreatModel as ThreatModel
from momus.threats.picture import picture as picture

__all__ = ["ModeThreat", "ThreatModel", "picture", "threats"]
