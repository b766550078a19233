"""Does the serving code reach a package? A hint by reading source: seen means seen, not seen is never a clearance."""

from __future__ import annotations

import sys
import tomllib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from momus.methods.advisories.imports import Imports, read_imports
from momus.methods.advisories.listing import Pin, normal

NOT_SEEN, NOT_KNOWN = "not seen", "not known"


@dataclass(frozen=True, slots=True)
class Reach:
    """What the serving code was seen to import, as distributions.

    ``direct`` maps a distribution to where it is imported, ``through`` to what pulls it in. ``used`` maps dotted names
    to the place of their first use. ``open`` says why not everything could be seen, "" where it could.
    """

    direct: Mapping[str, str]
    through: Mapping[str, str]
    used: Mapping[str, str] = field(default_factory=dict)
    open: str = ""

    def of(self, name: str) -> str:
        """How the distribution is reached: the place of an import, what pulls it in, "not seen" or "not known"."""
        if name in self.direct:
            return f"imported at {self.direct[name]}"
        if name in self.through:
            return f"pulled in by {self.through[name]}"
        return f"{NOT_KNOWN} ({self.open})" if self.open else NOT_SEEN

    def reached(self, name: str) -> bool:
        return name in self.direct or name in self.through

    def uses(self, dotted: Iterable[str]) -> str:
        """Whether one of the names that an advisory blames is used: the name and where, or ""."""
        for name in dotted:
            for used, place in self.used.items():
                if used == name or used.startswith(f"{name}."):
                    return f"{name} at {place}"
        return ""


def reach(
    code: Iterable[Path],
    pins: Iterable[Pin],
    *,
    modules: Mapping[str, tuple[str, ...]] | None = None,
    pickled: Mapping[str, str] | None = None,
) -> Reach:
    """Distributions that the code imports, what those require, and what model files make a loader import.

    ``modules`` maps top-level modules to distributions, from an environment. ``pickled`` maps dotted names that pickles
    refer to to the file. Nothing is imported.
    """
    seen = read_imports(code)
    direct: dict[str, str] = {}
    listed = list(pins)
    known = {p.name for p in listed}
    for module, place in seen.modules.items():
        for name in distributions(module, modules, known):
            direct.setdefault(name, place)
    for dotted, file in (pickled or {}).items():
        for name in distributions(dotted.partition(".")[0], modules, known):
            direct.setdefault(name, file)
    return Reach(direct, _through(direct, listed), seen.used, _open(seen, listed))


def distributions(module: str, modules: Mapping[str, tuple[str, ...]] | None, known: Iterable[str]) -> tuple[str, ...]:
    """The distributions that may have brought a top-level module; nothing for the standard library."""
    if module in sys.stdlib_module_names:
        return ()
    found = (modules or {}).get(module)
    if found:
        return found
    named = _table().get(module)
    if named:
        return tuple(n for n in named if n in set(known)) or named[:1]
    return (normal(module),)


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = resources.files("momus.methods.advisories").joinpath("modules.toml").read_text("utf-8")
    return {k: tuple(v) for k, v in tomllib.loads(text)["modules"].items()}


def _through(direct: Mapping[str, str], pins: list[Pin]) -> dict[str, str]:
    """Distributions that others require, each with the nearest imported one that leads to it."""
    needs: dict[str, set[str]] = {}
    for pin in pins:
        needs.setdefault(pin.name, set()).update(pin.requires)
    through: dict[str, str] = {}
    queue = deque((name, name) for name in sorted(direct))
    while queue:
        name, root = queue.popleft()
        for needed in sorted(needs.get(name, ())):
            if needed not in direct and needed not in through:
                through[needed] = root
                queue.append((needed, root))
    return through


def _open(seen: Imports, pins: list[Pin]) -> str:
    if not seen.files:
        return "no serving code was given"
    if seen.unread:
        return f"{seen.unread[0]} could not be read"
    if seen.dynamic:
        return f"a module is chosen as it runs at {seen.dynamic}"
    if not any(p.requires for p in pins):
        return "what the packages require is not written down"
    return ""
