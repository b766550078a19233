"""NumPy's element types as a pickle describes them: how wide they are, whether they hold objects, whether they lie.

NumPy believes the state of a type: one that says it holds no objects where a part is an object makes NumPy take bytes
of the file for addresses, and a field beyond the element reads memory that is not its own. Both are refused.
"""

from __future__ import annotations

from momus.methods.artifacts.values import KEPT, Name, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CODES = "?bBhHiIlLqQefdgFDGSUVOmMcpPu"
_WIDTH = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "e": 2, "f": 4, "d": 8}
_OBJECT_FLAGS = 63  # what NumPy itself writes for a type of objects
_DEEP = 8


def plain_dict(node: Any) -> dict[str, Any] | None:
    """A small dict with distinct text keys as a Python dict; None for anything else."""
    if type(node) is not Node or node.kind != "dict" or node.size > KEPT or node.size % 2:
        return None
    keys = node.items[::2]
    if any(type(k) is not str for k in keys) or len(set(keys)) != len(keys):
        return None
    return dict(zip(keys, node.items[1::2], strict=True))


def complaint(dtype: Node) -> str:
    """What is wrong with a type that was given its state; empty where nothing is."""
    if type(dtype.state) is not Node or dtype.state.kind != "tuple" or not 8 <= dtype.state.size <= KEPT:
        return "the state of an array's type cannot be followed"
    return "" if element(dtype) is not None else "an array's type whose state does not fit it"


def element(dtype: Any, depth: int = 0) -> tuple[int, bool] | None:
    """(bytes per element, whether elements are Python objects) of a symbolic dtype; None when it cannot be told."""
    if type(dtype) is not Node or dtype.cls != "numpy.dtype" or not dtype.items or depth > _DEEP:
        return None
    text = dtype.items[1] if str(dtype.maker) != "numpy.dtype" and len(dtype.items) > 1 else dtype.items[0]
    state = list(dtype.state.items) if type(dtype.state) is Node and dtype.state.kind == "tuple" else []
    if dtype.state is not None and not state:
        return None
    spelt = _spelt(text) if type(text) is str else _record(text, state)
    if spelt is None:
        return None
    code, digits = spelt
    flags = state[7] if len(state) > 7 else _OBJECT_FLAGS if code == "O" else 0
    if type(flags) is not int:
        return None
    if code == "O":
        return (8, True) if flags == _OBJECT_FLAGS else None
    if not digits and code not in _WIDTH:
        return None
    size = int(digits) * (4 if code == "U" else 1) if digits else _WIDTH[code]
    if code in "SUV" and len(state) > 5 and state[5] != size:
        return None
    if code != "V":
        return (size, False) if not flags & 1 else None
    return _structured(size, state, flags, depth)


def _record(named: Any, state: list[Any]) -> tuple[str, str] | None:
    """numpy.rec's type is made from its class; its size then stands in the state alone, as its parts do."""
    if type(named) is not Name or str(named) != "numpy.record" or len(state) < 6:
        return None
    size = state[5]
    return ("V", str(size)) if type(size) is int and 0 < size < 1 << 30 else None


def _spelt(text: str) -> tuple[str, str] | None:
    """('f', '8') of '<f8', ('M', '8') of 'M8[ns]': the letter of a type and its digits; None for anything else."""
    text = text[1:] if text[:1] in ("<", ">", "|", "=") else text
    unit = text.find("[")
    if unit >= 0:
        inside = text[unit + 1 : -1]
        if text[-1:] != "]" or not inside.isascii() or not inside.replace(" ", "a").isalnum():
            return None
        text = text[:unit]
    digits = text[1:]
    if not text or text[0] not in _CODES or not text.isascii() or len(digits) > 12 or (digits and not digits.isdigit()):
        return None
    return text[0], digits


def _structured(size: int, state: list[Any], flags: int, depth: int) -> tuple[int, bool] | None:
    """A record or a small array as element: parts lie inside it, and it holds objects exactly when one of them does."""
    known: list[tuple[int, bool] | None] = []
    if len(state) > 4 and type(state[4]) is Node:
        fields = plain_dict(state[4])
        if fields is None:
            return None
        known += [_field(f, size, depth) for f in fields.values()]
    if len(state) > 2 and type(state[2]) is Node:
        known.append(_repeated(state[2], size, depth))
    if any(k is None for k in known) or bool(flags & 1) != any(k[1] for k in known if k):
        return None
    return size, bool(flags & 1)


def _field(field: Any, size: int, depth: int) -> tuple[int, bool] | None:
    """One named part: (type, offset) or (type, offset, title)."""
    if type(field) is not Node or field.kind != "tuple" or field.size not in (2, 3):
        return None
    part, offset = element(field.items[0], depth + 1), field.items[1]
    if part is None or type(offset) is not int or not 0 <= offset <= size - part[0]:
        return None
    return part


def _repeated(pair: Node, size: int, depth: int) -> tuple[int, bool] | None:
    """A small array as element: (type, shape), which fill it exactly."""
    if pair.kind != "tuple" or pair.size != 2:
        return None
    part, shape = element(pair.items[0], depth + 1), pair.items[1]
    total = 1
    for n in shape.items if type(shape) is Node and shape.kind == "tuple" and shape.size <= KEPT else [shape]:
        if type(n) is not int or n < 0:
            return None
        total *= n
    return part if part is not None and part[0] * total == size else None
