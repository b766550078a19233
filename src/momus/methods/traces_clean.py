"""Statistics of clean models of several recipes, for models that cannot be trained again.

The table beside this file is made by ``python -m momus.zoo.clean_traces``; it says of each model what it is.
"""

from __future__ import annotations

import functools
import json
from importlib import resources


@functools.cache
def clean_models() -> tuple[dict[str, float], ...]:
    """One mapping a model: statistics of all its numbers laid end to end, as :func:`momus.methods.traces.describe`."""
    text = resources.files("momus.methods").joinpath("traces_clean.json").read_text(encoding="utf-8")
    held = json.loads(text)
    return tuple(dict(zip(held["statistics"], model["values"], strict=True)) for model in held["models"])
