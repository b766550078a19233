"""JSON to and from a served model: arrays go out without a loop over their rows, and whatever comes in is read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from momus.core.errors import TargetError
from momus.core.text import clean

SHOWN = 80  # characters of a strange answer that an error shows


@cache
def _fast() -> tuple[Callable[..., bytes], Callable[[bytes], Any]] | None:
    """Writer and reader of orjson where it is installed; ten times faster on arrays of numbers."""
    try:
        import orjson
    except ImportError:
        return None
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return (lambda value: orjson.dumps(value, _listed, option)), orjson.loads


def written(value: Any) -> bytes:
    """A value with NumPy arrays in it as JSON. What JSON has no word for (NaN, infinity) becomes null."""
    fast = _fast()
    if fast is not None:
        with contextlib.suppress(TypeError):  # an array whose bytes it does not take, such as those of another order
            return fast[0](value)
    return json.dumps(value, default=_listed, separators=(",", ":"), allow_nan=False).encode()


def _listed(value: Any) -> Any:
    """Arrays and scalars that the writer does not take as they are: object arrays, other byte orders, strided ones."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            held = value.astype(object)
            held[~np.isfinite(value)] = None
            return held.tolist()
        return value.tolist()
    if isinstance(value, np.generic):
        number = value.item()
        return None if isinstance(number, float) and not np.isfinite(number) else number
    raise TypeError(f"a {type(value).__name__} has no JSON")


def read(name: str, body: bytes) -> Any:
    """The value in an answer; also where a server writes NaN, which is no JSON. TargetError for anything else."""
    fast = _fast()
    try:
        if fast is not None:
            with contextlib.suppress(ValueError):  # NaN and Infinity, as Python's own writer leaves them: read below
                return fast[1](body)
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise strange(name, f"the answer is no JSON: it begins with {shown(body)}") from error


def shown(value: Any) -> str:
    """The beginning of something a server said, safe to print."""
    if isinstance(value, bytes):
        value = value[: 4 * SHOWN].decode("utf-8", "replace")
    return f"'{clean(str(value)[: 8 * SHOWN], SHOWN)}'"


def strange(name: str, message: str, hint: str = "") -> TargetError:
    """The error for an answer that does not follow the protocol."""
    return TargetError(message, code="target/http-answer", place=f"target '{name}'", hint=hint)
