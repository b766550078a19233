"""An abstract interpreter for pickle, protocols 0 to 5: follows every instruction, makes nothing, imports nothing.

Values are symbols (:mod:`momus.methods.artifacts.values`). The machine resolves which names a stream asks for, through
the memo and through text put together on the stack, and what it would do with them: refer, build, call. Time and memory
are linear in the bytes read and bounded by :class:`~momus.methods.artifacts.report.Limits`.

Source: the opcode tables of PEP 307, PEP 3154 and PEP 574.
"""

from __future__ import annotations

from momus.methods.artifacts.conditions import LOOK_UP, resolved
from momus.methods.artifacts.handlers import PLAIN, TABLE
from momus.methods.artifacts.report import Job, TooMuch
from momus.methods.artifacts.rulings import Rulings, printable
from momus.methods.artifacts.values import DATA, KEPT, Blob, Name, Node, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_EXHAUSTS = "would exhaust the machine that loads it"
_TEXT_KEPT = 300
_STEP = 8192
_LIVE = ("object", "persistent")  # kinds of values that stand for instances, which may be anything


class Broken(Exception):
    """The stream is not valid pickle from here on."""


class Stream:
    """One interpreted pickle: where it ends, whether it reached STOP, its value and its persistent ids."""

    def __init__(self, start: int) -> None:
        self.start = self.at = start
        self.end = self.steps = self.protocol = self.names = self.arrays = 0
        self.stopped, self.broke = False, ""
        self.value: Any = None
        self.persistent: list[Any] = []


class Machine:
    """Interprets one stream in ``buf[start:end]``. ``after_build`` is told of each finished object (joblib arrays)."""

    def __init__(
        self,
        job: Job,
        buf: bytes,
        start: int,
        end: int,
        where: str = "",
        after_build: Callable[[Machine, Node], None] | None = None,
        rulings: Rulings | None = None,
    ) -> None:
        self.job, self.buf, self.pos, self.end = job, buf, start, end
        self.after_build = after_build
        self.rulings = rulings or Rulings(job, where, buf)
        self.stream = Stream(start)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.marks: list[int] = []
        self.late = False
        self.hashes: dict[int, int] = {}
        self.guarded = 0  # how often a guarded name was pushed and not called at once
        self.frame = 0  # where the current frame ends
        self.texts = 0
        self.at = start
        self.released = start & ~0xFFFFF

    # -- running -------------------------------------------------------------------------------------------------
    def run(self) -> Stream:
        """Interpret up to STOP, the end, a break or a limit (TooMuch)."""
        stream, limits = self.stream, self.job.limits
        try:
            while not self._steps(_STEP):
                stream.steps += _STEP
                self.job.opcodes += _STEP
                if self.job.opcodes > limits.opcodes:
                    raise TooMuch(f"needs more than {limits.opcodes:,} pickle instructions")
                if len(self.stack) + len(self.memo) > limits.values:
                    raise TooMuch(f"holds more than {limits.values:,} values")
                self.job.check_time()
                self._release()
            stream.stopped = True
        except Broken as error:
            stream.broke = str(error)
        stream.end, stream.at = self.pos, self.at
        stream.names = self.rulings.count
        self._check_shape()
        if self.guarded > 0:
            what = "keeps a function as a value that is harmless only where its arguments can be seen"
            self.rulings.mark("suspicious", what, self.at, reason="somebody else could call it unchecked")
        return stream

    def _release(self) -> None:
        """Give mapped pages back that were read: they count as our memory, and are read once."""
        done = self.pos & ~0xFFFFF
        if done - self.released >= 1 << 22 and hasattr(self.buf, "touched"):
            self.buf.release(self.released, done - self.released)  # type: ignore[attr-defined]  # a Mapped file
            self.released = done

    def _steps(self, count: int) -> bool:
        """Up to ``count`` instructions; True after STOP. Constants are handled in line, the rest by table."""
        buf, end, stack, memo = self.buf, self.end, self.stack, self.memo
        pos = self.pos
        push, number, marks = stack.append, int.from_bytes, self.marks
        for _ in range(count):
            if pos >= end:
                self.pos = end
                raise Broken("it ends before STOP")
            self.at = pos
            op = buf[pos]
            pos += 1
            width = PLAIN[op]
            if width >= 0:
                pos += width
                push(DATA)
            elif op == 0x94:  # MEMOIZE
                if not stack:
                    self.fail("MEMOIZE with nothing on the stack")
                memo[len(memo)] = stack[-1]
            elif op == 0x4B:  # BININT1
                if pos < end:
                    push(buf[pos])
                pos += 1
            elif op == 0x8C and pos < end:  # SHORT_BINUNICODE
                a = pos + 1
                pos = a + buf[pos]
                if pos > end:
                    self._beyond(pos - a, end - a)
                raw = buf[a:pos]
                if raw[:1] == b"_":
                    self.rulings.spelt(raw, self.at)
                push(raw.decode("utf-8", "surrogateescape"))
            elif op == 0x4A:  # BININT
                push(number(buf[pos : pos + 4], "little", signed=True))
                pos += 4
            elif op == 0x4D:  # BININT2
                push(number(buf[pos : pos + 2], "little"))
                pos += 2
            elif op == 0x28:  # MARK
                marks.append(len(stack))
            elif op == 0x71:  # BINPUT
                if not stack or pos >= end:
                    self.fail("BINPUT with nothing on the stack")
                memo[buf[pos]] = stack[-1]
                pos += 1
            else:
                if pos > end:
                    break
                handler = TABLE[op]
                if handler is None:
                    self.pos = pos - 1
                    self.fail(f"byte 0x{op:02x} is no instruction")
                self.pos = pos
                if handler(self):
                    return True
                pos = self.pos
            if pos > end:
                break
        self.pos = min(pos, end)
        if pos > end:
            raise Broken("it ends inside an instruction")
        return False

    def fail(self, why: str) -> NoReturn:
        self.pos = max(self.pos, self.at)
        raise Broken(why)

    def _check_shape(self) -> None:
        """Nesting and shared structures: cheap to write, ruinous to walk."""
        held = [v for v in (*self.memo.values(), *self.stack, self.stream.value) if type(v) is Node]
        if self.late:
            weight, depth = walk(held)
        else:
            weight = max((n.weight for n in held), default=0)
            depth = max((n.depth for n in held), default=0)
        depth = max(depth, len(self.marks))
        limits, steps = self.job.limits, self.pos - self.stream.start
        if weight > limits.expansion and weight > 64 * steps:
            what = f"expansion bomb: {steps:,} bytes stand for {_about(weight)} values"
            self.rulings.mark("dangerous", what, self.at, reason=_EXHAUSTS)
        if depth > limits.depth:
            what = f"containers nested {depth:,} deep (limit {limits.depth:,})"
            self.rulings.mark("suspicious", what, self.at, reason="may exhaust the stack of who walks it")

    # -- reading -------------------------------------------------------------------------------------------------
    def span(self, width: int, *, signed: bool = False) -> tuple[int, int]:
        """A length of ``width`` bytes, then that many bytes: their [start, end). Refuses lengths beyond the file."""
        size = self.number(width, signed=signed)
        a = self.pos
        if size < 0 or size > self.end - a:
            self._beyond(size, self.end - a)
        self.pos = a + size
        return a, self.pos

    def _beyond(self, size: int, left: int) -> NoReturn:
        if size > 1 << 32:
            what = f"length bomb: claims {_about(size)} bytes where {left:,} are left"
            self.rulings.mark("dangerous", what, self.at, reason=_EXHAUSTS)
        self.pos = self.end
        raise Broken(f"claims {size:,} bytes where {left:,} are left")

    def number(self, width: int, *, signed: bool = False) -> int:
        a = self.pos
        if a + width > self.end:
            self.pos = self.end
            raise Broken("it ends inside an instruction")
        self.pos = a + width
        return int.from_bytes(self.buf[a : a + width], "little", signed=signed)

    def line(self, most: int = 4096) -> bytes:
        """The bytes up to the next newline, which is consumed. Longer lines come back shortened."""
        a = self.pos
        b = self.buf.find(b"\n", a, self.end)
        if b < 0:
            self.pos = self.end
            raise Broken("a line has no end")
        self.pos = b + 1
        return self.buf[a : min(b, a + most)]

    def text(self, a: int, b: int, encoding: str = "utf-8") -> Any:
        """Text short enough to be a name, as str; longer text as a Blob."""
        if b == a:
            return ""
        if b - a > _TEXT_KEPT or self.texts > 2_000_000:
            return Blob(a, b, encoding == "utf-8")
        self.texts += 1
        if self.buf[a] == 0x5F:  # an underscore
            self.rulings.spelt(self.buf[a:b], self.at)
        return self.buf[a:b].decode(encoding, "surrogateescape")

    # -- stack ---------------------------------------------------------------------------------------------------
    def pop(self) -> Any:
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            self.fail("takes from an empty stack")
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            self.fail("takes back to a mark that was never set")
        a = self.marks.pop()
        items = self.stack[a:]
        del self.stack[a:]
        return items

    def top(self) -> Any:
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            self.fail("looks at an empty stack")
        return self.stack[-1]

    def put(self, index: int) -> None:
        if index > self.at - self.stream.start + 1024:
            what = f"memo bomb: writes slot {_about(index)} of the memo"
            self.rulings.mark("dangerous", what, self.at, reason=_EXHAUSTS)
            if index >= 1 << 40:
                self.fail("memo index out of range")
        if not self.stack:
            self.fail("memoises with nothing on the stack")
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            self.fail(f"reads memo slot {index}, which was never written")
        value = self.memo[index]
        self.guarded += type(value) is Name and value.guarded
        self.stack.append(value)

    def extend(self, target: Any, values: list[Any]) -> None:
        """Put values into a container or, for an object with its own append or __setitem__, hand them over."""
        if type(target) is Node:
            self.late |= target.add(values)
        elif type(target) is Name:
            name = printable(str(target))
            what = f"changes {name} itself instead of an instance"
            self.rulings.mark("dangerous", what, self.at, call=name, reason="what others rely on would change")

    # -- names and calls -----------------------------------------------------------------------------------------
    def name(self, module: Any, name: Any) -> None:
        """Push the name that ``module`` and ``name`` stand for."""
        for part in (module, name):  # text, or an object that could turn out to be text
            if type(part) not in (str, Blob) and not self.rulings.may_be_text(part):
                self.fail("a name that is no text")
        made = self.rulings.name(module, name, self.stream.protocol, self.at)
        self.guarded += made.guarded
        self.stack.append(made)

    def call(self, function: Any, arguments: list[Any], how: str = "call", held: Any = None) -> None:
        """Push the result of a call, or of building an instance (``how`` = build). ``held``: the argument tuple."""
        if type(function) is not Name and not (type(function) is Node and function.kind in _LIVE):
            self.fail("calls something that cannot be called")
        self.guarded -= self.rulings.call(function, arguments, how, self.at, self.buf)
        if type(function) is Name and function.name in LOOK_UP:
            found = resolved(function, arguments)
            if found is not None:
                self.name(*found)
                return
        made = Node("object", function if type(function) is Name else None)
        made.add([held] if type(held) is Node else arguments)
        made.items = arguments[:KEPT]
        self.stack.append(made)


def _about(n: int) -> str:
    """A large number in words short enough for a line."""
    if n < 10_000_000:
        return f"{n:,}"
    return f"2^{n.bit_length() - 1}"
