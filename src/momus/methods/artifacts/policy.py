"""Which importable names a pickle may use, and how far. The rules are data: allow.toml, deny.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

Use = Literal["call", "build", "refer"]
_HERE = Path(__file__).parent
_CLASS_NAME = re.compile(r"_{0,2}[A-Z][A-Za-z0-9_]*\Z")
_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known about one name.

    ``standing``: allowed, bad or unknown. ``use``: the most a pickle may do with an allowed name: refer to it, build an
    instance without running its constructor, or call it. ``check``: a condition on the arguments of a call.
    """

    standing: Literal["allowed", "bad", "unknown"]
    reason: str
    use: Use = "refer"
    check: str = ""


@dataclass(frozen=True, slots=True)
class ClassRule:
    """Classes defined under a package: instances may be built, constructors may not run."""

    prefix: str
    without: tuple[str, ...]
    reason: str

    def covers(self, module: str, name: str) -> bool:
        inside = module == self.prefix or module.startswith(self.prefix + ".")
        if not inside or not _CLASS_NAME.match(name):
            return False
        parts = module.split(".")
        return all(_PART.match(p) for p in parts) and not any(p in self.without for p in (*parts, name))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules as read from the two files."""

    names: dict[tuple[str, str], Rule]
    classes: tuple[ClassRule, ...]
    bad: dict[str, str]
    bad_leaf: dict[str, str]

    def rule(self, module: str, name: str, extra: tuple[str, ...] = ()) -> Rule:
        """The rule for a name; ``extra`` are further names or ``package.*`` patterns that the user vouches for."""
        exact = self.names.get((module, name))
        if exact is not None:
            return exact
        full = f"{module}.{name}"
        why = self._danger(module, name)
        if why:
            return Rule("bad", why)
        if "." not in name:
            for pattern in extra:
                if full == pattern or (pattern.endswith(".*") and full.startswith(pattern[:-1])):
                    return Rule("allowed", f"vouched for by '{pattern}'", "call")
            for rule in self.classes:
                if rule.covers(module, name):
                    return Rule("allowed", rule.reason, "build")
        return Rule("unknown", "no rule allows this name")

    def _danger(self, module: str, name: str) -> str:
        """Why a name is known to be dangerous, judged by its module, its packages, and each dotted part."""
        path = f"{module}.{name}".split(".")
        for i in range(len(path), 0, -1):
            why = self.bad.get(".".join(path[:i]))
            if why:
                return why
        return next((self.bad_leaf[p] for p in path[1:] if p in self.bad_leaf), "")


@cache
def load() -> Policy:
    """Read allow.toml and deny.toml, once."""
    allow = tomllib.loads((_HERE / "allow.toml").read_text("utf-8"))
    deny = tomllib.loads((_HERE / "deny.toml").read_text("utf-8"))
    names: dict[tuple[str, str], Rule] = {}
    for entry in allow["names"]:
        rule = Rule("allowed", entry["reason"], entry["use"], entry.get("check", ""))
        for module in entry["modules"]:
            for name in entry["names"]:
                names[module, name] = rule
    classes = tuple(ClassRule(c["prefix"], tuple(c.get("without", ())), c["reason"]) for c in allow["classes"])
    bad = {name: entry["reason"] for entry in deny["modules"] for name in entry["names"]}
    leaf = {name: entry["reason"] for entry in deny["parts"] for name in entry["names"]}
    return Policy(names, classes, bad, leaf)


@lru_cache(maxsize=4096)
def rule_for(module: str, name: str, extra: tuple[str, ...] = ()) -> Rule:
    """Cached :meth:`Policy.rule`."""
    return load().rule(module, name, extra)
