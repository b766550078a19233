"""CSV and its kin: delimiter sniffed, quotes and byte-order mark understood, every fault told with its line."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.data.frame import Frame

DELIMITERS = ",;\t|"


def read_csv(path: Path, *, delimiter: str | None = None, limit: int | None = None) -> Frame:
    """All columns as texts or numbers. The first row names the columns.

    Numeric columns are parsed in bulk; a field that is no number makes its column text, and the caller decides whether
    that is a fault. DataError for an empty file, a ragged row, a doubled column name, or bytes that are no UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(
            "the file is not UTF-8 text", code="data/encoding", place=f"{path}:{line}", hint="Save it as UTF-8"
        ) from error
    if not text.strip():
        raise DataError("the file is empty", code="data/empty", place=str(path), hint="It needs a header and rows")
    head = text[: text.find("\n") if "\n" in text else len(text)]
    sign = delimiter or sniff(head)
    fast = _fast(path, text, head, sign, limit)
    return _without_row_numbers(fast if fast is not None else _careful(path, text, sign, limit))


def sniff(head: str) -> str:
    """The delimiter that occurs most often outside quotes in the header line; a comma where none does."""
    bare = "".join(head.split('"')[::2])
    counts = {d: bare.count(d) for d in DELIMITERS}
    return max(counts, key=lambda d: counts[d])


def _fast(path: Path, text: str, head: str, sign: str, limit: int | None) -> Frame | None:
    """numpy's parser, for files of plain numbers; None where it meets anything else."""
    if '"' in text or not text[len(head) :].strip():
        return None
    names = _names(path, head.rstrip("\r\n").split(sign))
    try:
        values = np.loadtxt(
            io.StringIO(text), delimiter=sign, skiprows=1, max_rows=limit, ndmin=2, dtype=np.float64, comments=None
        )
    except ValueError:
        return None
    if values.shape[1] != len(names) or not len(values):
        return None
    lines = text.count("\n") + (not text.endswith("\n"))
    if limit is None and len(values) != lines - 1:
        return None  # blank lines: line numbers would be off
    return Frame(
        str(path), names, [np.ascontiguousarray(values[:, j]) for j in range(len(names))], np.arange(2, len(values) + 2)
    )


def _careful(path: Path, text: str, sign: str, limit: int | None) -> Frame:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    names = _names(path, next(reader))
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise DataError(
                    f"the row has {len(row)} fields, the header has {len(names)}",
                    code="data/ragged",
                    place=f"{path}:{reader.line_num}",
                    hint="Quote fields that contain the delimiter",
                )
            rows.append(row)
            lines.append(reader.line_num)
            if limit is not None and len(rows) == limit:
                break
    except csv.Error as error:
        raise DataError(f"malformed CSV: {error}", code="data/csv", place=f"{path}:{reader.line_num}") from error
    columns = [as_column(_points([r[j] for r in rows], sign)) for j in range(len(names))]
    return Frame(str(path), names, columns, np.array(lines, dtype=np.int64))


def _points(texts: list[str], sign: str) -> list[str]:
    """Decimal commas as points, in a file that semicolons delimit and a column that holds nothing but numbers."""
    if sign == "," or not any("," in t for t in texts):
        return texts
    number = re.compile(r"\s*[-+]?\d*(,\d+)?(e[-+]?\d+)?\s*", re.IGNORECASE)
    if any(not number.fullmatch(t) and t.strip().lower() not in MISSING for t in texts):
        return texts
    return [t.replace(",", ".") for t in texts]


def as_column(texts: list[str]) -> NumpyArray:
    """float64 where every non-empty field is a number (empty becomes NaN), else texts."""
    a = np.array(texts, dtype=object)
    try:
        return a.astype(np.float64)
    except ValueError:
        pass
    bare = [t.strip() for t in texts]
    try:
        return np.array([float(t) if t and t.lower() not in MISSING else np.nan for t in bare], dtype=np.float64)
    except ValueError:
        return np.array(bare, dtype=object)


def _without_row_numbers(frame: Frame) -> Frame:
    """Drops what spreadsheets and pandas write in front: a first column without a name that numbers the rows.

    As a feature it would tell any two files apart, whatever else they hold.
    """
    first = frame.columns[0]
    if not re.fullmatch(r"(Unnamed: \d+)?", frame.names[0]) or len(frame.names) == 1 or first.dtype.kind != "f":
        return frame
    if np.isnan(first).any() or (first != np.rint(first)).any() or len(np.unique(first)) < len(first):
        return frame
    return Frame(frame.source, frame.names[1:], frame.columns[1:], frame.lines)


MISSING = frozenset({"", "na", "nan", "null", "none", "n/a", "?"})


def _names(path: Path, raw: list[str]) -> tuple[str, ...]:
    names = tuple(n.strip().strip('"') for n in raw)
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise DataError(f"two columns are called '{twice}'", code="data/columns", place=f"{path}:1", hint="Rename one")
    return names
