"""Planted-faulty systems and their clean twins: how often would a probe notice, and how often does it cry wolf?

``zoo/<mode>/<technique>.py`` defines ``cases(seed) -> tuple[Case, ...]`` for the probe ``<mode>.<technique>``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from momus.core.samples import Samples


@dataclass(frozen=True)
class Case:
    """One planted or clean system. ``faulty`` is what an honest probe should find out.

    ``held_out`` marks a case that nobody looked at while the probe and its limit were being tuned.
    """

    name: str
    faulty: bool
    target: Any
    data: Mapping[str, Samples] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[Any, ...] = ()
    held_out: bool = False


def cases(probe_id: str, seed: int = 0) -> tuple[Case, ...]:
    """The planted and clean twins of one probe, built fresh from ``seed``."""
    module = importlib.import_module(f"momus.zoo.{probe_id}")
    made: tuple[Case, ...] = module.cases(seed)
    return made
