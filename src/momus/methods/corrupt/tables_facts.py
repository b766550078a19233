"""What the corruptions of a table must know of it: its fields, their usual values, and rows to borrow values from.

A *field* is a column, or a one-hot group taken as one: corruptions act on fields, so that a group stays valid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray

Kind = Literal["number", "whole", "code", "group"]

_DONORS = 20_000  # rows kept to borrow values from
_MOST_CODES = 10_000  # a column with greater values holds no codes, whatever it is called
# What a column's name says of its unit, and the slip that unit invites: value -> value * factor + offset.
_UNITS: tuple[tuple[str, str, float, float], ...] = (
    (r"fahrenheit|(^|_)deg_?f($|_)", "F read as C", 5 / 9, -160 / 9),
    (r"temp|celsius|(^|_)deg_?c($|_)", "C read as F", 1.8, 32.0),
    (r"percent|pct|(^|_)perc($|_)", "percent written as share", 0.01, 0.0),
    (r"share|ratio|(^|_)rate($|_)|proportion|fraction|humidity|(^|_)hum($|_)", "share written as percent", 100.0, 0.0),
    (r"height|length|width|depth|thickness|diameter|radius|girth|waist|(^|_)cm($|_)|inch", "inch for cm", 2.54, 0.0),
    (r"weight|mass|(^|_)kg($|_)|(^|_)lbs?($|_)|pound", "pound for kg", 2.2046, 0.0),
    (r"distance|mileage|speed|(^|_)km($|_)|mile", "mile for km", 1.6093, 0.0),
    (r"(^|_)(age|tenure|duration|period)($|_)|(^|_)years?($|_)|(^|_)months?($|_)", "months for years", 12.0, 0.0),
)
_OTHER = re.compile(r"^(other|others|unknown|none|n/?a|missing|misc|unspecified|rest)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """``at``: its columns. ``levels``: how many codes or members a code or group has. ``fill``: the usual value."""

    name: str
    kind: Kind
    at: tuple[int, ...]
    fill: float
    low: float = 0.0
    high: float = 0.0
    spread: float = 0.0
    levels: int = 0
    other: int = -1
    slip: str = ""
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class TableFacts:
    """A table's fields and rows of it; values (m, f) in field space, codes of groups being the member's number.

    ``missing``: a lost value is NaN, else the usual one. ``donors`` are sorted by ``time`` where there is one.
    """

    fields: tuple[Field, ...]
    width: int
    donors: NumpyArray
    missing: bool = False
    time: NumpyArray | None = None
    empty: tuple[str, ...] = field(default=())

    def where(self, *kinds: str) -> NumpyArray:
        """(f,) booleans: fields of these kinds that hold more than one value."""
        return np.array([f.kind in kinds and (f.spread > 0 or f.levels > 1) for f in self.fields], dtype=bool)


def table_facts(
    x: NumpyArray,
    columns: Sequence[Column] = (),
    *,
    missing: bool = False,
    time: NumpyArray | None = None,
    seed: int = 0,
) -> TableFacts:
    """Facts from reference rows ``x`` (m, d), best those that the model was trained on.

    Medians of numbers and commonest codes are the usual fill of a pipeline that takes no missing values. Columns that
    are missing throughout have no usual value, nothing to lend and are left alone; their names are in ``empty``.
    """
    x = np.asarray(x, dtype=np.float64)
    width = x.shape[1]
    if len(columns) != width:
        columns = tuple(Column(f"column {j}", _guessed(x[:, j])) for j in range(width))
    order = np.arange(len(x)) if time is None else np.argsort(time, kind="stable")
    if len(order) > _DONORS:
        order = order[np.sort(np.random.default_rng(seed).choice(len(order), _DONORS, replace=False))]
    groups: dict[str, list[int]] = {}
    for j, column in enumerate(columns):
        if column.one_hot is not None:
            groups.setdefault(column.one_hot, []).append(j)
    fields, empty, seen = [], [], set()
    for j, column in enumerate(columns):
        if column.one_hot is not None:
            if column.one_hot not in seen:
                seen.add(column.one_hot)
                fields.append(_group(column.one_hot, groups[column.one_hot], columns, x))
        elif not np.isfinite(x[:, j]).any():
            empty.append(column.name)
        else:
            fields.append(_field(column, j, x[:, j]))
    facts = TableFacts(tuple(fields), width, x[:0], missing, None, tuple(empty))
    donors = folded(x[order], facts)
    return TableFacts(
        tuple(fields), width, donors, missing, None if time is None else np.asarray(time)[order], tuple(empty)
    )


def folded(x: NumpyArray, facts: TableFacts) -> NumpyArray:
    """(n, d) -> (n, f): one-hot groups as the number of the member that is 1, or their count where none is."""
    out = np.empty((len(x), len(facts.fields)))
    for k, f in enumerate(facts.fields):
        if f.kind != "group":
            out[:, k] = x[:, f.at[0]]
            continue
        block = x[:, f.at]
        member = np.where((block > 0).any(axis=1), np.nan_to_num(block).argmax(axis=1), len(f.at))
        out[:, k] = np.where(np.isnan(block).any(axis=1), np.nan, member)
    return out


def unfolded(values: NumpyArray, before: NumpyArray, x: NumpyArray, facts: TableFacts) -> NumpyArray:
    """A copy of ``x`` (n, d) with the fields written in which ``values`` differs from ``before`` (both (n, f))."""
    out = np.array(x, dtype=np.float64)
    changed = ~((values == before) | (np.isnan(values) & np.isnan(before)))
    for k in np.flatnonzero(changed.any(axis=0)):
        f, rows = facts.fields[k], changed[:, k]
        if f.kind != "group":
            out[rows, f.at[0]] = values[rows, k]
            continue
        member = values[rows, k][:, None]
        hot = (member == np.arange(len(f.at))).astype(float)
        out[np.ix_(rows, f.at)] = np.where(np.isnan(member), np.nan, hot)
    return out


def _guessed(values: NumpyArray) -> ColumnKind:
    known = values[np.isfinite(values)]
    if len(known) and np.isin(known, (0.0, 1.0)).all():
        return ColumnKind.BINARY
    return ColumnKind.INTEGER if (known == np.rint(known)).all() else ColumnKind.NUMERIC


def _field(column: Column, j: int, values: NumpyArray) -> Field:
    known = values[np.isfinite(values)]
    coded = column.kind in (ColumnKind.CATEGORICAL, ColumnKind.BINARY) or bool(column.categories)
    low, high = float(known.min()), float(known.max())
    if coded and low >= 0 and high < _MOST_CODES and (known == np.rint(known)).all():
        codes, counts = np.unique(known, return_counts=True)
        levels = max(len(column.categories), int(high) + 1)
        other = next((i for i, c in enumerate(column.categories) if _OTHER.match(c)), -1)
        return Field(column.name, "code", (j,), float(codes[counts.argmax()]), low, high, 0.0, levels, other)
    whole = column.kind in (ColumnKind.INTEGER, ColumnKind.ORDINAL)
    quarter = float(np.subtract(*np.quantile(known, (0.75, 0.25))))
    spread = quarter / 1.349 if quarter > 0 else float(known.std())
    slip, factor, offset = _slip(column.name, low, high)
    return Field(
        column.name, "whole" if whole else "number", (j,), float(np.median(known)) if not whole else _middle(known),
        low, high, spread, slip=slip, factor=factor, offset=offset,
    )  # fmt: skip


def _middle(known: NumpyArray) -> float:
    """The median of whole numbers, itself one of them."""
    return float(np.sort(known)[(len(known) - 1) // 2])


def _group(name: str, at: list[int], columns: Sequence[Column], x: NumpyArray) -> Field:
    shares = np.nan_to_num(x[:, at]).mean(axis=0) if len(x) else np.zeros(len(at))
    names = [columns[j].name.removeprefix(name).strip("_ =") for j in at]
    other = next((i for i, n in enumerate(names) if _OTHER.match(n)), -1)
    return Field(name, "group", tuple(at), float(shares.argmax()), 0.0, float(len(at) - 1), 0.0, len(at), other)


def _slip(name: str, low: float, high: float) -> tuple[str, float, float]:
    """The slip of units that a column's name invites and its range allows."""
    said = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
    for pattern, slip, factor, offset in _UNITS:
        if re.search(pattern, said):
            if factor == 100.0 and not (low >= 0 and high <= 1.0):
                # A share that is written in percent already: the slip goes the other way.
                return ("percent written as share", 0.01, 0.0) if 1 < high <= 100 and low >= 0 else ("", 1.0, 0.0)
            return slip, factor, offset
    return "", 1.0, 0.0
