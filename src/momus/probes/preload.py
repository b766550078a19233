"""Imports what the built-in probes import, for processes that will run one of them but do not know which."""

from __future__ import annotations

import importlib

from momus.core.registry import probe_ids

for _identity in probe_ids():
    if "/" not in _identity:  # third parties' probes are imported by the job that asks for them
        importlib.import_module(f"momus.probes.{_identity}")
