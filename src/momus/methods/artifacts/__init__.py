"""Static, default-deny scan of model artifacts. Nothing scanned is ever unpickled, imported or executed."""

from __future__ import annotations

from momus.methods.artifacts.report import FileReport, Limits, Mark, Region
from momus.methods.artifacts.scan import pickle_globals, scan, scan_bytes, sniff

__all__ = ["FileReport", "Limits", "Mark", "Region", "pickle_globals", "scan", "scan_bytes", "sniff"]
