"""Momus: for a real machine-learning system, does each of the 17 failure modes apply, how badly does it fail,
how sure are we, how severe is that, and what now.

Public names are resolved when first used, so that ``import momus`` reads no file and loads no framework.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; `typing` takes longer to import than small files to scan
if TYPE_CHECKING:
    from typing import Any

    from momus.assess import Assessment as Assessment
    from momus.assess import assess as assess
    from momus.assess import compare as compare
    from momus.assess import recall as recall
    from momus.assess.plan import Plan as Plan
    from momus.assess.reproduce import reproduce as reproduce
    from momus.assess.run import plan as plan
    from momus.assess.supply import lock as lock
    from momus.assess.supply import verify as verify
    from momus.card import SystemCard as SystemCard
    from momus.card import load_card as load_card
    from momus.card.inspect import check_card as check_card
    from momus.core.errors import MomusError as MomusError
    from momus.core.meter import Budget as Budget
    from momus.core.probe import Trial as Trial
    from momus.core.probe import probe as probe
    from momus.core.records import Finding as Finding
    from momus.core.records import Measurement as Measurement
    from momus.core.records import Rating as Rating
    from momus.core.registry import get_probe as get_probe
    from momus.core.samples import Samples as Samples
    from momus.data import read_data as read_data
    from momus.methods.artifacts import scan as scan
    from momus.store import open_store as open_store
    from momus.targets import Target as Target
    from momus.targets.converting import convert as convert
    from momus.taxonomy import load as load_taxonomy  # noqa: F401
    from momus.threats import threats as threats
    from momus.threats.draft import draft as draft

__version__ = "0.1.0"

_HOMES = {
    "Assessment": "momus.assess:Assessment",
    "Budget": "momus.core.meter:Budget",
    "Finding": "momus.core.records:Finding",
    "Measurement": "momus.core.records:Measurement",
    "MomusError": "momus.core.errors:MomusError",
    "Plan": "momus.assess.plan:Plan",
    "Rating": "momus.core.records:Rating",
    "Samples": "momus.core.samples:Samples",
    "SystemCard": "momus.card:SystemCard",
    "Target": "momus.targets:Target",
    "Trial": "momus.core.probe:Trial",
    "assess": "momus.assess:assess",
    "check_card": "momus.card.inspect:check_card",
    "compare": "momus.assess:compare",
    "convert": "momus.targets.converting:convert",
    "draft": "momus.threats.draft:draft",
    "get_probe": "momus.core.registry:get_probe",
    "load_card": "momus.card:load_card",
    "load_taxonomy": "momus.taxonomy:load",
    "lock": "momus.assess.supply:lock",
    "open_store": "momus.store:open_store",
    "plan": "momus.assess.run:plan",
    "probe": "momus.core.probe:probe",
    "read_data": "momus.data:read_data",
    "recall": "momus.assess:recall",
    "reproduce": "momus.assess.reproduce:reproduce",
    "scan": "momus.methods.artifacts:scan",
    "threats": "momus.threats:threats",
    "verify": "momus.assess.supply:verify",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus' has no attribute '{name}'")
    import importlib

    module, attribute = _HOMES[name].split(":")
    found = importlib.import_module(module)
    # `assess` and `threats` are rooms that can be called; the room stays, whichever of the two was asked for first.
    return found if attribute == name == module.removeprefix("momus.") else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
