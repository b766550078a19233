"""The only room that wires rooms: plan, run, judge, review, compare."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from momus.assess.assessment import Assessment as Assessment
    from momus.assess.assessment import recall as recall
    from momus.assess.assessment import review as review
    from momus.assess.comparison import compare as compare
    from momus.assess.run import Settings as Settings
    from momus.assess.run import assess as assess
    from momus.assess.run import plan_system as plan_system

# Lazy, because a worker imports this package and must not load the store or the reports.
_HOMES = {
    "Assessment": "assessment",
    "recall": "assessment",
    "review": "assessment",
    "compare": "comparison",
    "Settings": "run",
    "assess": "run",
    "plan_system": "run",
}

__all__ = ["Assessment", "Settings", "assess", "compare", "plan_system", "recall", "review"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'momus.assess' has no attribute '{name}'")
    return getattr(importlib.import_module(f"momus.assess.{_HOMES[name]}"), name)


class _Room(ModuleType):
    """The room answers to ``momus.assess(card)``: the package and its main function share one name."""

    def __call__(self, *args: Any, **settings: Any) -> Assessment:
        from momus.assess.run import assess as run

        return run(*args, **settings)


sys.modules[__name__].__class__ = _Room
