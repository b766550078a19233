"""Planted-faulty systems and their clean twins: how often would a probe notice, and how often does it cry wolf?

``zoo/<mode>/<technique>.py`` defines ``cases(seed) -> tuple[Case, ...]`` for the probe ``<mode>.<technique>``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from momus.core.samples import Samples


@dataclass(frozen=True)
class Later:
    """A system that takes seconds to build: it is built when somebody first asks the case for its target."""

    build: Callable[[], Any]


class _Target:
    """A case's target as given, or built now where it was left for later."""

    def __get__(self, case: Any, owner: type[Any] | None = None) -> Any:
        if case is None:  # a dataclass asks for a default: there is none
            raise AttributeError("target")
        held = case.__dict__["target"]
        if isinstance(held, Later):
            held = case.__dict__["target"] = held.build()
        return held

    def __set__(self, case: Any, value: Any) -> None:
        case.__dict__["target"] = value


class Rows(Mapping[str, Samples]):
    """Data of a case that are made with its target: they are made when somebody first looks at them."""

    def __init__(self, build: Callable[[], Mapping[str, Samples]]) -> None:
        self._build = cache(build)

    def __getitem__(self, role: str) -> Samples:
        return self._build()[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._build())

    def __len__(self) -> int:
        return len(self._build())


@dataclass(frozen=True)
class Case:
    """One planted or clean system. ``faulty`` is what an honest probe should find out.

    ``target`` may be given as :class:`Later`: whoever asks about one twin does not wait for the others.
    ``held_out`` marks a case that nobody looked at while the probe and its limit were being tuned.
    """

    name: str
    faulty: bool
    target: Any = _Target()
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
