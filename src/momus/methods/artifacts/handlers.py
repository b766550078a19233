"""What each pickle instruction does to the symbolic machine: one small function an instruction, in a table by byte."""

from __future__ import annotations

import _codecs
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from momus.methods.artifacts.values import DATA, Blob, Node

if TYPE_CHECKING:
    from momus.methods.artifacts.opcodes import Machine

Handler = Callable[["Machine"], bool | None]
TABLE: list[Handler | None] = [None] * 256
# Constants whose content never matters: bytes that follow the instruction, or -1.
PLAIN: list[int] = [-1] * 256
for _op, _width in ((0x4E, 0), (0x88, 0), (0x89, 0), (0x47, 8)):  # NONE, NEWTRUE, NEWFALSE, BINFLOAT
    PLAIN[_op] = _width


def _on(*bytes_: int) -> Callable[[Handler], Handler]:
    def put(handler: Handler) -> Handler:
        for b in bytes_:
            TABLE[b] = handler
        return handler

    return put


# -- framing and numbers ---------------------------------------------------------------------------------------------
@_on(0x80)
def _proto(m: Machine) -> None:
    m.stream.protocol = m.number(1)
    if m.stream.protocol > 5:
        m.fail(f"protocol {m.stream.protocol} does not exist")


@_on(0x95)
def _frame(m: Machine) -> None:
    size = m.number(8)
    if size > m.end - m.pos:
        what = f"a frame claims {size:,} bytes where {m.end - m.pos:,} are left"
        m.rulings.mark("bad" if size > 1 << 32 else "suspicious", what, m.at)


@_on(0x2E)
def _stop(m: Machine) -> bool:
    m.stream.value = m.pop()
    return True


@_on(0x4D)
def _binint2(m: Machine) -> None:
    m.stack.append(m.number(2))


@_on(0x4A)
def _binint(m: Machine) -> None:
    m.stack.append(m.number(4, signed=True))


def _long(m: Machine, width: int) -> None:
    a, b = m.span(width, signed=width == 4)
    m.stack.append(int.from_bytes(m.buf[a:b], "little", signed=True) if b - a <= 16 else DATA)


@_on(0x8A)
def _long1(m: Machine) -> None:
    _long(m, 1)


@_on(0x8B)
def _long4(m: Machine) -> None:
    _long(m, 4)


@_on(0x49, 0x4C)
def _int_text(m: Machine) -> None:
    raw = m.line().strip().rstrip(b"L")
    if len(raw) > 40:  # a decimal number this long costs quadratic time to convert
        if len(raw) > 4000:
            m.rulings.mark("suspicious", "a decimal number of more than 4,000 digits", m.at)
        m.stack.append(DATA)
        return
    try:
        m.stack.append(DATA if raw in (b"00", b"01") else int(raw))
    except ValueError:
        m.fail("a number that is none")


@_on(0x46)
def _float_text(m: Machine) -> None:
    try:
        float(m.line())
    except ValueError:
        m.fail("a float that is none")
    m.stack.append(DATA)


# -- text and bytes --------------------------------------------------------------------------------------------------
def _text(width: int) -> Handler:
    def push(m: Machine) -> None:
        a, b = m.span(width)
        m.stack.append(m.text(a, b))

    return push


for _op, _width in ((0x8C, 1), (0x58, 4), (0x8D, 8)):  # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
    TABLE[_op] = _text(_width)


def _blob(width: int) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(Blob(*m.span(width)))

    return push


for _op, _width in ((0x43, 1), (0x42, 4), (0x8E, 8), (0x96, 8)):  # SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
    TABLE[_op] = _blob(_width)


@_on(0x55)
def _short_binstring(m: Machine) -> None:
    a, b = m.span(1)
    m.stack.append(m.text(a, b, "latin-1"))


@_on(0x54)
def _binstring(m: Machine) -> None:
    a, b = m.span(4, signed=True)
    m.stack.append(m.text(a, b, "latin-1"))


@_on(0x53)
def _string(m: Machine) -> None:
    raw = m.line().strip(b" \t\r")
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        m.fail("text without quotes")
    try:
        plain = _codecs.escape_decode(raw[1:-1])[0]
    except ValueError:
        m.fail("text with a broken escape")
    m.stack.append(plain.decode("latin-1") if len(plain) <= 300 else DATA)


@_on(0x56)
def _unicode(m: Machine) -> None:
    raw = m.line()
    try:
        m.stack.append(_codecs.raw_unicode_escape_decode(raw)[0] if len(raw) <= 300 else DATA)
    except UnicodeDecodeError:
        m.fail("text with a broken escape")


@_on(0x97)
def _next_buffer(m: Machine) -> None:
    m.stack.append(DATA)


@_on(0x98)
def _readonly_buffer(m: Machine) -> None:
    m.top()


# -- containers ------------------------------------------------------------------------------------------------------
def _made(kind: str, values: list[Any] | None = None) -> Node:
    node = Node(kind)
    if values:
        node.add(values)
    return node


def _empty(kind: str) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(Node(kind))

    return push


for _op, _kind in ((0x5D, "list"), (0x29, "tuple"), (0x7D, "dict"), (0x8F, "set")):
    TABLE[_op] = _empty(_kind)


def _from_mark(kind: str) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(_made(kind, m.pop_mark()))

    return push


for _op, _kind in ((0x74, "tuple"), (0x6C, "list"), (0x64, "dict"), (0x91, "frozenset")):
    TABLE[_op] = _from_mark(_kind)


def _tuple(n: int) -> Handler:
    def push(m: Machine) -> None:
        if len(m.stack) - (m.marks[-1] if m.marks else 0) < n:
            m.fail("a tuple of more values than the stack has")
        values = m.stack[-n:]
        del m.stack[-n:]
        m.stack.append(_made("tuple", values))

    return push


for _n in (1, 2, 3):
    TABLE[0x84 + _n] = _tuple(_n)


@_on(0x28)
def _mark(m: Machine) -> None:
    m.marks.append(len(m.stack))


@_on(0x61)
def _append(m: Machine) -> None:
    value = m.pop()
    m.extend(m.top(), [value])


@_on(0x73)
def _setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.extend(m.top(), [key, value])


@_on(0x65, 0x75, 0x90)
def _many(m: Machine) -> None:
    values = m.pop_mark()
    m.extend(m.top(), values)


# -- stack and memo --------------------------------------------------------------------------------------------------
@_on(0x30)
def _pop(m: Machine) -> None:
    if m.marks and len(m.stack) <= m.marks[-1]:
        m.marks.pop()
    else:
        m.pop()


@_on(0x31)
def _pop_to_mark(m: Machine) -> None:
    m.pop_mark()


@_on(0x32)
def _dup(m: Machine) -> None:
    m.stack.append(m.top())


def _index(m: Machine) -> int:
    raw = m.line()
    if not raw.strip().isdigit() or len(raw) > 20:
        m.fail("a memo index that is no number")
    return int(raw)


@_on(0x70)
def _put(m: Machine) -> None:
    m.put(_index(m))


@_on(0x72)
def _long_binput(m: Machine) -> None:
    m.put(m.number(4))


@_on(0x67)
def _get(m: Machine) -> None:
    m.get(_index(m))


@_on(0x68)
def _binget(m: Machine) -> None:
    m.get(m.number(1))


@_on(0x6A)
def _long_binget(m: Machine) -> None:
    m.get(m.number(4))


# -- names, calls, objects -------------------------------------------------------------------------------------------
@_on(0x63)
def _global(m: Machine) -> None:
    module, name = m.line(), m.line()
    m.name(module.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape"))


@_on(0x93)
def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    m.name(module, name)


@_on(0x82)
def _ext1(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(1)))


@_on(0x83)
def _ext2(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(2)))


@_on(0x84)
def _ext4(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(4, signed=True)))


def _arguments(value: Any) -> list[Any]:
    """Items of an argument tuple; one opaque value where it is something else."""
    if type(value) is Node and value.kind in ("tuple", "list"):
        return list(value.items) if value.size == len(value.items) else [*value.items, DATA]
    return [value]


@_on(0x52)
def _reduce(m: Machine) -> None:
    args, function = m.pop(), m.pop()
    m.call(function, _arguments(args), held=args)


@_on(0x81)
def _newobj(m: Machine) -> None:
    args, cls = m.pop(), m.pop()
    m.call(cls, _arguments(args), "build", held=args)


@_on(0x92)
def _newobj_ex(m: Machine) -> None:
    kwargs, args, cls = m.pop(), m.pop(), m.pop()
    named = kwargs.items if type(kwargs) is Node else [kwargs]
    m.call(cls, [*_arguments(args), *named], "build", held=args)


@_on(0x69)
def _inst(m: Machine) -> None:
    module, name = m.line(), m.line()
    arguments = m.pop_mark()
    m.name(module.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape"))
    m.call(m.stack.pop(), arguments)


@_on(0x6F)
def _obj(m: Machine) -> None:
    values = m.pop_mark()
    if not values:
        m.fail("OBJ without a class")
    m.call(values[0], values[1:])


@_on(0x62)
def _build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    m.rulings.build(target, state, m.at)
    if type(target) is Node:
        m.late |= target.add([state])
        target.state = state
        if m.after_build is not None:
            m.after_build(m, target)


@_on(0x50)
def _persid(m: Machine) -> None:
    raw = m.line()
    m.stream.persistent.append(raw.decode("latin-1"))
    m.stack.append(DATA)


@_on(0x51)
def _binpersid(m: Machine) -> None:
    pid = m.pop()
    m.stream.persistent.append(pid)
    made = Node("persistent")
    made.add([pid])
    m.stack.append(made)
