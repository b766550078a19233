"""Combinatorial coverage: which conditions that operation meets does a test set never exercise?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods.coverage_traits import traits
from momus.methods.describe import Description, aligned
from momus.methods.operating_range import bin_name, column_values, in_bin

LIMIT_COLUMNS = 60
LIMIT_CELLS = 20_000  # combinations of declared bins
LEAST_SEEN = 10  # training rows that a condition needs to count as part of operation
TAIL = 0.05  # each end of a numeric column is a condition of its own: that is where tests are thin


@dataclass(frozen=True)
class Conditions:
    """Both data sets in bin numbers: ``train`` (n, d) and ``test`` (m, d), bin names per column."""

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    train: NumpyArray
    test: NumpyArray

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(v) for v in self.labels)

    def without(self, name: str) -> Conditions:
        """The same rows without one column."""
        keep = [j for j, other in enumerate(self.names) if other != name]
        names, labels = tuple(self.names[j] for j in keep), tuple(self.labels[j] for j in keep)
        return Conditions(names, labels, self.train[:, keep], self.test[:, keep])

    def name(self, columns: Sequence[int], codes: Sequence[int]) -> str:
        return " and ".join(f"{self.names[j]} = {self.labels[j][c]}" for j, c in zip(columns, codes, strict=True))


def conditions(train: Samples, test: Samples, *, bins: int = 4) -> Conditions:
    """Columns, declared groups and the label of both sets in shared bins.

    Numeric columns are cut at quantiles of the training data and at 5 % from either end (a column of up to eight values
    keeps them), categories stay as they are, missing values get a bin of their own, images and sound are described by
    their traits. Values in the test set that training never shows go to the nearest bin, or to a new category. At most
    60 columns are kept.
    """
    seen, tried = aligned(traits(train), traits(test))
    names: list[str] = []
    labels: list[tuple[str, ...]] = []
    sides: tuple[list[NumpyArray], list[NumpyArray]] = ([], [])
    for j in range(min(len(seen.names), LIMIT_COLUMNS)):
        bin_names, a, b = _binned(seen, tried, j, bins)
        if len(bin_names) > 1:
            names.append(seen.names[j])
            labels.append(bin_names)
            sides[0].append(a)
            sides[1].append(b)
    extra = {k: (np.asarray(train.groups[k]), np.asarray(test.groups[k])) for k in train.groups if k in test.groups}
    if train.y is not None and test.y is not None and train.classes:
        extra["label"] = tuple(np.asarray(train.classes, dtype=object)[s.astype(int)] for s in (train.y, test.y))
    for key, (one, two) in extra.items():
        values = np.unique(np.concatenate([one.astype(str), two.astype(str)]))
        codes = [np.searchsorted(values, side.astype(str)) for side in (one, two)]
        if key in names or not 1 < len(values) <= 50 or any(_same(codes[0], known) for known in sides[0]):
            continue
        names.append(key)
        labels.append(tuple(str(v) for v in values))
        for side, code in zip(sides, codes, strict=True):
            side.append(code)
    stacked = [
        np.column_stack(s) if s else np.zeros((n, 0), int) for s, n in zip(sides, (len(train), len(test)), strict=True)
    ]
    return Conditions(tuple(names), tuple(labels), stacked[0], stacked[1])


def _same(a: NumpyArray, b: NumpyArray) -> bool:
    """True where two columns cut the rows alike under other names (a group that is also a feature)."""
    pairs = len(np.unique(a.astype(np.int64) * (int(b.max(initial=0)) + 1) + b))
    return pairs == len(np.unique(a)) == len(np.unique(b))


def _binned(seen: Description, tried: Description, j: int, bins: int) -> tuple[tuple[str, ...], NumpyArray, NumpyArray]:
    a, b = seen.values[:, j], tried.values[:, j]
    known = seen.labels[j]
    finite = np.isfinite(a)
    if known is not None:
        names = known
        codes = [np.where(np.isfinite(v), v, len(names)).astype(int) for v in (a, b)]
    else:
        values = np.unique(a[finite])
        if len(values) <= 8:
            names = tuple(f"{v:g}" for v in values)
            cuts = (values[1:] + values[:-1]) / 2
        else:
            cuts = np.unique(np.quantile(a[finite], [TAIL, *(np.arange(1, bins) / bins), 1 - TAIL]))
            cuts = cuts[cuts > values[0]]
            edges = [values[0], *cuts, values[-1]]
            names = tuple(f"{lo:.4g} to <{hi:.4g}" for lo, hi in itertools.pairwise(edges))
            names = (*names[:-1], names[-1].replace("<", ""))
        codes = [np.where(np.isfinite(v), np.searchsorted(cuts, v, side="right"), len(names)) for v in (a, b)]
    if max(int(c.max(initial=0)) for c in codes) >= len(names):
        names = (*names, "missing")
    return names, codes[0], codes[1]


@dataclass(frozen=True)
class Cell:
    """One condition: bins of one to three columns, its share of the training rows, and its rows in the test set."""

    columns: tuple[int, ...]
    codes: tuple[int, ...]
    mass: float
    tested: int


@dataclass(frozen=True)
class Covered:
    """``untested`` conditions, largest first; ``uncovered`` marks the training rows that live in any of them."""

    untested: tuple[Cell, ...]
    uncovered: NumpyArray
    cells: dict[int, int]
    tested_cells: dict[int, int]

    def share(self, ways: int) -> float:
        """Share of the conditions of that many columns that the test set exercises (1 where there are none)."""
        return self.tested_cells.get(ways, 0) / self.cells[ways] if self.cells.get(ways) else 1.0


def cover(c: Conditions, *, ways: int = 2, least_mass: float = 0.01, least_rate: float = 0.1) -> Covered:
    """Conditions of one to ``ways`` columns that the test rows do not meet, or at under ``least_rate`` of their share.

    A condition counts where at least ``least_mass`` of the training rows, and ten of them, live in it.

    Rarer cells are left out: a random test set of a few hundred rows would miss them by chance. A pair is not listed
    where one of its values alone is untested already. Cost: two bincounts for each group of columns.
    """
    n, d = c.train.shape
    sizes = c.sizes
    train = [np.ascontiguousarray(c.train[:, j]).astype(np.int64) for j in range(d)]
    test = [np.ascontiguousarray(c.test[:, j]).astype(np.int64) for j in range(d)]
    uncovered = np.zeros(n, dtype=bool)
    untested: list[Cell] = []
    cells, tested_cells = dict.fromkeys(range(1, ways + 1), 0), dict.fromkeys(range(1, ways + 1), 0)
    bare: set[tuple[tuple[int, int], ...]] = set()
    for group in itertools.chain(*(itertools.combinations(range(d), w) for w in range(1, ways + 1))):
        shape = tuple(sizes[j] for j in group)
        key, key_test = train[group[0]], test[group[0]]
        for j in group[1:]:
            key, key_test = key * sizes[j] + train[j], key_test * sizes[j] + test[j]
        count = np.bincount(key, minlength=int(np.prod(shape)))
        count_test = np.bincount(key_test, minlength=len(count))
        present = count >= max(LEAST_SEEN, least_mass * n)
        absent = present & (count_test < np.maximum(1.0, least_rate * count * len(c.test) / n))
        cells[len(group)] += int(present.sum())
        tested_cells[len(group)] += int((present & ~absent).sum())
        if not absent.any():
            continue
        uncovered |= absent[key]
        for cell in np.flatnonzero(absent):
            where = tuple(int(v) for v in np.unravel_index(cell, shape))
            pairs = tuple(zip(group, where, strict=True))
            parts = itertools.chain(*(itertools.combinations(pairs, w) for w in range(1, len(pairs))))
            if not any(part in bare for part in parts):
                untested.append(Cell(group, where, float(count[cell] / n), int(count_test[cell])))
                bare.add(pairs)
    untested.sort(key=lambda u: (-u.mass, len(u.columns), u.columns, u.codes))
    return Covered(tuple(untested), uncovered, cells, tested_cells)


@dataclass(frozen=True)
class Declared:
    """One declared bin or named condition: how many test rows meet it and whether that is enough.

    ``accepted`` names who accepted it untested; such a condition is listed but not counted.
    """

    name: str
    tested: int | None
    covered: bool
    accepted: str = ""


def declared(domain: dict[str, object], test: Samples) -> tuple[Declared, ...]:
    """The declared operating domain against the test rows.

    ``domain`` has ``columns`` (name -> bins, each [low, high) or a category; the last range includes its upper end),
    ``conditions`` (name, tested, data, accepted_by) and ``min_rows``; ``columns`` and ``conditions`` may lie under a
    key ``domain``. A column the test set does not have is uncovered in all its bins.
    """
    inner = domain.get("domain") if isinstance(domain.get("domain"), dict) else domain
    if not isinstance(inner, dict):
        return ()
    least = domain.get("min_rows", 30)
    least = int(least) if isinstance(least, int | float) else 30
    out = []
    for column, bins in dict(inner.get("columns") or {}).items():
        met = column_values(test, str(column))
        ranges = [b for b in bins if isinstance(b, list | tuple)]
        for b in bins:
            count = 0 if met is None else int(in_bin(met, b, closed=bool(ranges) and b is ranges[-1]).sum())
            out.append(Declared(bin_name(str(column), b), count, count >= least))
    for condition in inner.get("conditions") or ():
        tested = bool(condition.get("tested")) or bool(condition.get("data"))
        out.append(Declared(str(condition["name"]), None, tested, str(condition.get("accepted_by") or "")))
    return tuple(out)


def declared_together(domain: dict[str, object], test: Samples, ways: int) -> tuple[Declared, ...]:
    """Combinations of ``ways`` declared columns, a bin of each: covered where one test row lies in all of them.

    A combination that cannot occur, or that somebody answers for, is accepted by a condition of the card with the same
    name, such as ``age = 18 to 30 and sex = male``. Cost: one look at the test rows for each combination; at most
    20,000 are made.
    """
    inner = domain.get("domain") if isinstance(domain.get("domain"), dict) else domain
    if not isinstance(inner, dict):
        return ()
    accepted = {str(c["name"]): c for c in inner.get("conditions") or ()}
    masks: dict[str, list[tuple[str, NumpyArray]]] = {}
    for column, bins in dict(inner.get("columns") or {}).items():
        met = column_values(test, str(column))
        ranges = [b for b in bins if isinstance(b, list | tuple)]
        none = np.zeros(len(test), dtype=bool)
        masks[str(column)] = [
            (
                bin_name(str(column), b),
                none if met is None else in_bin(met, b, closed=bool(ranges) and b is ranges[-1]),
            )
            for b in bins
        ]
    out: list[Declared] = []
    for group in itertools.combinations(masks, ways):
        for cell in itertools.product(*(masks[c] for c in group)):
            name = " and ".join(n for n, _ in cell)
            count = int(np.logical_and.reduce([m for _, m in cell]).sum())
            told = accepted.get(name, {})
            done = count > 0 or bool(told.get("tested")) or bool(told.get("data"))
            out.append(Declared(name, count, done, str(told.get("accepted_by") or "")))
            if len(out) >= LIMIT_CELLS:
                return tuple(out)
    return tuple(out)
