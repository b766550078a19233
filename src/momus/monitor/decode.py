"""From raw lines to a Batch: the hot path of the watch. Whatever stands in a line is at worst "not known", counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from momus.card.monitor import FieldsCard
from momus.core.garbage import no_collection
from momus.core.samples import NumpyArray
from momus.monitor.decode_answers import Answers, Classes
from momus.monitor.decode_inputs import reader
from momus.monitor.decode_values import moments, named, numbers, truths
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.source import BROKEN, Aside

Row = dict[str, Any]
_LARGEST_STATUS = 999.0


def loads_of() -> Callable[[bytes], Any]:
    """orjson where it is installed: three times as fast, and strict about what JSON is."""
    try:
        import orjson
    except ModuleNotFoundError:
        return json.loads
    loads: Callable[[bytes], Any] = orjson.loads
    return loads


class Decoder:
    """Lines -> Batch, by the card's ``fields`` and the columns of the reference.

    A name is looked up as it stands, then as a path (``request.age``). ``.`` is the line itself, an empty name nothing.
    In a categorical column -1 is a category that the reference does not know and NaN a value that is missing; a
    number counts as a code where no category is itself a number. Times are seconds since 1970, or milli-, micro- or
    nanoseconds by their size, or ISO dates, UTC where they name no zone.
    """

    def __init__(self, fields: FieldsCard, reference: Reference) -> None:
        self._loads = loads_of()
        self._get = {name: _getter(path) for name, path in fields.model_dump().items() if path}
        self._inputs = reader(reference)
        self._answers = Answers(reference)
        regressor = reference.task == "regressor"
        self._label = None if regressor else Classes(reference.classes, int(reference.outputs.shape[1]))

    def lines(self, lines: Sequence[bytes], aside: Aside) -> Batch:
        """Events of JSON lines. A line that is no JSON object stands in the aside; a blank one is nothing."""
        with no_collection():  # thousands of dictionaries without a cycle
            try:
                rows = list(map(self._loads, lines))
                if set(map(type, rows)) - {dict}:
                    raise ValueError
            except (ValueError, RecursionError):
                rows = self._carefully(lines, aside)
            return self.rows(rows, aside)

    def _carefully(self, lines: Sequence[bytes], aside: Aside) -> list[Row]:
        rows: list[Row] = []
        origin = []  # number of events before each line, for what already stands in the aside
        for line in lines:
            origin.append(len(rows))
            row = self._read(line)
            if type(row) is dict:
                rows.append(row)
            elif line.strip():
                aside.before(-1 - len(rows), BROKEN, text=line)
        origin.append(len(rows))
        _moved(aside, np.array(origin, np.int64))
        return rows

    def _read(self, line: bytes) -> Any:
        """One line; what orjson refuses (NaN, 1e400, endless whole numbers) is no reason to lose the rest of it."""
        for loads in (self._loads, json.loads):
            try:
                return loads(line)
            except (ValueError, RecursionError):
                continue
        return None

    def rows(self, rows: Sequence[Row], aside: Aside) -> Batch:
        """Events of JSON objects."""
        n = len(rows)
        callers, caller = self._named(rows, "caller", aside)
        givers, giver = self._named(rows, "contributor", aside)
        versions, served = self._named(rows, "version", aside)
        status = self._numbers(rows, "status", aside, 0.0, _LARGEST_STATUS)
        outputs, said = self._answers.read(self._column(rows, "output"), n, aside)
        return Batch(
            time=moments(self._column(rows, "time"), n, aside),
            caller=caller,
            callers=callers,
            x=self._inputs.read(self._column(rows, "input"), n, aside),
            outputs=outputs,
            said=said,
            label=self._labels(rows, aside),
            contributor=giver,
            contributors=givers,
            learned=truths(self._column(rows, "learned"), n),
            seconds=self._numbers(rows, "seconds", aside, 0.0),
            size=self._numbers(rows, "size", aside, 0.0),
            memory=self._numbers(rows, "memory", aside, 0.0),
            status=np.nan_to_num(status, nan=0.0).astype(np.int16),
            reward=self._numbers(rows, "reward", aside),
            goal=self._numbers(rows, "goal", aside),
            served=served,
            version=versions,
        )

    def _column(self, rows: Sequence[Row], name: str) -> list[Any] | None:
        """One value a row; None where no row has the field."""
        get = self._get.get(name)
        if get is None or not rows:
            return None
        return get(rows)

    def _numbers(
        self, rows: Sequence[Row], name: str, aside: Aside, low: float = -np.inf, high: float = np.inf
    ) -> NumpyArray:
        values = self._column(rows, name)
        if values is None:
            return np.full(len(rows), np.nan)
        found, wrong = numbers(values)
        outside = (found < low) | (found > high)
        if outside.any():
            found[outside] = np.nan
            wrong = np.union1d(wrong, np.flatnonzero(outside))
        aside.inside(wrong, f"{name}: not a number that it can be")
        return found

    def _named(self, rows: Sequence[Row], name: str, aside: Aside) -> tuple[tuple[str, ...], NumpyArray]:
        values = self._column(rows, name)
        if values is None:
            return (), np.full(len(rows), -1, np.int32)
        names, codes, wrong = named(values)
        aside.inside(wrong, f"{name}: no name")
        return names, codes

    def _labels(self, rows: Sequence[Row], aside: Aside) -> NumpyArray:
        values = self._column(rows, "label")
        if values is None:
            return np.full(len(rows), np.nan)
        if self._label is None:
            found, wrong = numbers(values)
        else:
            codes, wrong = self._label.read(values)
            found = np.where(codes < 0, np.nan, codes)
        aside.inside(wrong, "label: none of the classes" if self._label is not None else "label: not a number")
        return found


def _moved(aside: Aside, origin: NumpyArray) -> None:
    """Places were counted in lines; from here on they are counted in events. Negative ones already are."""
    top = len(origin) - 1

    def to(at: NumpyArray) -> NumpyArray:
        return np.where(at < 0, -at - 2, 2 * origin[np.clip(at // 2, 0, top)])

    aside.at = [to(at) for at in aside.at]
    aside.texts = [(int(to(np.array([at]))[0]), text) for at, text in aside.texts]


def _getter(path: str) -> Callable[[Sequence[Row]], list[Any] | None]:
    """The values of a field in many rows."""
    if path == ".":
        return list
    if "." not in path:

        def flat(rows: Sequence[Row]) -> list[Any] | None:
            found = [row.get(path) for row in rows]
            return found if found.count(None) < len(found) else None

        return flat
    parts = path.split(".")

    def deep(rows: Sequence[Row]) -> list[Any] | None:
        found = [row[path] if path in row else walk(row, parts) for row in rows]
        return found if found.count(None) < len(found) else None

    return deep


def walk(value: Any, parts: Sequence[str]) -> Any:
    """What stands at the end of a path through objects and lists; None where it breaks off."""
    for part in parts:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and len(part) < 6 and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
