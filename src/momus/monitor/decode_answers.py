"""What a model answered, in any of the ways in which logs hold it -> probabilities or values, and the class said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.decode_values import numbers
from momus.monitor.reference import Reference
from momus.monitor.source import Aside

_SLACK = 1e-6


class Classes:
    """Names or indices of classes -> int64, -1 where not known."""

    def __init__(self, names: Sequence[str], k: int = 0) -> None:
        self._count = len(names) or k
        self._codes: dict[Any, int] = {}
        if names:
            for i, name in enumerate(names):
                self._codes[name] = i
                plain = name.removesuffix(".0")
                if plain.lstrip("-").isdecimal() and len(plain) < 16:
                    self._codes[int(plain)] = self._codes[plain] = i
        if not any(type(key) is int for key in self._codes):
            self._codes |= {i: i for i in range(self._count)} | {str(i): i for i in range(self._count) if not names}

    def read(self, values: Sequence[Any]) -> tuple[NumpyArray, NumpyArray]:
        """Indices, and where a value stands that is none of the classes."""
        get = self._codes.get
        try:
            found = np.array([get(v, -1) for v in values], np.int64)
        except TypeError:
            plain = (str, int, float, bool)
            found = np.array([get(v, -1) if type(v) in plain else -1 for v in values], np.int64)
        strange = np.flatnonzero(found < 0)
        return found, np.array([i for i in strange.tolist() if values[i] is not None], np.int64)


class Answers:
    """A list is probabilities (or the one value of a regressor), an object gives them by class.

    A number is a regressor's value, the probability of the second of two classes where it is written with a point, else
    a class, as a text is.
    """

    def __init__(self, reference: Reference) -> None:
        self._classes = Classes(reference.classes, int(reference.outputs.shape[1]))
        self._names = reference.classes
        self._value = reference.task == "regressor"
        self._k = int(reference.outputs.shape[1]) or (1 if self._value else len(reference.classes))

    def read(self, values: Sequence[Any] | None, n: int, aside: Aside) -> tuple[NumpyArray, NumpyArray]:
        """float64 (n, k) and int64 (n,)."""
        outputs = np.full((n, self._k), np.nan)
        said = np.full(n, -1, np.int64)
        if values is None:
            return outputs, said
        kinds = list(map(type, values))
        for kind in set(kinds):
            rows = np.arange(n) if len(set(kinds)) == 1 else np.array([i for i, t in enumerate(kinds) if t is kind])
            given = values if len(rows) == n else [values[i] for i in rows]
            if kind is list:
                self._lists(given, rows, outputs, aside)
            elif kind is dict:
                self._objects(given, rows, outputs, aside)
            elif kind in (int, float, bool) and (self._value or (kind is float and self._k == 2)):
                self._scalars(given, rows, outputs, aside)
            elif kind is not type(None):
                said[rows], wrong = self._classes.read(given)
                aside.inside(rows[wrong], "output: none of the classes")
        if self._k > 1:
            known = ~np.isnan(outputs).any(axis=1)
            said[known] = outputs[known].argmax(axis=1)
        return outputs, said

    def _lists(self, given: Sequence[list[Any]], rows: NumpyArray, outputs: NumpyArray, aside: Aside) -> None:
        k = self._k
        if not k:
            return
        # a batch of one, as servers answer it
        given = [v[0] if len(v) == 1 and type(v[0]) is list else v for v in given]
        fits = [len(v) == k for v in given]
        if not all(fits):
            aside.inside(rows[~np.array(fits)], f"output: not {k} numbers")
            rows = rows[np.array(fits)]
            given = [v for v, fit in zip(given, fits, strict=True) if fit]
        if given:
            found, _ = numbers(list(chain.from_iterable(given)))
            self._keep(found.reshape(len(given), k), rows, outputs, aside)

    def _objects(self, given: Sequence[dict[str, Any]], rows: NumpyArray, outputs: NumpyArray, aside: Aside) -> None:
        if not self._names or len(self._names) != self._k:
            aside.inside(rows, "output: an object")
            return
        found, _ = numbers([v.get(name) for v in given for name in self._names])
        self._keep(found.reshape(len(given), self._k), rows, outputs, aside)

    def _scalars(self, given: Sequence[Any], rows: NumpyArray, outputs: NumpyArray, aside: Aside) -> None:
        found, _ = numbers(given)
        table = found[:, None] if self._k == 1 else np.column_stack([1 - found, found])
        self._keep(table, rows, outputs, aside)

    def _keep(self, found: NumpyArray, rows: NumpyArray, outputs: NumpyArray, aside: Aside) -> None:
        wrong = np.isnan(found).any(axis=1)
        if not self._value:
            wrong |= ((found < -_SLACK) | (found > 1 + _SLACK)).any(axis=1)
        if wrong.any():
            found[wrong] = np.nan
            aside.inside(rows[wrong], "output: no number" if self._value else "output: no probabilities")
        outputs[rows] = found
