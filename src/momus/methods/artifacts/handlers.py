"""What a pickle instruction does to the symbolic machine's containers, stack and objects: one small function each."""

from __future__ import annotations

from momus.methods.artifacts.literals import PLAIN, TABLE, on
from momus.methods.artifacts.values import DATA, Name, Node, brings_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from momus.methods.artifacts.opcodes import Machine

    Handler = Callable[[Machine], bool | None]

__all__ = ["PLAIN", "TABLE"]


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


@on(0x28)
def _mark(m: Machine) -> None:
    m.marks.append(len(m.stack))


@on(0x61)
def _append(m: Machine) -> None:
    value = m.pop()
    m.extend(m.top(), [value])


@on(0x73)
def _setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.extend(m.top(), [key, value])


@on(0x65, 0x75, 0x90)
def _many(m: Machine) -> None:
    values = m.pop_mark()
    m.extend(m.top(), values)


# -- stack and memo --------------------------------------------------------------------------------------------------
@on(0x30)
def _pop(m: Machine) -> None:
    if m.marks and len(m.stack) <= m.marks[-1]:
        m.marks.pop()
    else:
        m.pop()


@on(0x31)
def _pop_to_mark(m: Machine) -> None:
    m.pop_mark()


@on(0x32)
def _dup(m: Machine) -> None:
    value = m.top()
    m.guarded += type(value) is Name and value.guarded
    m.stack.append(value)


def _index(m: Machine) -> int:
    try:
        index = int(m.line().partition(b"\0")[0])
    except ValueError:
        index = -1
    if index < 0:
        m.fail("a memo index that is no number")
    return index


@on(0x70)
def _put(m: Machine) -> None:
    m.put(_index(m))


@on(0x72)
def _long_binput(m: Machine) -> None:
    m.put(m.number(4))


@on(0x67)
def _get(m: Machine) -> None:
    m.get(_index(m))


@on(0x68)
def _binget(m: Machine) -> None:
    m.get(m.number(1))


@on(0x6A)
def _long_binget(m: Machine) -> None:
    m.get(m.number(4))


# -- names, calls, objects -------------------------------------------------------------------------------------------
@on(0x63)
def _global(m: Machine) -> None:
    module, name = m.line(), m.line()
    m.name(module.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape"))


@on(0x93)
def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    m.name(module, name)


@on(0x82)
def _ext1(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(1)))


@on(0x83)
def _ext2(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(2)))


@on(0x84)
def _ext4(m: Machine) -> None:
    m.name("copyreg extension", str(m.number(4, signed=True)))


def _arguments(value: Any) -> list[Any]:
    """Items of an argument tuple; one opaque value where it is something else."""
    if type(value) is Node and value.kind in ("tuple", "list"):
        return list(value.items) if value.size == len(value.items) else [*value.items, DATA]
    return [value]


@on(0x52)
def _reduce(m: Machine) -> None:
    args, function = m.pop(), m.pop()
    m.call(function, _arguments(args), held=args)


@on(0x81)
def _newobj(m: Machine) -> None:
    args, cls = m.pop(), m.pop()
    m.call(cls, _arguments(args), "build", held=args)


@on(0x92)
def _newobj_ex(m: Machine) -> None:
    kwargs, args, cls = m.pop(), m.pop(), m.pop()
    named = kwargs.items if type(kwargs) is Node else [kwargs]
    m.call(cls, [*_arguments(args), *named], "build", held=args)


@on(0x69)
def _inst(m: Machine) -> None:
    module, name = m.line(), m.line()
    arguments = m.pop_mark()
    m.name(module.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape"))
    m.call(m.stack.pop(), arguments)


@on(0x6F)
def _obj(m: Machine) -> None:
    values = m.pop_mark()
    if not values:
        m.fail("OBJ without a class")
    m.call(values[0], values[1:])


@on(0x62)
def _build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    m.rulings.build(target, state, m.at)
    if type(target) is Node:
        m.late |= target.add([state])
        target.state = state
        m.rulings.built(target, m.at)
        if m.after_build is not None:
            m.after_build(m, target)


@on(0x50)
def _persid(m: Machine) -> None:
    raw = m.line()
    m.stream.persistent.append(raw.decode("latin-1"))
    m.stack.append(DATA)


@on(0x51)
def _binpersid(m: Machine) -> None:
    pid = m.pop()
    m.stream.persistent.append(pid)
    if brings_source(pid) and type(pid.items[1]) is Name:
        m.stack.append(pid.items[1])
        return
    made = Node("persistent")
    made.add([pid])
    m.stack.append(made)
