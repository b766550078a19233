"""Corruptions of tables at five severities: what pipelines, forms and sensors do to rows when nobody attacks.

The severity contract
---------------------
Severity 1 is mild, 5 is severe; :data:`SETTINGS` says what each means. Equal seed and rows give equal bytes. Chance
belongs to a row's number and not to its place in a batch, so that a table may be corrupted in any parts. What is
damaged at one severity is damaged at the next too, wherever a severity is a share. One-hot groups stay valid, whole
numbers stay whole, and a column that is missing throughout is left alone.
"""

from __future__ import annotations

import numpy as np

from momus.core import seeds
from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods.corrupt import tables_ways as ways
from momus.methods.corrupt.tables_facts import TableFacts, folded, table_facts, unfolded

__all__ = ["FAMILIES", "NAMES", "SETTINGS", "corrupt", "reason", "table_facts"]

_CELLS = (0.02, 0.05, 0.10, 0.20, 0.40)
_ROWS = (0.05, 0.10, 0.20, 0.35, 0.50)
FAMILIES: dict[str, tuple[str, ...]] = {
    "missing": ("missing_random", "missing_block", "missing_column", "sentinel"),
    "units": ("unit_scale", "unit_convert", "sign_flip"),
    "columns": ("swapped_like", "swapped_neighbours"),
    "time": ("stale", "stuck"),
    "precision": ("rounding", "coarse_bins", "off_by_one"),
    "categories": ("unseen_category", "merged_categories", "recoded", "moved_shares"),
}
NAMES: tuple[str, ...] = tuple(name for members in FAMILIES.values() for name in members)
# Name -> (what the number of each severity means, the five numbers).
SETTINGS: dict[str, tuple[str, tuple[float, ...]]] = {
    "missing_random": ("share of the cells", _CELLS),
    "missing_block": ("share of the runs of ten rows that lose a third of the columns", (0.1, 0.2, 0.4, 0.6, 0.8)),
    "missing_column": ("share of the columns, at least one", (0.02, 0.05, 0.1, 0.2, 0.4)),
    "sentinel": ("share of the numeric cells", _CELLS),
    "unit_scale": ("share of the numeric cells, times 1000, a thousandth or times 10", _CELLS),
    "unit_convert": ("share of the cells of columns whose name tells a unit", _ROWS),
    "sign_flip": ("share of the numeric cells", _CELLS),
    "swapped_like": ("share of the rows, for each pair of columns of like range", _ROWS),
    "swapped_neighbours": ("share of the rows, for each pair of neighbouring columns", _ROWS),
    "stale": ("share of the cells", (0.05, 0.10, 0.20, 0.35, 0.50)),
    "stuck": ("share of a sensor's runs of ten rows", (0.05, 0.10, 0.20, 0.35, 0.50)),
    "rounding": ("step at most, in spreads of the column", (0.1, 0.25, 0.5, 1.0, 2.0)),
    "coarse_bins": ("bins", (20, 10, 5, 3, 2)),
    "off_by_one": ("share of the whole-numbered cells", (0.05, 0.10, 0.25, 0.50, 1.0)),
    "unseen_category": ("share of the categorical cells", _ROWS),
    "merged_categories": ("share of the lesser categories, at least one", (0.1, 0.25, 0.5, 0.75, 1.0)),
    "recoded": ("share of the rows", _ROWS),
    "moved_shares": ("share of the categorical cells", _ROWS),
}


def corrupt(
    x: NumpyArray,
    name: str,
    severity: int,
    seed: int,
    facts: TableFacts,
    *,
    rows: NumpyArray | None = None,
    time: NumpyArray | None = None,
) -> NumpyArray:
    """Corrupt rows of a table.

    Parameters
    ----------
    x : (n, d) float64, categorical columns as codes, NaN where a value is missing already.
    name : one of :data:`NAMES`.
    severity : 1 (least) to 5, see :data:`SETTINGS`.
    seed : equal seeds give equal bytes for equal rows.
    facts : what is usual in this table, from :func:`table_facts`.
    rows : (n,) numbers of the rows, 0 to n - 1 where left out: whose chance each row gets.
    time : (n,) moments of the rows, for values of older rows.

    Returns
    -------
    A new (n, d) float64 array.

    Raises
    ------
    DataError for an unknown name or severity, or another number of columns than the facts know.

    Cost
    ----
    A few passes over n x d values.
    """
    if name not in SETTINGS:
        raise DataError(f"no corruption '{name}' of tables", hint=f"One of: {', '.join(NAMES)}")
    if severity not in (1, 2, 3, 4, 5):
        raise DataError(f"severity {severity!r} is not one of 1, 2, 3, 4, 5")
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != facts.width:
        raise DataError(f"a table of shape {x.shape} does not have the {facts.width} columns that were described")
    index = np.arange(len(x)) if rows is None else np.asarray(rows, dtype=np.int64)
    before = folded(x, facts)
    if not before.size:
        return x.copy()
    way: ways.Way = getattr(ways, name)
    chance = ways.Rows(seeds.derive(seed, "table", name), index, time)
    after = way(before, facts, SETTINGS[name][1][severity - 1], chance)
    # A value that is missing already cannot be damaged, only lost again.
    return unfolded(np.where(np.isnan(before), before, after), before, x, facts)


def reason(name: str, facts: TableFacts) -> str:
    """Why a corruption cannot happen to this table; empty where it can."""
    numeric = bool(facts.where("number", "whole").any())
    if name in FAMILIES["categories"]:
        able = ways.mergeable(facts) if name == "merged_categories" else facts.where("code", "group")
        return "" if able.any() else "no column of categories"
    if name == "unit_convert":
        return "" if any(f.slip for f in facts.fields) else "no column's name tells a unit"
    if name == "swapped_like":
        return "" if ways.like_pairs(facts) else "no two columns of like range"
    if name == "swapped_neighbours":
        return "" if ways.neighbour_pairs(facts) else "no two numeric columns stand side by side"
    if name == "off_by_one":
        return "" if facts.where("whole").any() else "no column of whole numbers"
    if name in ("missing_random", "missing_block", "missing_column", "stale"):
        return "" if facts.fields else "every column is empty"
    return "" if numeric else "no numeric column that varies"
