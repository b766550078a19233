"""What a model returned, checked before anybody counts with it. Whatever is wrong becomes one TargetError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent, MomusError, TargetError
from momus.core.samples import NumpyArray

SUM_TOLERANCE = 1e-3
TINY = 1e-30


def place(name: str, x: Any) -> str:
    """Target and what it was fed, for the place of an error."""
    shape = getattr(x, "shape", None)
    if not shape:
        return f"target '{name}'"
    return f"target '{name}', fed {shape[0]} rows of {tuple(shape[1:])} {getattr(x, 'dtype', '')}".rstrip()


@contextmanager
def asking(name: str, x: Any, doing: str = "answered") -> Iterator[None]:
    """Turn whatever the user's model raises into a TargetError with the place; Momus' own signals pass through."""
    try:
        yield
    except (MomusError, BudgetSpent, MemoryError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise TargetError(
            f"the model raised {type(error).__name__} while it {doing}: {text[:300].rstrip('.') or 'no message'}",
            code="target/raised",
            place=place(name, x),
            hint="Run the model on this input by itself to see its traceback",
        ) from error


def bad_answer(name: str, x: Any, message: str, hint: str = "") -> TargetError:
    return TargetError(message, code="target/bad-answer", place=place(name, x), hint=hint)


def array(name: str, x: Any, out: Any) -> NumpyArray:
    """The answer as an array with one row an input row."""
    if out is None or isinstance(out, tuple | dict | str):
        raise bad_answer(name, x, f"the model returned a {type(out).__name__}, not an array", "Return one array")
    try:
        a = np.asarray(out)
    except ValueError as error:
        raise bad_answer(name, x, "the model returned rows of different lengths") from error
    if a.ndim == 0 or len(a) != len(x):
        raise bad_answer(name, x, f"the model returned shape {a.shape} for {len(x)} rows", "One answer a row, in order")
    return a


def numbers(name: str, x: Any, out: Any) -> NumpyArray:
    """The answer as a finite numeric array with one row an input row."""
    a = array(name, x, out)
    if a.dtype.kind not in "fiub":
        raise bad_answer(name, x, f"the model returned {a.dtype} values, not numbers")
    finite = np.isfinite(a)
    if not finite.all():
        row = int(np.argmin(finite.reshape(len(a), -1).all(axis=1)))
        count = int((~finite.reshape(len(a), -1).all(axis=1)).sum())
        raise bad_answer(name, x, f"the model returned NaN or infinity for {count} rows, first row {row}")
    return a


def matrix(name: str, x: Any, out: Any, k: int | None) -> NumpyArray:
    """The answer as float64 (n, k); ``k`` None takes any number of columns from 1 on."""
    a = numbers(name, x, out)
    if a.ndim == 1 and k is not None and len(x) == 1 and a.size == k:
        a = a.reshape(1, k)
    if a.ndim != 2 or a.shape[1] == 0 or (k is not None and a.shape[1] != k):
        want = "(n, classes)" if k is None else f"({len(x)}, {k})"
        raise bad_answer(name, x, f"the model returned shape {a.shape}, expected {want}", "Check the card's classes")
    return a.astype(np.float64, copy=False)


def rows_are_probabilities(a: NumpyArray) -> bool:
    """True where every row is non-negative and sums to 1."""
    return bool(a.ndim == 2 and len(a) and (a >= 0).all() and np.allclose(a.sum(axis=1), 1.0, atol=SUM_TOLERANCE))


def probability_rows(name: str, x: Any, out: Any, k: int | None) -> NumpyArray:
    """The answer as probabilities (n, k), rows scaled to sum to exactly 1 in float64. One column is P(second class)."""
    a = numbers(name, x, out)
    if k == 2 and (a.ndim == 1 or a.shape[1] == 1) and a.size == len(x):
        second = a.reshape(-1).astype(np.float64)
        a = np.stack([1 - second, second], axis=1)
    a = matrix(name, x, a, k)
    if len(a) and (a.min() < -SUM_TOLERANCE or np.abs(a.sum(axis=1) - 1).max() > SUM_TOLERANCE):
        worst = int(np.argmax(np.maximum(np.abs(a.sum(axis=1) - 1), -a.min(axis=1))))
        raise bad_answer(
            name,
            x,
            f"row {worst} is no probability: smallest {a[worst].min():.4g}, sum {a[worst].sum():.4g}",
            "If the model returns logits, say output: logits",
        )
    a = np.clip(a, 0.0, None)
    return a / a.sum(axis=1, keepdims=True) if len(a) else a


def labels(name: str, x: Any, out: Any, index: Callable[[Any], int | None]) -> NumpyArray:
    """The answer as class indices int64 (n,), each value translated by ``index`` (None: an unknown label)."""
    a = array(name, x, out)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim != 1:
        raise bad_answer(name, x, f"the model returned labels of shape {a.shape} for {len(x)} rows")
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        raise bad_answer(name, x, f"the model returned NaN as a label, first row {int(np.argmin(np.isfinite(a)))}")
    if not len(a):
        return np.zeros(0, np.int64)
    values, inverse = np.unique(a if a.dtype != object else a.astype(str), return_inverse=True)
    found = [index(v) for v in values.tolist()]
    for value, i in zip(values.tolist(), found, strict=True):
        if i is None:
            raise bad_answer(name, x, f"the model returned the label {value!r}, which is not among the classes")
    return np.array(found, dtype=np.int64)[inverse]


def values(name: str, x: Any, out: Any) -> NumpyArray:
    """The answer of a regressor as float64 (n,)."""
    a = numbers(name, x, out)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim != 1:
        raise bad_answer(name, x, f"the model returned shape {a.shape}, a regressor returns one value a row")
    return a.astype(np.float64)


def log_rows(p: NumpyArray) -> NumpyArray:
    """log of probabilities with zeros kept finite (1e-30)."""
    return np.log(np.maximum(p, TINY))


def softmax_rows(z: NumpyArray) -> NumpyArray:
    """Row-wise softmax of scores in float64."""
    if not len(z):
        return z
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p: NumpyArray = e / e.sum(axis=1, keepdims=True)
    return p


def label_index(classes: tuple[str, ...], raw: tuple[Any, ...] = ()) -> Callable[[Any], int | None]:
    """Translator from what a model calls a class to its index.

    ``raw`` are the model's own label values in class order. Otherwise a value counts by its text, then as an index.
    """
    by_value = {str(v): i for i, v in enumerate(raw or classes)}

    def index(value: Any) -> int | None:
        text = str(value)
        if text in by_value:
            return by_value[text]
        number = float(value) if isinstance(value, int | float | bool) else None
        if number is None or number != int(number):
            return None
        if raw:
            return by_value.get(str(int(number)))
        return int(number) if 0 <= number < len(classes) else None

    return index


def in_batches(x: NumpyArray, size: int, ask: Callable[[NumpyArray], NumpyArray]) -> NumpyArray:
    """``ask`` on at most ``size`` rows at a time, answers joined: memory does not grow with the model's batch."""
    if len(x) <= size:
        return ask(x)
    return np.concatenate([ask(x[i : i + size]) for i in range(0, len(x), size)])


def logit_rows(name: str, x: Any, out: Any, k: int | None) -> NumpyArray:
    """The answer as scores float64 (n, k). One column is the logit of the second class: columns 0 and z."""
    a = numbers(name, x, out).astype(np.float64)
    if k == 2 and (a.ndim == 1 or a.shape[1] == 1) and a.size == len(x):
        second = a.reshape(-1)
        return np.stack([np.zeros_like(second), second], axis=1)
    return matrix(name, x, a, k)
