"""Accuracy by group: how much worse is a group served than the whole, with intervals that hold for all groups."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats import intervals, multiple, roc

MOST_VALUES = 12


@dataclass(frozen=True)
class GroupGap:
    """``gap`` is the whole's score less the group's: positive where the group is served worse."""

    column: str
    value: str
    n: int
    score: float
    score_ci: Interval
    gap: float
    ci: Interval

    @property
    def name(self) -> str:
        return f"{self.column}={self.value}"


@dataclass(frozen=True)
class Gaps:
    """Groups with enough rows, worst first; names and sizes of those without."""

    groups: tuple[GroupGap, ...]
    untested: tuple[tuple[str, int], ...]
    level: float


def group_labels(groups: Mapping[str, NumpyArray], *, intersections: bool = False) -> dict[str, NumpyArray]:
    """Text labels of every declared group column; numbers with more than 12 values become fifths of the rows.

    ``intersections`` adds each pair of columns as one more.
    """
    out: dict[str, NumpyArray] = {}
    for name, given in groups.items():
        values = np.asarray(given)
        if values.dtype.kind in "fiu" and len(np.unique(values)) > MOST_VALUES:
            numbers = values.astype(float)
            cuts = np.unique(np.nanquantile(numbers, [0.2, 0.4, 0.6, 0.8]))
            edges = [float(np.nanmin(numbers)), *cuts, float(np.nanmax(numbers))]
            words = np.array([f"{a:g} to {b:g}" for a, b in itertools.pairwise(edges)] + ["missing"], dtype=object)
            codes = np.where(np.isfinite(numbers), np.searchsorted(cuts, numbers, side="left"), len(words) - 1)
            out[name] = words[codes].astype(str)
        else:
            out[name] = values.astype(str)
    if intersections:
        for a, b in itertools.combinations(list(out), 2):
            out[f"{a} x {b}"] = np.char.add(np.char.add(out[a], ", "), out[b])
    return out


def gaps(score: NumpyArray, groups: Mapping[str, NumpyArray], *, least: int = 30, level: float = 0.95) -> Gaps:
    """Gap of each group between the mean ``score`` of all rows and its own.

    ``score`` (n,) is 1 for a right answer and 0 for a wrong one, or any number of which more is better. A group's gap
    is (1 - w)(mean of the rest - mean of the group), w its share of the rows, so the two means are independent and the
    difference gets Newcombe's interval (0/1) or Welch's (numbers), each at a level that makes all hold together.
    Groups, and rests, with fewer than ``least`` rows are untested.
    """
    binary = bool(np.isin(score, (0, 1)).all())
    found: list[tuple[str, str, NumpyArray]] = []
    untested: list[tuple[str, int]] = []
    for column, labels in groups.items():
        for value in np.unique(labels):
            mask = labels == value
            n = int(mask.sum())
            if n < least:
                untested.append((f"{column}={value}", n))
            elif len(score) - n >= least:
                found.append((column, str(value), mask))
    each = multiple.simultaneous_level(level, max(1, len(found)))
    made = [_gap(score, column, value, mask, each, binary) for column, value, mask in found]
    return Gaps(tuple(sorted(made, key=lambda g: -g.gap)), tuple(untested), level)


def _gap(score: NumpyArray, column: str, value: str, mask: NumpyArray, level: float, binary: bool) -> GroupGap:
    inside, rest = score[mask], score[~mask]
    n, m = len(inside), len(rest)
    share = m / (n + m)
    if binary:
        k, r = int(inside.sum()), int(rest.sum())
        own = intervals.wilson(k, n, level)
        difference, ci = roc.difference(r, m, k, n, level)
    else:
        own = intervals.mean(inside, level)
        difference = float(rest.mean() - inside.mean())
        other = intervals.mean(rest, level)
        half = math.hypot(own.high - own.low, other.high - other.low) / 2
        ci = Interval(low=difference - half, high=difference + half, level=level, method="mover")
    scaled = Interval(low=share * ci.low, high=share * ci.high, level=level, method=ci.method)
    return GroupGap(column, value, n, float(inside.mean()), own, share * difference, scaled)
