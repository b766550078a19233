"""What a model was asked -> rows as the reference describes them: tables by column, texts and images by traits."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.methods.describe import describe
from momus.monitor.decode_values import numbers
from momus.monitor.reference import Reference
from momus.monitor.source import Aside

UNSEEN = -1.0  # the code of a category that the reference does not know
_LETTERS = 20_000  # of a text that are looked at
_NUMBERS = 4_000_000  # of an image or sound
_RATE = 16_000


class Inputs(Protocol):
    """A column of inputs -> float64 (n, d)."""

    def read(self, values: Sequence[Any] | None, n: int, aside: Aside) -> NumpyArray: ...


def reader(reference: Reference) -> Inputs:
    """How inputs of this reference are read."""
    if reference.encoder == "table":
        return Rows(reference.columns)
    if reference.encoder == "vector":
        return Vectors(len(reference.columns) or int(reference.x.shape[1]))
    return Described(reference.encoder, int(reference.x.shape[1]))


class Rows:
    """Tables: an object by the names of columns, or a list in their order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._d = len(columns)
        names = [c.name for c in columns]
        first = itemgetter(*names) if names else None
        self._pick: Callable[[Any], Any] = (lambda row: (first(row),)) if self._d == 1 and first else first or tuple
        self._names = names
        self._codes = [_codes(c) if _coded(c) else None for c in columns]

    def read(self, values: Sequence[Any] | None, n: int, aside: Aside) -> NumpyArray:
        x = np.full((n, self._d), np.nan)
        if values is None or not self._d:
            return x
        try:
            if set(map(type, values)) == {dict}:
                table = list(map(self._pick, values))
            else:
                raise KeyError
        except KeyError:
            table = self._each(values, aside)
        for j, column in enumerate(zip(*table, strict=True)):
            codes = self._codes[j]
            x[:, j], wrong = numbers(column) if codes is None else _coded_values(column, codes)
            if len(wrong):
                aside.inside(wrong, f"input {self._names[j]}: {'no number' if codes is None else 'no category'}")
            if codes is not None:
                unseen = np.flatnonzero(x[:, j] == UNSEEN)
                if len(unseen):
                    aside.inside(unseen, f"input {self._names[j]}: unseen category")
        return x

    def _each(self, values: Sequence[Any], aside: Aside) -> list[Sequence[Any]]:
        nothing: Sequence[Any] = (None,) * self._d
        table: list[Sequence[Any]] = []
        wrong = []
        for i, value in enumerate(values):
            if type(value) is list and len(value) == 1 and type(value[0]) in (list, dict):
                value = value[0]  # a batch of one
            if type(value) is dict:
                table.append([value.get(name) for name in self._names])
            elif type(value) is list and len(value) == self._d:
                table.append(value)
            else:
                table.append(nothing)
                if value is not None:
                    wrong.append(i)
        aside.inside(np.array(wrong, np.int64), "input: not a row of the table")
        return table


def _coded(column: Column) -> bool:
    return bool(column.categories) or column.kind is ColumnKind.CATEGORICAL


def _codes(column: Column) -> dict[Any, float]:
    """Every way in which a log may name a category -> its code."""
    codes: dict[Any, float] = {None: np.nan, "": np.nan}
    whole = False
    for i, name in enumerate(column.categories):
        codes[name] = float(i)
        try:
            number = float(name)
        except ValueError:
            continue
        if number == number:
            codes[number] = float(i)  # 3, 3.0 and True are found by it as well
            whole = True
    if not whole:
        codes |= {i: float(i) for i in range(len(column.categories))}
    return codes


def _coded_values(column: Sequence[Any], codes: dict[Any, float]) -> tuple[NumpyArray, NumpyArray]:
    get = codes.get
    try:
        return np.array([get(v, UNSEEN) for v in column]), np.zeros(0, np.int64)
    except TypeError:
        plain = (str, int, float, bool, type(None))
        wrong = np.array([i for i, v in enumerate(column) if type(v) not in plain], np.int64)
        return np.array([get(v, UNSEEN) if type(v) in plain else np.nan for v in column]), wrong


class Vectors:
    """Events that carry the d numbers themselves."""

    def __init__(self, d: int) -> None:
        self._d = d

    def read(self, values: Sequence[Any] | None, n: int, aside: Aside) -> NumpyArray:
        x = np.full((n, self._d), np.nan)
        if values is None or not self._d:
            return x
        good = [i for i, v in enumerate(values) if type(v) is list and len(v) == self._d]
        if len(good) < n:
            known = set(good)
            strange = [i for i, v in enumerate(values) if v is not None and i not in known]
            aside.inside(np.array(strange, np.int64), f"input: not {self._d} numbers")
        if good:
            found, wrong = numbers(list(chain.from_iterable(values[i] for i in good)))
            x[good] = found.reshape(len(good), self._d)
            aside.inside(np.unique(np.array(good)[wrong // self._d]), "input: no number")
        return x


class Described:
    """Texts, images and sound: what :mod:`momus.methods.describe` says of each; a list of d numbers is that already.

    Images are nested lists of 0 to 255, or {"shape": [h, w, c], "data": base64}; sound a list of -1 to 1, or
    {"rate": 16000, "data": base64 of 16-bit samples}. Pictures in a file format are not opened here: a decoder is no
    thing to show to strangers in the process that watches them.
    """

    def __init__(self, encoder: str, d: int) -> None:
        self._encoder = encoder
        self._d = d
        self._vectors = Vectors(d)

    def read(self, values: Sequence[Any] | None, n: int, aside: Aside) -> NumpyArray:
        x = np.full((n, self._d), np.nan)
        if values is None:
            return x
        groups: dict[Any, tuple[list[int], list[Any]]] = {}
        for i, value in enumerate(values):
            key, made = self._one(value)
            group = groups.setdefault(key, ([], []))
            group[0].append(i)
            group[1].append(made)
        for key, (rows, given) in groups.items():
            if key == "row":
                found, _ = numbers(list(chain.from_iterable(given)))
                x[rows] = found.reshape(len(rows), self._d)
            elif key == "strange":
                aside.inside(np.array(rows), f"input: no {self._encoder}")
            elif key is not None:
                values_ = describe(self._samples(given, key)).values
                if values_.shape[1] == self._d:
                    x[rows] = values_
                else:
                    aside.inside(np.array(rows), f"input: another kind of {self._encoder} than the reference holds")
        return x

    def _samples(self, given: list[Any], key: Any) -> Samples:
        if self._encoder == "text":
            held = np.empty(len(given), dtype=object)
            held[:] = given
            return Samples(held)
        return Samples(np.stack(given), rate=key[1] if self._encoder == "sound" else None)

    def _one(self, value: Any) -> tuple[Any, Any]:
        """What belongs together with what, and the input as an array."""
        if value is None:
            return None, None
        if type(value) is list and len(value) == self._d and not any(type(v) in (list, str) for v in value):
            return "row", value
        if self._encoder == "text":
            return ("text", value[:_LETTERS]) if type(value) is str else ("strange", None)
        try:
            return self._image(value) if self._encoder == "image" else self._sound(value)
        except (ValueError, TypeError, KeyError, OverflowError, binascii.Error):
            return "strange", None

    def _image(self, value: Any) -> tuple[Any, Any]:
        if type(value) is dict:
            shape = tuple(int(s) for s in value["shape"])
            found = np.frombuffer(base64.b64decode(str(value["data"]), validate=True), np.uint8).reshape(shape)
        else:
            numbers_ = np.array(value, dtype=np.float64)
            if not (np.abs(numbers_ - 127.5) <= 127.5).all():
                return "strange", None
            found = numbers_.astype(np.uint8)
        found = found[..., None] if found.ndim == 2 else found
        fits = found.ndim == 3 and found.shape[2] in (1, 3, 4) and min(found.shape) > 0 and found.size <= _NUMBERS
        return (("image", found.shape), found) if fits else ("strange", None)

    def _sound(self, value: Any) -> tuple[Any, Any]:
        rate = _RATE
        if type(value) is dict:
            rate = int(value.get("rate", _RATE))
            found = np.frombuffer(base64.b64decode(str(value["data"]), validate=True), "<i2") / np.float32(32768)
        else:
            found = np.array(value, dtype=np.float32)
        good = found.ndim == 1 and 0 < found.size <= _NUMBERS and bool((np.abs(found) <= 1).all())
        return (
            (("sound", rate, found.shape), found.astype(np.float32)) if good and 0 < rate < 1e6 else ("strange", None)
        )
