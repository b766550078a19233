"""Redbook's survey of 6,366 married women (Fair 1978), as two halves: one to train on, one to test on.

The table is read from the separately installed package ``statsmodels``, by path: the package is neither imported nor
copied. The last column says whether the woman had an affair, which the label, how happy she calls her marriage, hangs
on. The table names nobody; 1,178 of its rows stand in it more than once.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, Samples

CLASSES = ("very poor", "poor", "fair", "good", "very good")
KNOWN = ("age", "yrs_married", "children", "religious", "educ", "occupation", "occupation_husb")


def train() -> Samples:
    """Half of the women."""
    return _half(0)


def test() -> Samples:
    """The other half."""
    return _half(1)


def table_path() -> Path:
    """Where the table lies; DataError with the command that installs it."""
    spec = importlib.util.find_spec("statsmodels")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "datasets" / "fair" / "fair.csv"
        if path.is_file():
            return path
    raise DataError("the affairs survey is not installed", hint="Run: pip install --no-deps statsmodels==0.15.0")


def _half(which: int) -> Samples:
    with open(table_path(), newline="") as stream:
        lines = list(csv.DictReader(stream))
    order = np.random.default_rng(1978).permutation(len(lines))
    half = len(lines) // 2
    rows = [lines[i] for i in (order[:half] if which == 0 else order[half:])]
    affair = np.array([float(r["affairs"] or 0) > 0 for r in rows])
    known = np.array([[float(r[name]) for name in KNOWN] for r in rows])
    return Samples(
        x=np.column_stack([known, affair]),
        y=np.array([int(float(r["rate_marriage"])) - 1 for r in rows]),
        columns=(
            *(Column(name, ColumnKind.ORDINAL, inferred=False) for name in KNOWN),
            Column("had_affair", ColumnKind.BINARY, 0.0, 1.0, inferred=False, sensitive=True),
        ),
        classes=CLASSES,
    )
