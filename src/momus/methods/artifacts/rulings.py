"""Rulings on what a pickle asks for: names, calls and builds are held against the policy, refusals are marked."""

from __future__ import annotations

import _compat_pickle
from typing import Any

from momus.methods.artifacts.conditions import CONDITIONS, GUARDED
from momus.methods.artifacts.policy import Rule, rule_for
from momus.methods.artifacts.report import Job, Mark, Severity
from momus.methods.artifacts.values import Blob, Name, Node

_HARMLESS_DUNDERS = frozenset({"__doc__", "__module__", "__dict__", "__version__", "__annotations__", "__name__"})
_TEXT_MAKERS = frozenset({"builtins.str", "builtins.getattr"})
_RANK = {"call": 2, "build": 1, "refer": 0}


class Rulings:
    """Collects the marks of one stream. ``commit`` hands them to the job; a speculative reading simply drops them."""

    def __init__(self, job: Job, where: str = "") -> None:
        self.job, self.where = job, where
        self.found: list[Mark] = []
        self.names: dict[str, None] = {}
        self.nested: list[Blob | bytes] = []
        self.count = 0
        self._cache: dict[tuple[Any, Any, bool], Name] = {}
        self._said: set[str] = set()

    @property
    def bad(self) -> bool:
        return any(m.severity == "bad" for m in self.found)

    def mark(self, severity: Severity, what: str, offset: int) -> None:
        room = 2000 if severity == "bad" else 1000  # a flood of lesser marks hides no grave one
        if what in self._said or len(self.found) >= room:
            return
        self._said.add(what)
        self.found.append(Mark(what, severity, offset, self.where))

    def commit(self) -> None:
        """Hand everything found to the job."""
        for m in self.found:
            self.job.mark(m.severity, m.what, m.offset, m.where)
        self.job.names.update(self.names)

    def rule(self, name: Name) -> Rule:
        return rule_for(name.module, name.name, self.job.allow)

    def name(self, module: Any, name: Any, protocol: int, at: int) -> Name:
        """The name that a GLOBAL stands for. Text that cannot be followed gives an unknown name, which is refused."""
        old = protocol < 3
        if type(module) is not str or type(name) is not str:
            self.mark("suspicious", "a name is put together in a way that cannot be followed", at)
            return Name("?", "?", known=False)
        key = (module, name, old)
        if key in self._cache:
            return self._cache[key]
        if old:  # what a Python 3 unpickler does with names from Python 2
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        made = Name(module, name)
        if len(self._cache) < 10_000:
            self._cache[key] = made
        self.count += 1
        if len(self.names) < 10_000:
            self.names.setdefault(printable(str(made), 200))
        rule = self.rule(made)
        if rule.standing == "bad":
            self.mark("bad", f"asks for {printable(str(made))}: {rule.reason}", at)
        elif rule.standing == "unknown":
            if module == "copyreg extension":
                reason = "it stands for whatever the loading process has registered"
            else:
                reason = rule.reason
            self.mark("suspicious", f"asks for {printable(str(made))}: {reason}", at)
        return made

    def call(self, function: Any, arguments: list[Any], how: str, at: int, buf: bytes) -> None:
        """Rule on calling ``function`` (``how`` = call) or making an instance without its constructor (= build)."""
        if type(function) is not Name:
            self.mark("bad", f"calls a value that it worked out itself, with ({show(arguments, buf)})", at)
            return
        if not function.known:
            self.mark("bad", f"calls a name that cannot be followed, with ({show(arguments, buf)})", at)
            return
        rule = self.rule(function)
        full = printable(str(function))
        if rule.standing != "allowed":
            severity: Severity = "bad" if rule.standing == "bad" else "suspicious"
            self.mark(severity, f"calls {full}({show(arguments, buf)})", at)
            return
        if function.module == "copyreg" and function.name in ("_reconstructor", "__newobj__"):
            self._reconstruct(arguments, at, buf, new=function.name != "_reconstructor")
            return
        self._handed_on(full, arguments, at)
        if _RANK[rule.use] < _RANK[how]:
            self.mark("suspicious", f"runs {full}({show(arguments, buf)}), which may only be {_done(rule)}", at)
        if rule.check and (how == "call" or rule.check == "no arguments"):
            self._check(rule.check, full, arguments, at, buf)

    def _handed_on(self, full: str, arguments: list[Any], at: int) -> None:
        """A function that is only harmless in a checked form must not be handed to something that could call it."""
        for value in arguments:
            if type(value) is not Name or self.rule(value).check not in GUARDED:
                continue
            if full.startswith("numpy.random._pickle.") and value.module == "numpy.random._pickle":
                continue
            if full != "torch._tensor._rebuild_from_type_v2":
                self.mark("suspicious", f"hands {printable(str(value))} to {full} as a value", at)

    def _check(self, check: str, full: str, arguments: list[Any], at: int, buf: bytes) -> None:
        complaint = CONDITIONS[check](self, arguments)
        if complaint:
            self.mark("bad", f"calls {full}({show(arguments, buf)}): {complaint}", at)
        elif check == "inner call" and type(arguments[0]) is Name and type(arguments[2]) is Node:
            self.call(arguments[0], list(arguments[2].items), "call", at, buf)

    def _reconstruct(self, arguments: list[Any], at: int, buf: bytes, *, new: bool) -> None:
        """copyreg's way to make an instance: the class is built, its plain base may take a value."""
        if not arguments or type(arguments[0]) is not Name:
            self.mark("bad", f"rebuilds an instance of something worked out, ({show(arguments, buf)})", at)
            return
        self.call(arguments[0], arguments[1:] if new else [], "build", at, buf)
        if new:
            return
        complaint = CONDITIONS["plain base"](self, arguments)
        if complaint:
            self.mark("suspicious", f"copyreg._reconstructor({show(arguments, buf)}): {complaint}", at)

    def build(self, target: Any, state: Any, at: int) -> None:
        """Rule on giving ``state`` to an instance."""
        if type(target) is Name:
            self.mark("bad", f"changes {printable(str(target))} itself instead of an instance", at)
        for part in (state, *(state.items if type(state) is Node and state.kind == "tuple" else ())):
            if type(part) is not Node or part.kind != "dict":
                continue
            for key in part.items[::2]:
                if type(key) is str and key[:2] == "__" == key[-2:] and key not in _HARMLESS_DUNDERS:
                    self.mark("suspicious", f"gives an instance its own {printable(key)}", at)

    def may_be_text(self, value: Any) -> bool:
        """Whether an object could turn out to be text: made by str, by getattr, or by something that is not allowed."""
        if type(value) is not Node or value.kind != "object":
            return False
        maker = value.maker
        return maker is None or str(maker) in _TEXT_MAKERS or self.rule(maker).standing != "allowed"

    def usable(self, value: Any, how: str) -> bool:
        """Whether a value is an allowed name that may be used this way."""
        return type(value) is Name and value.known and self._fits(self.rule(value), how)

    @staticmethod
    def _fits(rule: Rule, how: str) -> bool:
        return rule.standing == "allowed" and _RANK[rule.use] >= _RANK[how]


def _done(rule: Rule) -> str:
    return "referred to" if rule.use == "refer" else "rebuilt from its state"


def printable(text: str, width: int = 120) -> str:
    """Text cut to ``width`` with everything but printable ASCII escaped: names come from strangers."""
    clean = "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text[:width])
    return clean[:width] + ("…" if len(text) > width or len(clean) > width else "")


def show(values: list[Any], buf: bytes) -> str:
    """Arguments in a few words, for a mark."""
    parts = []
    for v in values[:4]:
        if type(v) is str:
            parts.append(f"'{printable(v, 60)}'")
        elif type(v) is int:
            parts.append(str(v) if abs(v) < 1 << 64 else f"2^{v.bit_length() - 1}")
        elif type(v) is Blob:
            parts.append("b'" + printable(buf[v.start : min(v.end, v.start + 40)].decode("latin-1"), 40) + "'")
        elif type(v) is Name:
            parts.append(printable(str(v), 60))
        else:
            parts.append("…")
    return ", ".join(parts) + (", …" if len(values) > 4 else "")
