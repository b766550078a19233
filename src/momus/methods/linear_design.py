"""Rows that make the equations of a linear model easy to solve, and the features that such a model is linear in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.theft_rows import Ranges


@dataclass(frozen=True)
class Design:
    """How a flat row (d,) becomes features (m + 1,): a one, every number in units of its spread, every category but the
    first of its column.

    ``numbers`` (a,) are the columns that can move; ``centre`` and ``spread`` (a,) describe a usual row. Codes and
    one-hot groups lose one category each, which the intercept takes in: a model that is linear in all of them is linear
    in these, on every row that a form would take.
    """

    ranges: Ranges
    numbers: NumpyArray
    centre: NumpyArray
    spread: NumpyArray

    @property
    def unknowns(self) -> int:
        """Features with the intercept: the queries that one logit takes."""
        codes = sum(len(values) - 1 for _, values in self.ranges.codes)
        return 1 + len(self.numbers) + codes + sum(len(g) - 1 for g in self.ranges.groups)

    @property
    def smooth(self) -> NumpyArray:
        """(a,) bool: numbers that may be any real value in their range."""
        return np.asarray(~self.ranges.whole[self.numbers])

    def features(self, rows: NumpyArray) -> NumpyArray:
        """(n, m + 1) float64."""
        parts = [np.ones((len(rows), 1)), (rows[:, self.numbers] - self.centre) / self.spread]
        parts += [rows[:, [j]] == np.asarray(values[1:]) for j, values in self.ranges.codes]
        parts += [rows[:, list(g[1:])] for g in self.ranges.groups]
        return np.concatenate([np.asarray(p, dtype=np.float64) for p in parts], axis=1)

    def usual(self) -> NumpyArray:
        """The row (d,) that all others start from."""
        row = self.ranges.middle()
        row[self.numbers] = self.centre
        return row

    def drawn(self, n: int, rng: np.random.Generator, reach: float = 1.0) -> NumpyArray:
        """(n, d) rows around the usual one: numbers within ``reach`` spreads of the centre, categories at random."""
        rows = self.ranges.uniform(n, rng)
        constant = np.setdiff1d(np.flatnonzero(self.ranges.measured), self.numbers)
        rows[:, constant] = self.ranges.middle()[constant]
        moved = self.centre + reach * self.spread * rng.uniform(-1, 1, (n, len(self.numbers)))
        rows[:, self.numbers] = self.fit(moved)
        return rows

    def fit(self, numbers: NumpyArray) -> NumpyArray:
        """Values (n, a) brought into their ranges, whole where they must be, and such that a float32 holds them."""
        low, high = self.ranges.low[self.numbers], self.ranges.high[self.numbers]
        found = np.clip(numbers, low, high)
        exact = found.astype(np.float32).astype(np.float64)
        found = np.where((exact >= low) & (exact <= high), exact, found)
        return np.where(self.smooth, found, np.rint(found))

    def one_by_one(self, start: NumpyArray, step: float = 1.0) -> NumpyArray:
        """(m + 1, d) rows: ``start``, and one for each feature that differs from it in that feature alone."""
        rows = [start]
        low, high = self.ranges.low[self.numbers], self.ranges.high[self.numbers]
        moved = np.tile(start[self.numbers], (len(self.numbers), 1))
        for i in range(len(self.numbers)):
            width = step * self.spread[i] if self.smooth[i] else max(1.0, np.rint(step * self.spread[i]))
            up, down = high[i] - start[self.numbers[i]], start[self.numbers[i]] - low[i]
            moved[i, i] += min(width, up) if up >= min(width, down) else -min(width, down)
        for j, value in zip(self.numbers, np.diagonal(self.fit(moved)), strict=True):
            row = start.copy()
            row[j] = value
            rows.append(row)
        for j, values in self.ranges.codes:
            rows += [_with(start, j, v) for v in values if v != start[j]]
        for g in self.ranges.groups:
            for j in g:
                if start[j] != 1:
                    row = _with(start, list(g), 0.0)
                    row[j] = 1.0
                    rows.append(row)
        return np.array(rows)


def _with(row: NumpyArray, at: int | list[int], value: float) -> NumpyArray:
    changed = row.copy()
    changed[at] = value
    return changed


def design(ranges: Ranges, rows: NumpyArray) -> Design:
    """The design for these ranges. ``rows`` (n, d) are inputs as the thief knows them: what is usual is seen there.

    A column that cannot move, or a category that stands alone, says nothing and is left out.
    """
    data = np.asarray(rows, dtype=np.float64)
    moves = ranges.measured & (ranges.high > ranges.low)
    numbers = np.flatnonzero(moves)
    low, high = ranges.low[numbers], ranges.high[numbers]
    middle, width = (low + high) / 2, (high - low) / 4
    if len(data):
        with np.errstate(all="ignore"):
            known = np.where(np.isfinite(data[:, numbers]), data[:, numbers], middle)
        middle, spread = np.clip(np.median(known, axis=0), low, high), known.std(axis=0)
        width = np.where(spread > 1e-3 * (high - low), spread, width)
    made = Design(ranges, numbers, middle, np.minimum(width, high - low))
    centre = made.fit(made.centre[None])[0]
    return Design(ranges, numbers, centre, made.spread)
