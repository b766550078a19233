"""Named columns as read, before anybody decided what they mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray


@dataclass(frozen=True)
class Frame:
    """Columns of equal length: float64 (NaN where empty), or texts (object). ``lines``: line numbers, where known."""

    source: str
    names: tuple[str, ...]
    columns: list[NumpyArray]
    lines: NumpyArray | None = None

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def place(self, row: int | None = None, column: str | None = None) -> str:
        """``file:line: column 'x'`` as far as known; a row without line number is counted from 0."""
        text = self.source
        if row is not None:
            text += f":{int(self.lines[row])}" if self.lines is not None else f": row {row}"
        return text if column is None else f"{text}: column '{column}'"

    def index(self, name: str, what: str = "column") -> int:
        """Position of a column; DataError names the nearest ones."""
        if name not in self.names:
            raise DataError(
                f"there is no {what} '{name}'",
                code="data/unknown-column",
                place=self.source,
                hint=nearest(name, self.names),
            )
        return self.names.index(name)

    def __getitem__(self, name: str) -> NumpyArray:
        return self.columns[self.index(name)]


def nearest(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'age'?``, or what there is."""
    options = list(known)
    folded = {k.casefold(): k for k in options}
    near = [folded[k] for k in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if near:
        return "Did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    return f"It has {', '.join(options[:12])}{' ...' if len(options) > 12 else ''}" if options else "It has none"


def texts_of(column: NumpyArray) -> list[str]:
    """Values as texts: whole numbers without the decimal point, NaN as an empty text."""
    if column.dtype.kind == "f":
        return ["" if np.isnan(v) else str(int(v)) if v == int(v) else repr(float(v)) for v in column.tolist()]
    if column.dtype.kind == "b":
        return [str(int(v)) for v in column.tolist()]
    return ["" if v is None else str(v) for v in column.tolist()]
