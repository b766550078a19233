"""Parquet through pyarrow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import DataError, MissingExtra
from momus.core.samples import NumpyArray
from momus.data.frame import Frame


def read_parquet(path: Path, limit: int | None = None) -> Frame:
    """Columns as float64 (null becomes NaN), texts or times. DataError for nested columns or another kind of file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtra.of("reading Parquet", "tables", "pyarrow") from error
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        message = " ".join(str(error).split())[:160]
        raise DataError(f"not a readable Parquet file: {message}", code="data/parquet", place=str(path)) from error
    if limit is not None:
        table = table.slice(0, limit)
    # a row number that pandas writes after filtering or shuffling is no feature, and pandas does not read it as one
    table = table.drop_columns([n for n in table.column_names if re.fullmatch(r"__index_level_\d+__", n)])
    names = tuple(str(n) for n in table.column_names)
    return Frame(str(path), names, [_column(path, n, table.column(i), pyarrow.types) for i, n in enumerate(names)])


def _column(path: Path, name: str, column: Any, types: Any) -> NumpyArray:
    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return (
            np.array([np.nan if v is None else float(v) for v in column.to_pylist()])
            if column.null_count
            else (
                np.asarray(column.cast("double").to_numpy(), dtype=np.float64)
                if not types.is_boolean(kind)
                else np.asarray(column.cast("int8").to_numpy(), dtype=np.float64)
            )
        )
    if types.is_temporal(kind) and not column.null_count:
        return np.asarray(column.to_numpy())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_temporal(kind):
        return np.array(["" if v is None else str(v) for v in column.to_pylist()], dtype=object)
    raise DataError(
        f"its values are {kind}", code="data/parquet", place=f"{path}: column '{name}'", hint="Drop or flatten it"
    )
