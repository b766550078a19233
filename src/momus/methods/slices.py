"""Worst slices: every value and pair of values of binned columns, swept by counting, with the looks accounted for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray


@dataclass(frozen=True)
class Slice:
    """Rows where each of ``columns`` holds its of ``codes``. ``p`` is adjusted for all slices looked at."""

    columns: tuple[int, ...]
    codes: tuple[int, ...]
    n: int
    errors: int
    rest_rate: float
    p: float

    @property
    def rate(self) -> float:
        return self.errors / self.n


@dataclass(frozen=True)
class Sweep:
    """``looked`` slices had enough rows to be tested; ``worst`` are those whose excess error is beyond chance."""

    worst: tuple[Slice, ...]
    looked: int


def sweep(
    codes: NumpyArray,
    sizes: Sequence[int],
    wrong: NumpyArray,
    *,
    least_rows: int = 50,
    top: int = 5,
    alpha: float = 0.05,
    ways: int = 2,
) -> Sweep:
    """Slices of one or two columns whose error rate exceeds that of all other rows, worst first.

    ``codes`` (n, d) holds bin numbers below ``sizes[j]``; ``wrong`` (n,) is boolean. Each pair of columns costs two
    bincounts. Slices rank by their z score; the leading ones get Fisher's exact one-sided p-value times the number of
    slices looked at (Bonferroni), and one whose rows outside the slices already named show no excess is left out, so
    that a bad pair of values does not drag in all its neighbours.
    """
    n, d = codes.shape
    bad = np.asarray(wrong, dtype=bool)
    total = int(bad.sum())
    if n < 2 * least_rows or total in (0, n):
        return Sweep((), 0)
    columns = [np.ascontiguousarray(codes[:, j]).astype(np.int64) for j in range(d)]
    wrong_columns = [c[bad] for c in columns]
    found: list[tuple[float, tuple[int, ...], tuple[int, ...], int, int]] = []
    looked = 0
    for group in itertools.chain(*(itertools.combinations(range(d), w) for w in range(1, ways + 1))):
        shape = tuple(int(sizes[j]) for j in group)
        cells = int(np.prod(shape))
        size = np.bincount(_key(columns, group, sizes), minlength=cells)
        errors = np.bincount(_key(wrong_columns, group, sizes), minlength=cells)
        use = (size >= least_rows) & (size <= n - least_rows)
        looked += int(use.sum())
        z = _z(size, errors, n, total)
        for cell in np.flatnonzero(use & (z > 2)):
            where = tuple(int(v) for v in np.unravel_index(cell, shape))
            found.append((float(z[cell]), group, where, int(size[cell]), int(errors[cell])))
    found.sort(key=lambda f: (-f[0], len(f[1]), f[1], f[2]))
    worst: list[Slice] = []
    covered = np.zeros(n, dtype=bool)
    for _, group, where, size_, errors_ in found[:300]:
        if len(worst) == top:
            break
        p = float(min(1.0, looked * scipy.stats.hypergeom.sf(errors_ - 1, n, total, size_)))
        if p > alpha:
            continue
        rows = np.logical_and.reduce([columns[j] == c for j, c in zip(group, where, strict=True)])
        fresh = rows & ~covered
        outside = ~(rows | covered)
        if covered.any() and _excess(bad, fresh, outside) < scipy.stats.norm.isf(alpha / looked):
            continue
        covered |= rows
        worst.append(Slice(group, where, size_, errors_, (total - errors_) / (n - size_), p))
    return Sweep(tuple(worst), looked)


def _key(columns: Sequence[NumpyArray], group: tuple[int, ...], sizes: Sequence[int]) -> NumpyArray:
    key = columns[group[0]]
    for j in group[1:]:
        key = key * int(sizes[j]) + columns[j]
    return key


def _z(size: NumpyArray, errors: NumpyArray, n: int, total: int) -> NumpyArray:
    """Standardised excess of errors under sampling without replacement."""
    expected = size * total / n
    variance = expected * (1 - total / n) * (n - size) / max(1, n - 1)
    out: NumpyArray = (errors - expected) / np.sqrt(np.maximum(variance, 1e-12))
    return out


def _excess(bad: NumpyArray, inside: NumpyArray, outside: NumpyArray) -> float:
    a, b = int(inside.sum()), int(outside.sum())
    if a < 20 or b < 20:
        return 0.0
    k, m = int(bad[inside].sum()), int(bad[outside].sum())
    pooled = (k + m) / (a + b)
    scale = np.sqrt(pooled * (1 - pooled) * (1 / a + 1 / b))
    return float((k / a - m / b) / scale) if scale > 0 else 0.0
