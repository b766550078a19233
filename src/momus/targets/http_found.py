"""What a JSON answer says of each row: numbers, labels or rows of probabilities, in whatever form they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.targets.http_json import shown, strange

# Where an answer is an object of several values, the first of these counts, unless the card names another.
_USUAL = (
    "probabilities", "probability", "predict_proba", "scores", "logits", "predictions", "prediction", "label", "class",
    "generated_text", "translation_text", "summary_text", "text", "value", "output",
)  # fmt: skip


@dataclass(frozen=True)
class Finder:
    """Brings JSON values into rows. ``pick`` is the key that the card names, ``classes`` are the names it gives."""

    name: str
    classes: tuple[str, ...] = ()
    pick: str = ""

    def rows(self, found: Any, n: int) -> Any:
        """A list or array with one entry a row; the target checks its length and its numbers.

        Objects are opened: by the card's key, by the names of the classes, or by a usual name. A list of
        ``{"label": ..., "score": ...}`` for each row counts as its probabilities where it names every class.
        """
        for _ in range(8):  # objects in objects: no honest answer nests deeper
            if isinstance(found, Mapping):
                found = self._columns(found, n)
            elif not isinstance(found, list):
                if n != 1:
                    raise strange(self.name, f"one answer for {n} rows: {shown(found)}", "Set http.rows to 1")
                found = [found]
            elif found and isinstance(found[0], Mapping):
                found = self._objects(found)
            elif found and isinstance(found[0], list) and found[0] and isinstance(found[0][0], Mapping):
                found = self._ranked(found)
            else:
                return found
        raise strange(self.name, f"the answer nests too deep: {shown(found)}")

    def one(self, found: Any) -> Any:
        """The answer to a request that carried one row, as a list of one."""
        batch = isinstance(found, list) and len(found) == 1
        return self.rows(found if batch else [found], 1)

    def _columns(self, found: Mapping[str, Any], n: int) -> Any:
        """One object for all rows: a list a key. Or the object of the only row."""
        if self.pick and self.pick in found:
            return found[self.pick]
        lists = {k: v for k, v in found.items() if isinstance(v, list) and len(v) == n}
        if self._named(lists):
            return [list(row) for row in zip(*(lists[c] for c in self.classes), strict=True)]
        if n == 1 and not lists:
            return [found]
        return found[self._key(found)]

    def _objects(self, found: Sequence[Any]) -> Any:
        """One object a row."""
        first = found[0]
        if not all(isinstance(row, Mapping) for row in found):
            raise strange(self.name, f"some rows are answered by objects and others not: {shown(found)}")
        if self.pick and self.pick in first:
            return self._each(found, self.pick)
        if self._named(first):
            return [[row.get(c) for c in self.classes] for row in found]
        if not self.classes and len(first) > 1 and all(k.isdigit() for k in first):
            order = sorted(first, key=int)
            return [[row.get(k) for k in order] for row in found]
        if self._some_classes(found):
            return [max(row, key=row.__getitem__) for row in found]  # the most probable few: the best is the label
        return self._each(found, self._key(first))

    def _each(self, found: Sequence[Any], key: str) -> list[Any]:
        absent = next((i for i, row in enumerate(found) if key not in row), None)
        if absent is not None:
            raise strange(self.name, f"the answer to row {absent} has no '{key}': {shown(found[absent])}")
        return [row[key] for row in found]

    def _ranked(self, found: Sequence[Any]) -> Any:
        """For each row a list of labels with scores."""
        rows = []
        for row in found:
            try:
                rows.append({str(entry["label"]): float(entry["score"]) for entry in row})
            except (TypeError, KeyError, ValueError):
                raise strange(
                    self.name, f"a row is answered by {shown(row)}", "Name the key under http.output"
                ) from None
        return rows

    def _named(self, found: Mapping[str, Any]) -> bool:
        return len(self.classes) > 1 and all(c in found for c in self.classes)

    def _some_classes(self, found: Sequence[Any]) -> bool:
        """Whether every row names some of the classes, each with a number."""
        known = set(self.classes)
        return bool(known) and all(
            row and row.keys() <= known and all(isinstance(v, int | float) for v in row.values()) for row in found
        )

    def _key(self, found: Mapping[str, Any]) -> str:
        if len(found) == 1:
            return next(iter(found))
        usual = next((k for k in _USUAL if k in found), None)
        if usual is None or self.pick:
            said = f"no '{self.pick}' in the answer" if self.pick else "the answer has several values"
            raise strange(
                self.name, f"{said}: {', '.join(shown(k) for k in list(found)[:8])}",
                "Name the one that counts under targets[].http.output, or list the model's classes",
            )  # fmt: skip
        return usual


def numbers(data: Any) -> Any:
    """A JSON list as an array; numbers and null become floats, so that a missing answer is told as NaN."""
    try:
        found = np.asarray(data)
    except ValueError:
        return data  # rows of different lengths: the target says so
    if found.dtype == object and found.ndim and all(v is None or type(v) in (int, float) for v in found.flat):
        return found.astype(np.float64)
    return found
