"""Rulings on what a pickle asks for: names, calls and builds are held against the policy, refusals are marked."""

from __future__ import annotations

from momus.methods.artifacts import dtypes
from momus.methods.artifacts.conditions import CONDITIONS, GUARDED, endless, partial_complaint
from momus.methods.artifacts.policy import Rule, rule_for
from momus.methods.artifacts.report import Job, Mark
from momus.methods.artifacts.values import Blob, Name, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from momus.methods.artifacts.report import Severity

SPECIAL = frozenset(
    b"__setstate__ __class__ __reduce__ __reduce_ex__ __getattr__ __getattribute__ __setattr__ __getinitargs__ "
    b"__call__ __del__ __code__ __globals__ __builtins__ __subclasses__ __bases__ __mro__".split()
)
_TAKE_GUARDED = {("numpy.random._pickle", "__generator_ctor"), ("numpy.random._pickle", "__randomstate_ctor"),
                 ("torch._tensor", "_rebuild_from_type_v2"), ("dill._dill", "_create_array")}  # fmt: skip
_HARMLESS_DUNDERS = frozenset({"__doc__", "__module__", "__dict__", "__version__", "__annotations__", "__name__",
                               "__networkx_cache__"})  # fmt: skip
_TEXT_MAKERS = frozenset({"builtins.str", "builtins.getattr"})
_CLASSES_BY_VALUE = frozenset({"cloudpickle.cloudpickle._make_skeleton_class", "dill._dill._create_type"})
_UNCLEAR = "what it would be cannot be told without running it"
_RANK = {"call": 2, "build": 1, "refer": 0}


class Rulings:
    """Collects the marks of one stream. ``commit`` hands them to the job; a speculative reading simply drops them."""

    def __init__(self, job: Job, where: str = "", buf: bytes = b"") -> None:
        self.job, self.where, self.buf = job, where, buf
        self.found: list[Mark] = []
        self.names: dict[str, None] = {}
        self.nested: list[Blob | bytes] = []
        self.count = 0
        self._cache: dict[tuple[Any, Any, bool], Name] = {}
        self._said: set[str] = set()
        self.special = SPECIAL

    @property
    def dangerous(self) -> bool:
        return any(m.severity == "dangerous" for m in self.found)

    def mark(self, severity: Severity, what: str, offset: int, *, call: str = "", reason: str = "") -> None:
        room = 2000 if severity == "dangerous" else 1000  # a flood of lesser marks hides no grave one
        if what in self._said or len(self.found) >= room:
            return
        self._said.add(what)
        self.found.append(Mark(what, severity, offset, self.where, opcode_at(self.buf, offset), call, reason))

    def commit(self) -> None:
        """Hand everything found to the job."""
        for m in self.found:
            self.job.mark(m.severity, m.what, m.offset, m.where, opcode=m.opcode, call=m.call, reason=m.reason)
        self.job.names.update(self.names)

    def rule(self, name: Name) -> Rule:
        return rule_for(name.module, name.name, self.job.allow)

    def name(self, module: Any, name: Any, protocol: int, at: int) -> Name:
        """The name that a GLOBAL stands for. Text that cannot be followed gives an unknown name, which is refused."""
        old = protocol < 3
        if type(module) is not str or type(name) is not str:
            self.mark("suspicious", "a name is put together in a way that cannot be followed", at, reason=_UNCLEAR)
            return Name("?", "?", known=False)
        key = (module, name, old)
        if key in self._cache:
            return self._cache[key]
        if old:  # what a Python 3 unpickler does with names from Python 2
            import _compat_pickle

            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            else:
                module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        made = Name(module, name)
        made.guarded = self.rule(made).check in GUARDED
        if len(self._cache) < 10_000:
            self._cache[key] = made
        self.count += 1
        if len(self.names) < 10_000:
            self.names.setdefault(printable(str(made), 200))
        rule = self.rule(made)
        if rule.standing != "allowed":
            severity: Severity = "dangerous" if rule.standing == "dangerous" else "suspicious"
            known = module != "copyreg extension"
            reason = rule.reason if known else "it stands for whatever the loading process has registered"
            full = printable(str(made))
            self.mark(severity, f"asks for {full}: {reason}", at, call=full, reason=reason)
        return made

    def call(self, function: Any, arguments: list[Any], how: str, at: int, buf: bytes) -> int:
        """Rule on calling ``function`` (``how`` = call) or making an instance without its constructor (= build).

        Returns how many guarded names were put to their proper use by it.
        """
        self._call(function, arguments, how, at, buf)
        proper = int(type(function) is Name and function.guarded)
        if type(function) is Name and (function.module, function.name) in _TAKE_GUARDED:
            proper += sum(type(a) is Name and a.guarded for a in arguments)
        return proper

    def _call(self, function: Any, arguments: list[Any], how: str, at: int, buf: bytes) -> None:
        if type(function) is Node and how == "build" and str(function.maker) in _CLASSES_BY_VALUE:
            what = "makes an instance of a class that the file itself brings along"
            self.mark("suspicious", what, at, call=printable(str(function.maker)), reason=_UNCLEAR)
            return
        if type(function) is not Name:
            told = f"({show(arguments, buf)})"
            self.mark(
                "dangerous", f"calls a value that it worked out itself, with {told}", at, call=told, reason=_UNCLEAR
            )
            return
        if not function.known:
            told = f"({show(arguments, buf)})"
            self.mark("dangerous", f"calls a name that cannot be followed, with {told}", at, call=told, reason=_UNCLEAR)
            return
        rule = self.rule(function)
        full = printable(str(function))
        if rule.standing != "allowed":
            severity: Severity = "dangerous" if rule.standing == "dangerous" else "suspicious"
            told = f"{full}({show(arguments, buf)})"
            self.mark(severity, f"calls {told}", at, call=told, reason=rule.reason)
            return
        if function.module == "copyreg" and function.name in ("_reconstructor", "__newobj__"):
            self._reconstruct(arguments, at, buf, new=function.name != "_reconstructor")
            return
        self._handed_on(full, arguments, at)
        if _RANK[rule.use] < _RANK[how]:
            told, reason = f"{full}({show(arguments, buf)})", f"may only be {_done(rule)}"
            self.mark("suspicious", f"runs {told}, which {reason}", at, call=told, reason=reason)
        if rule.check:
            self._check(rule.check, full, arguments, at, buf)

    def _handed_on(self, full: str, arguments: list[Any], at: int) -> None:
        """A function that is only harmless in a checked form must not be handed to something that could call it."""
        for value in arguments:
            if type(value) is Node and endless(value):
                what = f"hands a range of numbers without end to {full}"
                self.mark("dangerous", what, at, call=full, reason="would exhaust the machine that loads it")
            if type(value) is not Name or self.rule(value).check not in GUARDED:
                continue
            if full.startswith("numpy.random._pickle.") and value.module == "numpy.random._pickle":
                continue
            if full not in ("torch._tensor._rebuild_from_type_v2", "dill._dill._create_array"):
                told = f"{full}({printable(str(value))})"
                what = f"hands {printable(str(value))} to {full} as a value"
                self.mark("suspicious", what, at, call=told, reason="somebody else could call it unchecked")

    def _check(self, check: str, full: str, arguments: list[Any], at: int, buf: bytes) -> None:
        complaint = CONDITIONS[check](self, arguments)
        if complaint:
            told = f"{full}({show(arguments, buf)})"
            self.mark("dangerous", f"calls {told}: {complaint}", at, call=told, reason=complaint)
        elif check == "inner call" and type(arguments[0]) is Name and type(arguments[2]) is Node:
            self.call(arguments[0], list(arguments[2].items), "call", at, buf)

    def _reconstruct(self, arguments: list[Any], at: int, buf: bytes, *, new: bool) -> None:
        """copyreg's way to make an instance: the class is built, its plain base may take a value."""
        if not arguments or type(arguments[0]) is not Name:
            told = f"({show(arguments, buf)})"
            self.mark(
                "dangerous", f"rebuilds an instance of something worked out, {told}", at, call=told, reason=_UNCLEAR
            )
            return
        self.call(arguments[0], arguments[1:] if new else [], "build", at, buf)
        if new:
            return
        complaint = CONDITIONS["plain base"](self, arguments)
        if complaint:
            told = f"copyreg._reconstructor({show(arguments, buf)})"
            self.mark("suspicious", f"{told}: {complaint}", at, call=told, reason=complaint)

    def build(self, target: Any, state: Any, at: int) -> None:
        """Rule on giving ``state`` to an instance."""
        if type(target) is Name:
            what = f"changes {printable(str(target))} itself instead of an instance"
            self.mark("dangerous", what, at, call=printable(str(target)), reason="what others rely on would change")
        for part in (state, *(state.items if type(state) is Node and state.kind == "tuple" else ())):
            if type(part) is not Node or part.kind != "dict":
                continue
            for key in part.items[::2]:
                if type(key) is str and key[:2] == "__" == key[-2:] and key not in _HARMLESS_DUNDERS:
                    what = f"gives an instance its own {printable(key)}"
                    self.mark("suspicious", what, at, call=printable(key), reason="changes what the instance is")

    def built(self, target: Node, at: int) -> None:
        """Rule on an instance that has its state now: some classes act on what a state says."""
        cls, said = target.cls, ""
        if cls == "numpy.dtype":
            said = dtypes.complaint(target)
        elif cls == "functools.partial":
            state = target.state
            known = type(state) is Node and state.kind == "tuple" and bool(state.items)
            said = (
                ""
                if known and not partial_complaint(self, state.items[0], _held(state))
                else "a partial gets another function"
            )
        elif cls == "collections.defaultdict":
            said = "a defaultdict gets another factory"
        if said:
            self.mark("suspicious", said, at, call=cls, reason="what it does cannot be told from how it was made")

    def spelt(self, raw: bytes, at: int) -> None:
        """Texts that change what loading does where they are the name of an attribute; no data looks like them."""
        if raw in SPECIAL:
            name = raw.decode("ascii")
            self.mark(
                "suspicious", f"spells {name}", at, call=name, reason="as an attribute it changes what loading does"
            )

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


def opcode_at(buf: bytes, offset: int) -> str:
    """The name of the pickle instruction at ``offset``: GLOBAL, REDUCE, …; empty where there is none."""
    import pickletools

    if not 0 <= offset < len(buf):
        return ""
    return next((o.name for o in pickletools.opcodes if ord(o.code) == buf[offset]), "")


def _held(state: Any) -> list[Any]:
    """The positional arguments in a partial's state: (function, arguments, keywords, attributes)."""
    held = state.items[1] if len(state.items) > 1 else None
    return list(held.items) if type(held) is Node and held.kind == "tuple" else []


def _done(rule: Rule) -> str:
    return "referred to" if rule.use == "refer" else "rebuilt from its state"


def printable(text: str, width: int = 120) -> str:
    """Text cut to ``width`` with everything but printable ASCII escaped: names come from strangers."""
    clean = "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text[:width])
    return clean[:width] + ("..." if len(text) > width or len(clean) > width else "")


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
            parts.append("...")
    return ", ".join(parts) + (", ..." if len(values) > 4 else "")
