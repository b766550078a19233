"""Which importable names a pickle may use, and how far. The rules: allowed.py, allowed_classes.py, denied.py."""

from __future__ import annotations

from momus.methods.artifacts.allowed import NAMES
from momus.methods.artifacts.allowed_classes import BUILT, CLASSES
from momus.methods.artifacts.allowed_values import VALUES
from momus.methods.artifacts.denied import HONEST, MODULES, PARTS
from momus.methods.artifacts.report import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Use = Literal["call", "build", "refer"]
    Standing = Literal["allowed", "dangerous", "unknown"]


class Rule(Record):
    """What is known about one name.

    ``standing``: allowed, dangerous or unknown. ``use``: the most a pickle may do with an allowed name: refer to it,
    build an instance without running its constructor, or call it. ``check``: a condition on the arguments of a call.
    """

    __slots__ = ("standing", "reason", "use", "check")  # noqa: RUF023 (in the order of reading)

    def __init__(self, standing: Standing, reason: str, use: Use = "refer", check: str = "") -> None:
        self.standing, self.reason, self.use, self.check = standing, reason, use, check


class ClassRule(Record):
    """Classes defined under a package: instances may be built, constructors may not run."""

    __slots__ = ("prefix", "without", "reason")  # noqa: RUF023

    def __init__(self, prefix: str, without: tuple[str, ...], reason: str) -> None:
        self.prefix, self.without, self.reason = prefix, without, reason

    def covers(self, module: str, name: str) -> bool:
        inside = module == self.prefix or module.startswith(self.prefix + ".")
        if not inside or not _is_class_name(name):
            return False
        parts = module.split(".")
        return all(p.isascii() and p.isidentifier() for p in parts) and not any(
            p in self.without for p in (*parts, name)
        )


def _is_class_name(name: str) -> bool:
    """As classes are spelt: a capital behind at most two underscores."""
    bare = name[2:] if name[:2] == "__" else name.removeprefix("_")
    if not (name.isascii() and name.isidentifier() and "A" <= bare[:1] <= "Z"):
        return False
    return not (name.isupper() and "_" in name)  # _LIB, VALID_METRICS: a loaded library, tables that others rely on


class Policy:
    """The rules as read from the three files."""

    def __init__(
        self,
        names: dict[tuple[str, str], Rule],
        classes: tuple[ClassRule, ...],
        dangerous: dict[str, str],
        dangerous_part: dict[str, str],
    ) -> None:
        self.names, self.classes, self.dangerous, self.dangerous_part = names, classes, dangerous, dangerous_part

    def rule(self, module: str, name: str, extra: tuple[str, ...] = ()) -> Rule:
        """The rule for a name; ``extra`` are further names or ``package.*`` patterns that the user vouches for."""
        exact = self.names.get((module, name))
        if exact is not None:
            return exact
        full = f"{module}.{name}"
        why = self._danger(module, name)
        if why:
            return Rule("dangerous", why)
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
        if _is_class_name(name) and f"{module}.".startswith(HONEST):
            return ""
        path = f"{module}.{name}".split(".")
        for i in range(len(path), 0, -1):
            why = self.dangerous.get(".".join(path[:i]))
            if why:
                return why
        return next((self.dangerous_part[p] for p in path[1:] if p in self.dangerous_part), "")


_LOADED: list[Policy] = []
_RULES: dict[tuple[str, str, tuple[str, ...]], Rule] = {}


def load() -> Policy:
    """The rules of allowed.py, allowed_classes.py and denied.py, put together once."""
    if not _LOADED:
        names: dict[tuple[str, str], Rule] = {}
        for modules, listed, use, check, reason in (*NAMES, *BUILT, *VALUES):
            rule = Rule("allowed", reason, use, check)  # type: ignore[arg-type]
            for module in modules.split():
                for name in listed.split():
                    names[module, name] = rule
        classes = tuple(ClassRule(prefix, tuple(without.split()), reason) for prefix, without, reason in CLASSES)
        danger, parts = ({name: why for listed, why in table for name in listed.split()} for table in (MODULES, PARTS))
        _LOADED.append(Policy(names, classes, danger, parts))
    return _LOADED[0]


def rule_for(module: str, name: str, extra: tuple[str, ...] = ()) -> Rule:
    """Cached :meth:`Policy.rule`."""
    key = (module, name, extra)
    found = _RULES.get(key)
    if found is None:
        found = load().rule(module, name, extra)
        if len(_RULES) >= 4096:
            _RULES.clear()
        _RULES[key] = found
    return found
