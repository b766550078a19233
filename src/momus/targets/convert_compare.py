"""Whether two fitted estimators are one: every learned part, and every answer on rows of the model's own domain."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from momus.targets.convert_rows import ROWS, rows_for

_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform")
_DEEP = 60


def same_parts(a: Any, b: Any, what: str) -> dict[str, Any]:
    """Two objects part by part: arrays bit for bit, numbers, texts, types; how many leaves, where they differ."""
    walk = _Walk()
    walk.compare(a, b, "", 0)
    return {
        "what": what, "compared": walk.leaves, "equal": not walk.differing and walk.leaves > 0,
        "greatest_difference": walk.greatest, "differing": walk.differing[:10],
    }  # fmt: skip


class _Walk:
    """Both objects side by side; pairs that were met before count once."""

    def __init__(self) -> None:
        self.leaves, self.greatest = 0, 0.0
        self.differing: list[str] = []
        self.seen: dict[tuple[int, int], Any] = {}

    def compare(self, a: Any, b: Any, place: str, depth: int) -> None:
        if (id(a), id(b)) in self.seen:
            return
        self.seen[id(a), id(b)] = (a, b)  # kept alive, so that no other object gets their identity
        if type(a) is not type(b) or depth > _DEEP:
            self.differing.append(f"{place}: {type(a).__name__} and {type(b).__name__}")
        elif isinstance(a, np.ndarray):
            self._array(a, b, place, depth)
        elif isinstance(a, dict):
            self._mapping(a, b, place, depth)
        elif isinstance(a, list | tuple):
            self._sequence(a, b, place, depth)
        elif _is_plain(a):
            self._leaf(a == b or (a != a and b != b), a, b, place)
        else:
            self._object(a, b, place, depth)

    def _leaf(self, same: bool, a: Any, b: Any, place: str) -> None:
        self.leaves += 1
        if not same:
            self.differing.append(place or "the whole")
            self.greatest = max(self.greatest, _apart(a, b))

    def _array(self, a: Any, b: Any, place: str, depth: int) -> None:
        if a.dtype.hasobject and a.shape == b.shape and a.dtype == b.dtype and a.dtype.names is None:
            self._sequence(a.ravel().tolist(), b.ravel().tolist(), place, depth)
            return
        if a.dtype.names and a.dtype == b.dtype and a.shape == b.shape:  # between fields lie bytes that mean nothing
            for name in a.dtype.names:
                self._array(np.ascontiguousarray(a[name]), np.ascontiguousarray(b[name]), f"{place}.{name}", depth)
            return
        same = a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        self._leaf(same, a, b, place)

    def _mapping(self, a: Any, b: Any, place: str, depth: int) -> None:
        if list(a) != list(b) and set(map(repr, a)) != set(map(repr, b)):
            self.differing.append(f"{place}: other keys")
            return
        for key in a:
            self.compare(a[key], b[key], f"{place}.{key}" if place else str(key), depth + 1)

    def _sequence(self, a: Any, b: Any, place: str, depth: int) -> None:
        if len(a) != len(b):
            self.differing.append(f"{place}: {len(a)} and {len(b)} items")
            return
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            self.compare(x, y, f"{place}[{i}]", depth + 1)

    def _object(self, a: Any, b: Any, place: str, depth: int) -> None:
        if isinstance(a, type) or (callable(a) and hasattr(a, "__qualname__")):
            self._leaf(a is b, 0, 0, place)
            return
        if isinstance(a, np.random.RandomState | np.random.Generator):
            x, y = ((r.get_state() if isinstance(r, np.random.RandomState) else r.bit_generator.state) for r in (a, b))
            self.compare(x, y, f"{place}.state", depth + 1)
            return
        x, y = _state(a), _state(b)
        if x is None and y is None:
            self._leaf(True, 0, 0, place)
            return
        self.compare(x, y, place, depth + 1)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(
        value, str | bytes | int | float | complex | slice | set | frozenset | np.generic
    )


def _state(thing: Any) -> Any:
    """What an object is made of: its pickled state, without calling a constructor."""
    if hasattr(thing, "tocsr"):
        coo = thing.tocoo()
        return {"shape": coo.shape, "row": coo.row, "col": coo.col, "data": coo.data}
    try:
        reduced = thing.__reduce_ex__(2)
    except TypeError:
        return getattr(thing, "__dict__", None)
    parts = [p for p in reduced[1] if not isinstance(p, type)] if isinstance(reduced, tuple) else []
    state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    return {"arguments": parts, "state": state} if parts or state is not None else None


def _apart(a: Any, b: Any) -> float:
    try:
        x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        gap = np.abs(x - y) if x.shape == y.shape else np.array([np.inf])
        return float(np.nanmax(gap)) if gap.size else 0.0
    except (TypeError, ValueError):
        return 0.0


# -- answers ---------------------------------------------------------------------------------------------------------
def same_outputs(a: Any, b: Any, seed: int) -> dict[str, Any]:
    """Every method of both on the same rows, drawn over the range that was fitted; bit for bit."""
    rows, drawn = rows_for(a, np.random.default_rng(seed))
    walk, used = _Walk(), list[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if rows is not None:
            used = [m for m in _METHODS if _compared(a, b, m, rows, walk)]
        if not used and isinstance(rows, np.ndarray) and rows.dtype == np.float64:
            drawn += ", without their signs"  # logarithms and roots take no others
            used = [m for m in _METHODS if _compared(a, b, m, np.abs(rows), walk)]
    return {
        "what": f"answers of {', '.join(used) or 'no method'} on {drawn}",
        "compared": ROWS * len(used), "methods": used, "equal": bool(used) and not walk.differing,
        "greatest_difference": walk.greatest, "differing": walk.differing[:10],
    }  # fmt: skip


def _compared(a: Any, b: Any, method: str, rows: Any, walk: _Walk) -> bool:
    """Not every method takes every estimator's rows: what does not answer is not counted."""
    x = _answer(a, method, rows)
    if x is not None:
        walk.compare(x, _answer(b, method, rows), method, 0)
    return x is not None


def _answer(model: Any, method: str, rows: Any) -> Any:
    try:
        return getattr(model, method)(rows)
    except Exception:  # the library may raise anything about rows that it was not fitted for
        return None
