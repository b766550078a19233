"""The UCI table of examples/credit-default, cut once more: the clients it held out are half reference, half traffic."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from momus.core.samples import Samples

REFERENCE = 5_000


def _credit() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "credit-default" / "data.py"
    spec = importlib.util.spec_from_file_location("credit_default_data", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def train() -> Samples:
    """The 20,000 clients the model was trained on."""
    return _credit().train()


def reference() -> Samples:
    """5,000 clients that show what inputs look like while nothing is wrong."""
    return _credit().test().take(slice(0, REFERENCE))


def traffic() -> Samples:
    """The other 5,000: what the brokers ask about."""
    return _credit().test().take(slice(REFERENCE, None))
