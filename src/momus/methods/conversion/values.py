"""The values a checkpoint's pickle describes, made without unpickling: tensors by reference, containers, plain values.

A closed world: the instructions are told apart by ``pickletools`` (which runs nothing), every name is text, and of all
calls only those are followed that say where a tensor lies. Anything else is refused.

Source: the opcode tables of PEP 307, PEP 3154 and PEP 574; the functions in ``torch._utils``.
"""

from __future__ import annotations

import io
import mmap
import pickletools
from dataclasses import dataclass
from typing import Any, NoReturn

from momus.core.errors import DataError

_STEPS = 5_000_000


@dataclass(frozen=True, slots=True)
class Name:
    """An importable name, as text."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Storage:
    """Raw numbers that tensors share: the key they are kept under, their type by name, how many there are."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """A tensor: which storage, from where, how large, how far apart. ``kind`` names its type where it differs."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    kind: str = ""


class Ordered(dict[Any, Any]):
    """An OrderedDict; what it was given as its own attributes (torch: ``_metadata``) is not part of the weights."""


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8",
})  # fmt: skip


def refuse(why: str) -> NoReturn:
    raise DataError(
        why,
        code="convert/unsupported",
        hint="Save a state dict of plain tensors (torch.save(model.state_dict(), ...)) and convert that",
    )


def read_values(data: bytes | mmap.mmap, position: int = 0) -> tuple[Any, int]:
    """(the value of the pickle at ``position``, where it ends)."""
    stream: Any = io.BytesIO(data) if isinstance(data, bytes) else data
    stream.seek(position)
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    end = position
    try:
        for step, (code, argument, at) in enumerate(pickletools.genops(stream)):
            if step > _STEPS:
                refuse(f"its pickle has more than {_STEPS:,} instructions")
            end = (at or 0) + 1
            if code.name == "STOP":
                break
            _step(code.name, argument, stack, memo)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        refuse(f"its pickle cannot be followed ({type(error).__name__})")
    if len(stack) != 1 or stack[0] is _MARK:
        refuse("its pickle cannot be followed (it leaves more than one value)")
    return stack[0], end


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _LITERALS:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name == "EMPTY_TUPLE":
        stack.append(())
    elif name in ("PROTO", "FRAME"):
        return
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name in ("GLOBAL", "STACK_GLOBAL"):
        _name(name, argument, stack)
    else:
        _build(name, argument, stack)


def _name(code: str, argument: Any, stack: list[Any]) -> None:
    if code == "GLOBAL":
        module, _, name = argument.partition(" ")
    else:
        name, module = stack.pop(), stack.pop()
    stack.append(Name(str(module), str(name)))


def _back_to_mark(stack: list[Any]) -> list[Any]:
    for i in range(len(stack) - 1, -1, -1):
        if stack[i] is _MARK:
            taken = stack[i + 1 :]
            del stack[i:]
            return taken
    refuse("its pickle cannot be followed (a mark is missing)")


def _build(name: str, argument: Any, stack: list[Any]) -> None:
    if name in ("TUPLE1", "TUPLE2", "TUPLE3"):
        n = int(name[-1])
        stack[-n:] = [tuple(stack[-n:])]
    elif name == "TUPLE":
        stack.append(tuple(_back_to_mark(stack)))
    elif name == "LIST":
        stack.append(_back_to_mark(stack))
    elif name == "DICT":
        taken = _back_to_mark(stack)
        stack.append(dict(zip(taken[::2], taken[1::2], strict=True)))
    elif name == "APPEND":
        value = stack.pop()
        stack[-1].append(value)
    elif name == "APPENDS":
        taken = _back_to_mark(stack)
        stack[-1].extend(taken)
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        stack[-1][key] = value
    elif name == "SETITEMS":
        taken = _back_to_mark(stack)
        stack[-1].update(zip(taken[::2], taken[1::2], strict=True))
    elif name == "BINPERSID":
        stack.append(_storage(stack.pop()))
    elif name == "REDUCE":
        arguments, function = stack.pop(), stack.pop()
        stack.append(_called(function, arguments))
    elif name == "BUILD":
        stack.pop()
        if not isinstance(stack[-1], Ordered):
            refuse("it gives a state to something that is no OrderedDict")
    else:
        refuse(f"its pickle uses {name}, which no file of plain tensors needs")


def _storage(pid: Any) -> Storage:
    """('storage', type, key, place, count[, view]) as torch writes it."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], Name):
        refuse("it refers to something that is no storage")
    if len(pid) > 5 and pid[5] is not None:
        refuse("its storages are views of one another (a format before torch 0.4)")
    if not isinstance(pid[2], str) or not isinstance(pid[4], int) or pid[4] < 0:
        refuse("it refers to a storage that is malformed")
    return Storage(pid[2], pid[1].name, pid[4])


def _called(function: Any, arguments: Any) -> Any:
    """The few calls that say where a tensor lies."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        refuse("it calls what it worked out itself")
    full = str(function)
    if full == "collections.OrderedDict":
        return Ordered(arguments[0] if arguments else ())
    if full == "torch._utils._rebuild_parameter":
        return arguments[0]
    if full in ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"):
        storage, offset, shape, stride = arguments[:4]
        kind = str(arguments[6].name) if full.endswith("_v3") else ""
        if len(arguments) > (7 if kind else 6) and arguments[7 if kind else 6]:
            refuse("it holds a tensor whose numbers are to be read negated or conjugated")
        good = all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *stride)) and len(shape) == len(stride)
        if not isinstance(storage, Storage) or not good:
            refuse("it holds a tensor that is malformed")
        return View(storage, offset, tuple(shape), tuple(stride), kind)
    if full in ("torch.Size", "torch.device"):
        return list(arguments[0]) if isinstance(arguments[0], tuple | list) else arguments[0]
    refuse(f"it holds what {full} makes, which is no plain tensor")
