"""Columns cut into bins at the reference's quantiles: which cells it fills, and how odd a row is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core import seeds
from momus.core.samples import Column, NumpyArray
from momus.monitor.sketches import CODED

BINS, LEVELS = 8, 14  # cuts of a number; most cells of a column, codes and "missing" among them


@dataclass(frozen=True)
class Grid:
    """``cuts`` (d, c) of each column in rising order, filled up with inf; both ends are the reference's range.

    ``values`` holds for each column the values that the reference has where these are few, else nothing; ``whole``
    says which columns hold whole numbers alone.
    """

    cuts: NumpyArray
    values: tuple[NumpyArray, ...]
    whole: NumpyArray

    @classmethod
    def of(cls, x: NumpyArray, columns: tuple[Column, ...]) -> Grid:
        """Cut where the reference has about as many rows on either side."""
        cuts = np.full((x.shape[1], LEVELS - 2), np.inf)
        values = []
        whole = np.zeros(x.shape[1], bool)
        for j in range(x.shape[1]):
            known = x[np.isfinite(x[:, j]), j]
            distinct = np.unique(known)
            coded = j < len(columns) and columns[j].kind in CODED
            few = coded or len(distinct) <= min(LEVELS - 3, max(2, len(known) // 20))
            edges = distinct[: LEVELS - 3] if few else np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
            if len(edges):
                top = np.nextafter(edges[-1], np.inf)
                edges = np.append(edges, top) if few else np.append(edges[:-1], top)
            cuts[j, : len(edges)] = edges
            values.append(distinct if 0 < len(distinct) <= min(64, len(known) // 20) else np.zeros(0))
            whole[j] = bool(len(known)) and bool((known == np.round(known)).all())
        return cls(cuts, tuple(values), whole)

    def cells(self, x: NumpyArray) -> NumpyArray:
        """int64 (n, d) in [0, LEVELS): 0 below the range, a missing value the last."""
        out = np.empty(x.shape, np.int64)
        for j in range(x.shape[1]):
            out[:, j] = np.searchsorted(self.cuts[j], x[:, j], side="right")
        out[np.isnan(x)] = LEVELS - 1
        return out

    def made_up(self, x: NumpyArray) -> NumpyArray:
        """bool (n,): some value is none that such a column holds: broken where all are whole, or not of the few."""
        odd = (((x != np.round(x)) & np.isfinite(x)) & self.whole).any(axis=1)
        for j, values in enumerate(self.values):
            if len(values):
                at = np.minimum(np.searchsorted(values, x[:, j]), len(values) - 1)
                odd |= (values[at] != x[:, j]) & np.isfinite(x[:, j])
        return np.asarray(odd)


class Odds:
    """How odd a row is: minus the mean logarithm of the shares of its cells, in pairs of columns."""

    def __init__(self, cells: NumpyArray, seed: int, pairs: int = 48) -> None:
        d = cells.shape[1]
        all_pairs = np.array([(a, b) for a in range(d) for b in range(a)] or [(0, 0)])
        chosen = seeds.rng(seed, "pairs").permutation(len(all_pairs))[:pairs]
        self.left, self.right = all_pairs[chosen].T
        self._base = np.arange(len(chosen)) * LEVELS * LEVELS
        at = self._at(cells)
        counts = np.bincount(at.ravel(), minlength=len(chosen) * LEVELS * LEVELS)
        self.table = -np.log((counts + 0.5) / (len(cells) + 0.5)) / len(chosen)

    def _at(self, cells: NumpyArray) -> NumpyArray:
        return np.asarray(cells[:, self.left] * LEVELS + cells[:, self.right] + self._base)

    def __call__(self, cells: NumpyArray) -> NumpyArray:
        """float (n,)."""
        return np.asarray(self.table[self._at(cells)].sum(axis=1))
