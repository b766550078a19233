"""Answers across the border between a child and its parent: plain values and arrays as bytes, never a pickle.

The parent trusts nothing that it reads here: the child may have been damaged by an input. Anything that does not fit
is a ValueError, nesting and lengths are bounded by the bytes at hand.
"""

from __future__ import annotations

import cmath
import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

DEEPEST = 32
_INT, _FLOAT, _LENGTH = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<Q")
_ARRAYS = frozenset("biufc")
_WHOLE = frozenset({int, bool, str, bytes, type(None)})


def plain(value: Any) -> Any:
    """A tensor, picture, table or other thing that knows how to be an array as one; anything else as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif hasattr(value, "to_numpy"):
        value = value.to_numpy()
    elif hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        value = np.asarray(value)
    return value


def finite(value: Any, depth: int = 0) -> bool:
    """False where a NaN or an infinity stands anywhere in an answer."""
    if isinstance(value, float):
        return math.isfinite(value)
    if value is None or isinstance(value, int | str | bytes) or depth > DEEPEST:
        return True
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        kinds = {type(v) for v in value}
        if kinds <= _WHOLE or kinds == {float}:
            return bool(kinds <= _WHOLE or all(map(math.isfinite, value)))
        return all(finite(v, depth + 1) for v in value)
    if isinstance(value, complex):
        return cmath.isfinite(value)
    array = plain(value)
    if not isinstance(array, np.ndarray | np.generic):
        return True
    if array.dtype.kind in "fc":
        return bool(np.isfinite(array).all())
    return array.dtype.kind != "O" or all(finite(v, depth + 1) for v in np.ravel(array) if v is not value)


def shape(value: Any) -> str:
    """What an answer looks like in a few words, the same for answers of one kind; short labels are told."""
    kind = type(value)
    if kind is int or kind is bool or (kind is str and len(value) < 24):
        return f"{kind.__name__}: {value}"
    if isinstance(value, str | float | bytes | int) or value is None:
        return kind.__name__
    if isinstance(value, Mapping):
        return f"mapping of {len(value)}"
    if isinstance(value, list | tuple):
        return f"{kind.__name__} of {len(value)}"
    array = plain(value)
    if isinstance(array, np.ndarray | np.generic):
        return f"{array.dtype.str} {'x'.join(map(str, array.shape)) or 'scalar'}"
    return kind.__name__


def family(value: Any) -> str:
    """What an answer is, whatever its size."""
    return re.sub(r" of \d+$|(: .*)$", "", shape(value), flags=re.DOTALL) if not _sized_array(value) else "array"


def _sized_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "__array__")


def encode(value: Any, depth: int = 0) -> bytes:
    """An answer as bytes. What is neither plain nor an array becomes a short description of itself."""
    kind = type(value)
    if value is None:
        return b"0"
    if kind is bool:
        return b"T" if value else b"F"
    if kind is int and -(1 << 63) <= value < 1 << 63:
        return b"i" + _INT.pack(value)
    if kind is float:
        return b"f" + _FLOAT.pack(value)
    if kind is str:
        return _sized(b"s", value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return _sized(b"b", value)
    if depth > DEEPEST:
        return _sized(b"s", b"(too deep)")
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):  # a table: its columns go by name
        value = {str(name): value[name] for name in value.columns}
    if isinstance(value, Mapping):
        parts = [encode(part, depth + 1) for pair in value.items() for part in pair]
        return b"m" + _LENGTH.pack(len(value)) + b"".join(parts)
    if isinstance(value, list | tuple):
        return b"l" + _LENGTH.pack(len(value)) + b"".join(encode(v, depth + 1) for v in value)
    return _array(plain(value), depth)


def _array(value: Any, depth: int) -> bytes:
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        return encode(value.item(), depth + 1)
    if isinstance(value, np.ndarray):
        if value.dtype.kind in _ARRAYS:
            head = f"{value.dtype.newbyteorder('<').str}:{','.join(map(str, value.shape))}".encode()
            body = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
            return _sized(b"a", head) + _sized(b"", body)
        return encode(value.tolist(), depth + 1)
    if isinstance(value, str | int | float):  # subclasses, and whole numbers beyond 64 bits
        return _sized(b"s", str(value)[:10_000].encode("utf-8", "replace"))
    return _sized(b"s", f"({type(value).__name__})".encode())


def _sized(tag: bytes, body: bytes) -> bytes:
    return tag + _LENGTH.pack(len(body)) + body


def decode(data: bytes) -> Any:
    """The answer behind :func:`encode`; ValueError where the bytes are not one."""
    try:
        value, end = _value(data, 0, 0)
    except (struct.error, IndexError, UnicodeError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no answer: {error}") from error
    if end != len(data):
        raise ValueError("bytes behind the answer")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    tag, at = data[at : at + 1], at + 1
    if tag in (b"0", b"T", b"F"):
        return {b"0": None, b"T": True, b"F": False}[tag], at
    if tag == b"i":
        return _INT.unpack_from(data, at)[0], at + 8
    if tag == b"f":
        return _FLOAT.unpack_from(data, at)[0], at + 8
    if tag in (b"s", b"b"):
        body, at = _body(data, at)
        return (body if tag == b"b" else body.decode("utf-8", "surrogatepass")), at
    if tag == b"a":
        head, at = _body(data, at)
        body, at = _body(data, at)
        return _read_array(head, body), at
    if tag not in (b"l", b"m") or depth > 2 * DEEPEST:
        raise ValueError("unknown kind of value")
    (count,) = _LENGTH.unpack_from(data, at)
    at += 8
    if count > len(data):
        raise ValueError("more values than bytes")
    values = []
    for _ in range(count * (2 if tag == b"m" else 1)):
        value, at = _value(data, at, depth + 1)
        values.append(value)
    return (dict(zip(values[::2], values[1::2], strict=True)) if tag == b"m" else values), at


def _body(data: bytes, at: int) -> tuple[bytes, int]:
    (size,) = _LENGTH.unpack_from(data, at)
    if size > len(data) - at - 8:
        raise ValueError("cut short")
    return data[at + 8 : at + 8 + size], at + 8 + size


def _read_array(head: bytes, body: bytes) -> Any:
    name, _, sizes = head.decode("ascii").partition(":")
    kind = np.dtype(name)
    if kind.kind not in _ARRAYS:
        raise ValueError("not an array of numbers")
    wanted = tuple(int(s) for s in sizes.split(",") if s)
    return np.frombuffer(body, kind).reshape(wanted).copy()
