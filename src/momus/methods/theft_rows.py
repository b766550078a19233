"""Where a thief may ask: the ranges and categories that a service declares, and rows drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray

_CODED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)
_WHOLE = (ColumnKind.INTEGER, ColumnKind.ORDINAL)


@dataclass(frozen=True)
class Ranges:
    """The inputs that a form would take, one entry a column of a flat row.

    ``low``/``high`` (d,) bound every column; ``whole`` (d,) marks columns that hold whole numbers. ``codes`` maps a
    column of categories to its permitted values. ``groups`` are one-hot groups: exactly one of these columns is 1.
    """

    low: NumpyArray
    high: NumpyArray
    whole: NumpyArray
    codes: tuple[tuple[int, tuple[float, ...]], ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def width(self) -> int:
        return len(self.low)

    @property
    def measured(self) -> NumpyArray:
        """(d,) bool: columns that take numbers, neither categories nor part of a one-hot group."""
        free = np.ones(self.width, dtype=bool)
        free[[j for j, _ in self.codes]] = False
        free[[j for group in self.groups for j in group]] = False
        return free

    def middle(self) -> NumpyArray:
        """A row in the middle of every range, with the first category of each."""
        row = (self.low + self.high) / 2
        row = np.where(self.whole, np.floor(row), row)
        for j, values in self.codes:
            row[j] = values[0]
        for group in self.groups:
            row[list(group)] = 0.0
            row[group[0]] = 1.0
        return np.asarray(row)

    def uniform(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """(n, d) rows: every number uniform in its range, every category as likely as the next."""
        rows = rng.uniform(self.low, self.high, (n, self.width))
        if self.whole.any():
            low, high = np.ceil(self.low), np.floor(self.high)
            whole = np.floor(low + rng.random((n, self.width)) * (high - low + 1))
            rows = np.where(self.whole, np.minimum(whole, high), rows)
        for j, values in self.codes:
            rows[:, j] = rng.choice(np.asarray(values, dtype=float), n)
        for group in self.groups:
            rows[:, list(group)] = 0.0
            rows[np.arange(n), np.asarray(group)[rng.integers(0, len(group), n)]] = 1.0
        return np.asarray(rows)


def table_ranges(x: NumpyArray, columns: Sequence[Column] = ()) -> Ranges:
    """Ranges of a table: what its columns declare, and what the rows show where nothing is declared.

    A column without a range takes that of the rows ``x`` (n, d), missing values aside.
    """
    data = np.asarray(x, dtype=np.float64)
    named = tuple(columns) or tuple(Column(name=f"column {j}") for j in range(data.shape[1]))
    seen_low, seen_high = _seen(data, np.nanmin), _seen(data, np.nanmax)
    low = np.array([seen_low[j] if c.low is None else c.low for j, c in enumerate(named)], dtype=float)
    high = np.array([seen_high[j] if c.high is None else c.high for j, c in enumerate(named)], dtype=float)
    members: dict[str, list[int]] = {}
    for j, c in enumerate(named):
        if c.one_hot is not None:
            members.setdefault(c.one_hot, []).append(j)
    groups = tuple(tuple(g) for g in members.values() if len(g) > 1)
    grouped = {j for g in groups for j in g}
    codes = tuple((j, _values(c, data[:, j])) for j, c in enumerate(named) if c.kind in _CODED and j not in grouped)
    return Ranges(low, high, np.array([c.kind in _WHOLE for c in named]), codes, groups)


def plain_ranges(width: int, low: float, high: float) -> Ranges:
    """Pixels or samples of sound: every entry in [low, high]."""
    return Ranges(np.full(width, low), np.full(width, high), np.zeros(width, dtype=bool))


def _seen(data: NumpyArray, pick: np.ufunc | object) -> NumpyArray:
    """Column-wise least or greatest value; 0 in a column that shows none."""
    out = np.zeros(data.shape[1])
    for j in range(data.shape[1]):
        known = data[np.isfinite(data[:, j]), j]
        out[j] = pick(known) if len(known) else 0.0  # type: ignore[operator]
    return out


def _values(column: Column, seen: NumpyArray) -> tuple[float, ...]:
    """What a column of codes may hold: every declared category, else the values seen."""
    if column.categories:
        return tuple(float(v) for v in range(len(column.categories)))
    found = tuple(float(v) for v in np.unique(seen[np.isfinite(seen)]))
    return found or (0.0,)
