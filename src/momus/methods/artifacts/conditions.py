"""Conditions on the arguments of calls that are harmless only in some forms. Each returns a complaint, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from momus.methods.artifacts.values import Blob, Name, Node

if TYPE_CHECKING:
    from momus.methods.artifacts.rulings import Rulings

Condition = Callable[["Rulings", list[Any]], str]
_FAMILIES = ("numpy.random.", "pandas.", "sklearn.")
# Functions that are harmless only in a checked form: handed on as a value, somebody else would call them unchecked.
GUARDED = frozenset({"enum member", "inner call", "nested", "text codec", "own family"})
_LARGE = 1 << 24
_PLAIN_BASES = {"object", "dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "Exception", "complex"}


def _no_size(_r: Rulings, args: list[Any]) -> str:
    """bytes(n) and bytearray(n) allocate n bytes."""
    return "allocates as many bytes as it likes" if args and type(args[0]) is int and args[0] > _LARGE else ""


def _empty_shape(_r: Rulings, args: list[Any]) -> str:
    """numpy's _reconstruct makes an empty array that its state fills; a large shape allocates at once."""
    shape = args[1] if len(args) > 1 else None
    if type(shape) is not Node or shape.kind != "tuple":
        return "the shape is not a plain tuple"
    total = 1
    for n in shape.items:
        if type(n) is not int or n < 0:
            return "the shape is not made of plain numbers"
        total *= n
    return "allocates as much as it likes" if total > _LARGE or shape.size > 64 else ""


def _text_codec(_r: Rulings, args: list[Any]) -> str:
    """_codecs.encode is how protocol 2 writes bytes: always latin1."""
    if len(args) == 2 and type(args[1]) is str and args[1].lower().replace("-", "") in ("latin1", "ascii", "utf8"):
        return ""
    return "uses a codec that bytes are never written with"


def _one_argument(_r: Rulings, args: list[Any]) -> str:
    """type(x) tells a type; type(name, bases, members) makes a class."""
    return "" if len(args) == 1 else "makes a class of its own"


def _plain_base(rulings: Rulings, args: list[Any]) -> str:
    """copyreg._reconstructor(cls, base, state) runs the base's constructor on the state."""
    if len(args) < 2:
        return "has no base class"
    base = args[1]
    if type(base) is Name and base.module in ("builtins", "exceptions") and base.name in _PLAIN_BASES:
        return ""
    return "" if type(base) is not Name and len(args) != 3 else "the base class is not a plain one"


def _enum_member(rulings: Rulings, args: list[Any]) -> str:
    """getattr is how Python 3.11 pickles a member of an enumeration: a class and a name in capitals."""
    member = args[1] if len(args) == 2 and rulings.usable(args[0], "build") else None
    allowed = type(member) is str and re.fullmatch(r"[A-Z][A-Z0-9_]*", member)
    return "" if allowed else "reaches for an attribute by name"


def _inner_call(rulings: Rulings, args: list[Any]) -> str:
    """torch._tensor._rebuild_from_type_v2(function, type, arguments, state) calls the function."""
    if len(args) == 4 and rulings.usable(args[0], "call") and type(args[2]) is Node and type(args[1]) is Name:
        return ""
    return "calls a function that it is handed"


def _nested(rulings: Rulings, args: list[Any]) -> str:
    """torch.storage._load_from_bytes unpickles its argument: scanned as a file of its own."""
    value = args[0] if len(args) == 1 else None
    if type(value) is Node and str(value.maker) == "_codecs.encode" and value.items:
        value = value.items[0]  # how protocol 2 writes bytes: text, encoded as latin1
    if type(value) is str:
        value = value.encode("latin-1", "replace")
    if isinstance(value, Blob | bytes):
        rulings.nested.append(value)
        return ""
    return "unpickles bytes that cannot be followed"


def _no_arguments(_r: Rulings, args: list[Any]) -> str:
    """numpy.ndarray.__new__(shape) allocates, numpy.matrix.__new__(text) parses: their pickles give no arguments."""
    return "is given arguments, which its own pickles never do" if args else ""


def _own_family(_r: Rulings, args: list[Any]) -> str:
    """Functions that call or build the class they are handed: it must come from one of the libraries they serve."""
    for value in args:
        if type(value) is Name and not f"{value.module}.".startswith(_FAMILIES):
            return f"builds {value.module}.{value.name}, which it was not made for"
    return ""


CONDITIONS: dict[str, Condition] = {
    "no size": _no_size,
    "empty shape": _empty_shape,
    "text codec": _text_codec,
    "one argument": _one_argument,
    "plain base": _plain_base,
    "enum member": _enum_member,
    "inner call": _inner_call,
    "nested": _nested,
    "no arguments": _no_arguments,
    "own family": _own_family,
}
