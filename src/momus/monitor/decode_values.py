"""Columns of values that may be anything -> arrays: numbers, times, names. What is not what it should be is told."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.source import Aside

LARGEST = 1e100  # beyond it squares overflow: nobody means such a number
NAME = 128  # letters of a caller's name that are kept; a longer one is told apart by its digest
LATEST = 4_102_444_800.0  # the year 2100
_PLAIN = {float, int, bool, type(None)}
_NONE = np.zeros(0, np.int64)


def numbers(values: Sequence[Any]) -> tuple[NumpyArray, NumpyArray]:
    """float64, NaN where nothing is known, and the indices of values that are neither numbers nor missing."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        try:
            found = np.array(values, dtype=np.float64)
        except OverflowError:
            return _one_by_one(values)
        huge = np.abs(found) > LARGEST
        if not huge.any():
            return found, _NONE
        found[huge] = np.nan
        return found, np.flatnonzero(huge)
    return _one_by_one(values)


def _one_by_one(values: Sequence[Any]) -> tuple[NumpyArray, NumpyArray]:
    found = np.full(len(values), np.nan)
    wrong = []
    for i, value in enumerate(values):
        if value is None:
            continue
        if type(value) in _PLAIN and -LARGEST <= value <= LARGEST:
            found[i] = value
        elif value == value:  # a NaN that a lenient parser let through is missing
            wrong.append(i)
    return found, np.array(wrong, np.int64)


def moments(values: Sequence[Any] | None, n: int, aside: Aside) -> NumpyArray:
    """Seconds since 1970."""
    if values is None:
        return np.full(n, np.nan)
    if str in set(map(type, values)):
        values = [_moment(v) if type(v) is str else v for v in values]
    found, wrong = numbers(values)
    size = np.abs(found)
    if (size > 1e11).any():  # seconds would be in the year 5138
        found = np.where(size > 1e17, found / 1e9, np.where(size > 1e14, found / 1e6, found))
        found = np.where((size > 1e11) & (size <= 1e14), found / 1e3, found)
    outside = (found < 0) | (found > LATEST)
    if outside.any():
        found[outside] = np.nan
        wrong = np.union1d(wrong, np.flatnonzero(outside))
    aside.inside(wrong, "time: no moment")
    return found


def _moment(text: str) -> Any:
    """Seconds of an ISO date; a list, which is no number, where it is none."""
    try:
        date = datetime.fromisoformat(text[:40])
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return []


def named(values: Sequence[Any]) -> tuple[tuple[str, ...], NumpyArray, NumpyArray]:
    """Distinct names in the order they come, int32 indices into them, -1 for nobody, and indices of what is no name."""
    kinds = set(map(type, values))
    wrong: list[int] = []
    if not kinds <= {str, int, type(None)}:
        wrong = [i for i, v in enumerate(values) if type(v) not in (str, int, type(None))]
        values = [v if type(v) in (str, int) else None for v in values]
    first: dict[Any, int] = {}
    for value in values:
        first.setdefault(value, len(first))
    names: dict[str, int] = {}
    # 7 and "7" are the same caller
    final = [-1 if v is None or v == "" else names.setdefault(_short(v), len(names)) for v in first]
    place = dict(zip(first, final, strict=True))
    codes = np.fromiter(map(place.__getitem__, values), np.int32, len(values))
    return tuple(names), codes, np.array(wrong, np.int64)


def _short(value: str | int) -> str:
    if type(value) is int and not -(1 << 64) < value < 1 << 64:
        return "a number without end"  # turning it into letters would take minutes
    text = str(value)
    if len(text) <= NAME:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[:64]}… {mark}"


def truths(values: Sequence[Any] | None, n: int) -> NumpyArray:
    """bool; true is true, 1, "true" and "yes"."""
    if values is None:
        return np.zeros(n, bool)
    return np.array([v is True or v == 1 or (type(v) is str and v.lower() in ("true", "yes", "1")) for v in values])
