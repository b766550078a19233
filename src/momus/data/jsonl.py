"""JSON lines: one object a line, the same keys in each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.data.frame import Frame


def read_jsonl(path: Path, limit: int | None = None) -> Frame:
    """Columns in the order of the first object's keys; null and absent values become NaN or an empty text.

    DataError with the line for malformed JSON, something else than an object, a key that the first line lacks, or a
    nested value.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    with open(path, encoding="utf-8-sig", errors="strict") as stream:
        try:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    rows.append(_row(path, number, line, rows[0] if rows else None))
                    lines.append(number)
                if limit is not None and len(rows) == limit:
                    break
        except UnicodeDecodeError as error:
            raise DataError("the file is not UTF-8 text", code="data/encoding", place=str(path)) from error
    if not rows:
        raise DataError("the file is empty", code="data/empty", place=str(path), hint="It needs one object a line")
    names = tuple(rows[0])
    return Frame(str(path), names, [_column([r.get(n) for r in rows]) for n in names], np.array(lines))


def _row(path: Path, number: int, line: str, first: dict[str, Any] | None) -> dict[str, Any]:
    place = f"{path}:{number}"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"malformed JSON: {error}", code="data/json", place=place) from error
    if not isinstance(row, dict):
        raise DataError(f"a {type(row).__name__}, not an object", code="data/json", place=place, hint="Write {...}")
    nested = next((k for k, v in row.items() if isinstance(v, dict | list)), None)
    if nested is not None:
        raise DataError(
            f"the value of '{nested}' is nested", code="data/json", place=place, hint="Give it keys of its own"
        )
    new = next((k for k in row if first is not None and k not in first), None)
    if new is not None:
        raise DataError(f"the key '{new}' is not in the first line", code="data/ragged", place=place)
    return row


def _column(values: list[Any]) -> NumpyArray:
    if all(v is None or isinstance(v, bool | int | float) for v in values):
        return np.array([np.nan if v is None else float(v) for v in values])
    return np.array(["" if v is None else str(v) for v in values], dtype=object)
