"""R's serialised values (.rds, .RData): every item is walked, and what is more than data is marked with its offset.

Reading such a file builds no class, but it fills in promises and functions: a promise runs its code when the value is
first touched (CVE-2024-27322), a function replaces one of the same name, a name of a package loads that package.

Source: R Internals 1.8, Serialization Formats; serialize.c of R 4.3 for the numbers of types.
"""

from __future__ import annotations

from typing import Any

from momus.methods.artifacts.r_names import ALTREP, GRAVE, LANGUAGE, PACKAGES, WORKSPACE, WORST
from momus.methods.artifacts.r_stream import Source, open_source
from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable

_DEPTH = 20_000
_ITEMS = 20_000_000
_ATOMS = {10: 4, 13: 4, 14: 8, 15: 16, 24: 1}
_SINGLE = frozenset([254, 253, 252, 251, 250, 242, 241])  # NULL, the environments of R itself, markers of absence
_CODE = frozenset(["promise", "closure", "bytecode", "expression"])
_CELLS = frozenset([2, 17, 239])


def scan_rds(job: Job, region: Region, where: str) -> str:
    """One value, as saveRDS writes it."""
    _Walker(job, region, where, 0).all()
    return "r object"


def scan_rdata(job: Job, region: Region, where: str) -> str:
    """Named values, as save writes them: load puts each into the workspace under its name."""
    walker = _Walker(job, region, where, 5)
    walker.workspace = True
    walker.all()
    return "r workspace"


class _Walker:
    """A stack of work: what is still to be read, with what it is part of."""

    def __init__(self, job: Job, region: Region, where: str, start: int) -> None:
        self.job, self.region, self.where, self.start = job, region, where, start
        self.source: Source = Source(region, start)
        self.stack: list[tuple[Any, ...]] = []
        self.refs: list[str] = [""]
        self.workspace = False
        self.items = 0

    def all(self) -> None:
        try:
            self.source = open_source(self.region, self.start)
            self.stack = [("item", "workspace" if self.workspace else "top")]
            self.run()
        except ValueError as error:
            self.job.mark("suspicious", f"R data that does not hold: {error}", self.source.at, self.where)
            return
        left = len(self.region) - self.source.at
        if left:
            self.job.mark("suspicious", f"{left:,} bytes follow the R data", self.source.at, self.where)
            if left > 8:
                self.job.examine(self.region.part(self.source.at, left), f"{self.where}!bytes@{self.source.at}")

    def run(self) -> None:
        while self.stack:
            what, *rest = self.stack.pop()
            self.items += 1
            if self.items % 8192 == 0:
                self.job.check_time()
                if self.items > _ITEMS:
                    raise TooMuch(f"holds more than {_ITEMS:,} values")
            if len(self.stack) > _DEPTH:
                raise TooMuch("nests too deeply")
            if what == "item":
                self.item(rest[0])
            elif what == "many":
                count, part = rest
                if count > 1:
                    self.stack.append(("many", count - 1, part))
                self.item(part)
            elif what == "bytecode":
                self.bytecode()
            elif what == "constants":
                self.constants(rest[0])
            elif what == "compiled":
                self.compiled(self.source.integer(), rest[0])

    def mark(self, severity: Any, what: str, unit: str, *, call: str = "", reason: str = "") -> None:
        self.job.mark(severity, what, self.source.at, self.where, opcode=unit, call=call, reason=reason)

    def item(self, part: str) -> None:
        flags = self.source.integer()
        kind, attributes, tag = flags & 255, bool(flags & 0x200), bool(flags & 0x400)
        if kind in _SINGLE:
            return
        if kind in _ATOMS:
            self.source.skip(_ATOMS[kind], self.source.length(), kind)
            self.later(attributes)
        elif kind == 9:
            self.source.text()
        elif kind == 16:
            self.texts()
            self.later(attributes)
        elif kind in (19, 20):
            self.vector(kind, attributes, part)
        elif kind in _CELLS:
            self.pairs(attributes or kind == 239, tag, part)
        elif kind == 1:
            self.symbol(part)
        elif kind == 255:
            self.reference(flags, part)
        else:
            self.odd(kind, flags, attributes, tag, part)

    def later(self, attributes: bool, part: str = "attribute") -> None:
        if attributes:
            self.stack.append(("item", part))

    def texts(self) -> None:
        count = self.source.length()
        self.source.room(4 * count)
        for i in range(count):
            if i % 8192 == 8191:
                self.job.check_time()
            if self.source.integer() & 255 != 9:
                raise ValueError("a text that is none")
            self.source.text()

    def vector(self, kind: int, attributes: bool, part: str) -> None:
        count = self.source.length()
        self.source.room(4 * count)
        inner = part if part in _CODE or part == "frame" else "list"
        if kind == 20:
            inner = "expression"
            if count:
                self.mark(
                    "suspicious", "an expression: code, kept as data", "EXPRSXP", reason="whoever evaluates it runs it"
                )
        self.later(attributes)
        if count:
            self.stack.append(("many", count, inner))

    def pairs(self, attributes: bool, tag: bool, part: str) -> None:
        """A pair list: attributes, tag, value, and the rest of the list, which follows without nesting."""
        if attributes:
            # the tag stands behind them, so a value of a workspace loses its name here; no writer makes such a list
            self.stack += [("item", part), ("item", part)]
            if tag:
                self.stack.append(("item", "tag"))
            self.stack.append(("item", "attribute"))
            return
        name = self.tag() if tag else ""
        self.stack.append(("item", part))  # the rest
        self.stack.append(("item", f"={name}" if part == "workspace" else part))

    def tag(self) -> str:
        flags = self.source.integer()
        if flags & 255 == 1:
            return self.symbol("tag")
        if flags & 255 == 255:
            return self.reference(flags, "tag")
        if flags & 255 == 254:
            return ""
        raise ValueError("a tag that is no name")

    def symbol(self, part: str) -> str:
        if self.source.integer() & 255 != 9:
            raise ValueError("a name that is no text")
        name = self.source.text()
        self.refs.append(name)
        self.named(name, part)
        return name

    def reference(self, flags: int, part: str) -> str:
        index = flags >> 8 or self.source.integer()
        if not 0 < index < len(self.refs):
            raise ValueError("a reference to nothing")
        self.named(self.refs[index], part)
        return self.refs[index]

    def named(self, name: str, part: str) -> None:
        """A name at the head of a call."""
        if not part.endswith("head"):
            return
        code, why = part != "head", GRAVE.get(name, "")
        if why:
            self.job.names.setdefault(printable(name, 100))
            what = (
                f"code that calls {printable(name, 40)}" if code else f"a call of {printable(name, 40)}, kept as data"
            )
            grave = code and name in WORST
            self.mark(
                "dangerous" if grave else "suspicious",
                f"{what}: {why}",
                "LANGSXP",
                call=printable(name, 80),
                reason=why,
            )
        elif not code and name not in LANGUAGE:
            what = f"a call of {printable(name, 40)}, kept as data"
            self.mark("suspicious", what, "LANGSXP", call=printable(name, 80),
                      reason="whoever evaluates it runs it")  # fmt: skip

    def odd(self, kind: int, flags: int, attributes: bool, tag: bool, part: str) -> None:
        """Everything that is more than data."""
        if kind in (6, 240):
            self.call(attributes or kind == 240, tag, part)
        elif kind in (3, 5):
            self.closure(kind, attributes, tag, part)
        elif kind == 4:
            self.environment()
        elif kind in (7, 8):
            self.builtin(part)
        elif kind == 21:
            self.mark("suspicious", "bytecode: code that is not read", "BCODESXP", reason="it runs when it is called")
            self.later(attributes)
            self.source.integer()  # how many values it shares
            self.stack.append(("bytecode",))
        elif kind == 25:
            self.mark("note", "an object of a formal class", "S4SXP")
            self.later(attributes)
        elif kind == 22:
            self.refs.append("")
            self.mark("suspicious", "a pointer outside of R, which is empty once it is read", "EXTPTRSXP")
            self.later(attributes)
            self.stack += [("item", "list"), ("item", "list")]
        elif kind == 23:
            self.refs.append("")
            self.mark("suspicious", "a weak reference, which can run code when it is dropped", "WEAKREFSXP")
            self.later(attributes)
        elif kind == 238:
            self.altrep()
        elif kind in (248, 249, 247):
            self.package(kind)
        else:
            raise ValueError(f"an item of unknown type {kind}")

    def call(self, attributes: bool, tag: bool, part: str) -> None:
        """A call: its head is a name or a call itself; arguments follow as a pair list."""
        part = part.removesuffix(" head")
        inner = part if part in _CODE else "language"
        self.stack += [("item", inner), ("item", f"{inner} head" if part in _CODE else "head")]
        if tag:
            self.stack.append(("item", "tag"))
        self.later(attributes)

    def closure(self, kind: int, attributes: bool, tag: bool, part: str) -> None:
        at_start = part.startswith("=") and part[1:] in WORKSPACE
        if kind == 3:
            grave = "dangerous" if at_start else "suspicious"
            why = "R runs it when it starts or ends" if at_start else "it runs when it is called"
            name = f" called {printable(part[1:], 40)}" if part.startswith("=") else ""
            self.mark(grave, f"a function{name}: {why}", "CLOSXP", reason=why)
            inner = "closure"
        else:
            # within an environment R itself leaves promises behind; anywhere else only a crafted file has one
            grave = "dangerous" if tag and part != "frame" and part not in _CODE else "suspicious"
            self.mark(
                grave, "a promise: its code runs when the value is first touched", "PROMSXP", reason="CVE-2024-27322"
            )
            inner = "promise"
        # environment (in the place of a tag), then formals or value, then body or expression
        self.stack.append(("item", inner))
        self.stack.append(("item", inner))
        if tag:
            self.stack.append(("item", "environment"))
        self.later(attributes)

    def environment(self) -> None:
        self.refs.append("")
        locked = self.source.integer()
        if locked not in (0, 1):
            raise ValueError("an environment that does not hold")
        self.mark("suspicious", "an environment: names with values that a function or formula took along", "ENVSXP",
                  reason="it may hold functions, promises and bindings that run")  # fmt: skip
        self.stack += [("item", "attribute"), ("item", "frame"), ("item", "frame"), ("item", "environment")]

    def builtin(self, part: str) -> None:
        name = self.source.raw_text()
        self.named(name, part if part.endswith("head") else "head")
        self.mark(
            "suspicious", f"the function {printable(name, 40)} of R itself", "BUILTINSXP", call=printable(name, 60)
        )

    def altrep(self) -> None:
        """A compact form: its class is named by a list, whose package R loads to read the rest."""
        start = self.source.at
        names, flags = [], self.source.integer()
        while flags & 255 == 2:
            inner = self.source.integer()
            if inner & 255 == 1:
                names.append(self.symbol("tag"))
            elif inner & 255 == 255:
                names.append(self.reference(inner, "tag"))
            elif inner & 255 == 13:
                self.source.skip(4, self.source.length(), 13)
            else:
                raise ValueError("a compact form without a class")
            flags = self.source.integer()
        if flags & 255 != 254:
            raise ValueError("a compact form without a class")
        if len(names) != 2 or names[1] != "base" or names[0] not in ALTREP:
            what = f"a compact form of the class {printable('::'.join(reversed(names)), 60)}"
            grave = any("mmap" in n for n in names)
            why = "it maps a file of the machine" if grave else "its package is loaded to read it"
            self.job.mark(
                "dangerous" if grave else "suspicious", f"{what}: {why}", start, self.where, opcode="ALTREP", reason=why
            )
        self.stack += [("item", "attribute"), ("item", "list")]

    def package(self, kind: int) -> None:
        """A namespace or package by name, or a value that a hook of the reader makes."""
        if self.source.integer() != 0:
            raise ValueError("a package whose name is no text")
        names = []
        count = self.source.length()
        self.source.room(4 * count)
        for _ in range(count):
            if self.source.integer() & 255 != 9:
                raise ValueError("a package whose name is no text")
            names.append(self.source.text())
        self.refs.append("")
        if kind == 247:
            self.mark("suspicious", "a value that a function of the reader makes from a text", "PERSISTSXP")
        elif not names or names[0] not in PACKAGES:
            self.mark("suspicious", f"loads the package {printable(names[0] if names else '', 40)}", "NAMESPACESXP",
                      call=printable("::".join(names), 80), reason="loading a package runs its code")  # fmt: skip

    def bytecode(self) -> None:
        """Compiled code: the instructions as a vector of numbers, then its constants."""
        if self.source.integer() & 255 != 13:
            raise ValueError("bytecode that does not hold")
        self.source.skip(4, self.source.length(), 13)
        count = self.source.integer()
        if count < 0:
            raise ValueError("bytecode that does not hold")
        self.source.room(4 * count)
        self.stack.append(("constants", count))

    def constants(self, count: int) -> None:
        if count < 1:
            return
        self.stack.append(("constants", count - 1))
        kind = self.source.integer()
        if kind == 21:
            self.stack.append(("bytecode",))
        else:
            self.compiled(kind, "bytecode")

    def compiled(self, kind: int, part: str) -> None:
        """A constant of bytecode; calls are kept in a form of their own, with references to earlier ones."""
        if kind == 243:
            self.source.integer()
            return
        if kind == 244:
            self.source.integer()
            kind = self.source.integer()
        if kind not in (2, 6, 239, 240):
            self.stack.append(("item", part))
            return
        head = "bytecode head" if kind in (6, 240) else "bytecode"
        self.stack += [("compiled", "bytecode"), ("compiled", head), ("item", "tag")]
        self.later(kind in (239, 240))
