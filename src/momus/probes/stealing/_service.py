"""The target as somebody who pays for answers meets it: rows in, answers out, every query noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from momus.core.capabilities import Predicts, Probabilities, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.samples import NumpyArray, Samples
from momus.methods.theft_defences import View
from momus.methods.theft_report import Stage
from momus.methods.theft_rows import Ranges, plain_ranges, table_ranges


def gives_probabilities(target: Predicts) -> bool:
    """Whether the service answers with probabilities, the meter around it aside."""
    bare = getattr(target, "target", target)
    return target.info.task == "classifier" and not missing(bare, Probabilities)


class Service:
    """The target as a caller meets it: flat rows in, answers out as ``view`` shows them, every query noted.

    ``ask`` gives (n, k) probabilities, one-hot rows where only the class is shown, or (n, 1) values of a regressor. It
    also gives the rows as they arrived: pixels are rounded to whole steps on their way. ``quota`` is the most queries
    that the thief may make.
    """

    def __init__(self, target: Any, samples: Samples, view: View, quota: int | None = None) -> None:
        self.target = target
        self.quota = quota
        self.view = view if gives_probabilities(target) or target.info.task == "regressor" else View(labels=True)
        self.shape = to_numpy(target.encode(samples.x[:1])).shape[1:]
        self.ranges = ranges_of(target, samples)
        self.asked: list[NumpyArray] = []
        self.said: list[NumpyArray] = []
        self.queries = 0
        self.full = False  # whether the quota ever refused a question

    @property
    def regressor(self) -> bool:
        return bool(self.target.info.task == "regressor")

    @property
    def outputs(self) -> int:
        """Columns of an answer: classes, or 1."""
        return 1 if self.regressor else len(self.target.info.classes)

    def ask(self, rows: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """(rows as they arrived (n, d), answers). BudgetSpent before a query too many."""
        if self.quota is not None and self.queries + len(rows) > self.quota:
            self.full = True
            raise BudgetSpent
        native = self.target.encode(self.target.decode(np.reshape(rows, (len(rows), *self.shape))))
        if self.target.info.task == "regressor":
            answers = to_numpy(self.target.predict(native)).reshape(-1, 1).astype(float)
        elif gives_probabilities(self.target):
            answers = to_numpy(self.target.probabilities(native)).astype(float)
        else:
            answers = np.eye(len(self.target.info.classes))[to_numpy(self.target.predict(native)).astype(int)]
        arrived = to_numpy(native).reshape(len(rows), -1).astype(float)
        seen = self._completed(self.view.seen(answers))
        self.queries += len(rows)
        self.asked.append(arrived)
        self.said.append(seen[:, 0] if self.target.info.task == "regressor" else seen.argmax(axis=1))
        return arrived, seen

    def _completed(self, seen: NumpyArray) -> NumpyArray:
        """Of two classes the one that is not shown has the rest: naming the top class alone hides nothing."""
        if self.regressor or self.view.labels or self.outputs != 2 or self.view.top != 1:
            return seen
        rest = np.maximum(1 - seen.sum(axis=1, keepdims=True), 0.0)
        return np.asarray(np.where(seen > 0, seen, rest))

    def some(self, rows: NumpyArray, portion: int = 64) -> tuple[NumpyArray, NumpyArray]:
        """As ``ask``, for as many of the rows as the quota and the budget allow."""
        parts = []
        for i in range(0, len(rows), portion):
            try:
                parts.append(self.ask(rows[i : i + portion]))
            except BudgetSpent:
                if portion == 1:
                    break
                parts.append(self.some(rows[i : i + portion], max(1, portion // 8)))
                break
        width = max(1, len(self.target.info.classes))
        parts = parts or [(np.zeros((0, self.ranges.width)), np.zeros((0, width)))]
        return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])

    def stream(self) -> tuple[NumpyArray, NumpyArray]:
        """All rows asked so far, flat, and their classes or values."""
        if not self.asked:
            return np.zeros((0, self.ranges.width)), np.zeros(0)
        return np.concatenate(self.asked), np.concatenate(self.said)


def ranges_of(target: Predicts, samples: Samples) -> Ranges:
    """Declared ranges of a table's columns, or the range of pixels and sound. ProbeError for texts."""
    if target.info.modality == "table":
        return table_ranges(samples.x, samples.columns)
    if samples.is_text or target.info.low is None or target.info.high is None:
        raise ProbeError(f"no rows can be drawn for {target.info.modality} data", hint="Tables, images and sound")
    shape = to_numpy(target.encode(samples.x[:1])).shape[1:]
    return plain_ranges(int(np.prod(shape)), target.info.low, target.info.high)


class Taken(Protocol):
    """What an attack came back with: its copies, and whether its queries ended first."""

    stages: list[Stage]
    spent: bool


def whole(service: Service, taken: Taken) -> Stage:
    """The last copy. BudgetSpent where the budget, not the thief's own quota, cut it short: that is no defence."""
    if not taken.stages or (taken.spent and not service.full):
        raise BudgetSpent
    return taken.stages[-1]


Attack = Callable[[Service], Stage]


def under_other_views(
    target: Any, samples: Samples, attack: Attack, views: Sequence[View], quota: int | None = None
) -> list[tuple[View, Stage]]:
    """The last copy of the same attack under each view, as far as the budget goes; each has its own ``quota``."""
    found = []
    for view in views:
        try:
            found.append((view, attack(Service(target, samples, view, quota))))
        except BudgetSpent:
            continue  # another view may take fewer queries
    return found
