"""Tables as CSV that a spreadsheet shows and never runs.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break is a formula to a spreadsheet, and a formula
can fetch, send and start programs. Names of columns, classes and files come from files that may be hostile. What OWASP
advises is done: such a cell gets an apostrophe in front. A spreadsheet set to another separator cuts cells at
semicolons, so what follows one inside a cell gets an apostrophe too, and tabs and line breaks become spaces. Numbers
stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

Value = str | int | float | bool | None
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"  # the wide forms are taken for the narrow ones in East Asian settings
_AFTER = re.compile(rf"([;|]['\"\s]*)([{re.escape(_STARTS)}])")
_SHOWN_FIRST = ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn")  # what a program may skip before it looks at the first character


def acts(text: str) -> bool:
    """Whether a spreadsheet could take the text for a formula, whatever separator it is set to."""
    if _NUMBER.fullmatch(text):
        return False
    lead = next((c for c in text if unicodedata.category(c) not in _SHOWN_FIRST), "")
    return (bool(lead) and lead in _STARTS) or text[:1] in ("\t", "\r", "\n", "\0") or bool(_AFTER.search(text))


def inert(cell: Value) -> Value:
    """The cell as text that is no formula; numbers and what reads as one are left alone."""
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell):
        return cell
    flat = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in cell)
    flat = _AFTER.sub(r"\1'\2", flat)
    return f"'{flat}" if acts(flat) or acts(cell) else flat


def written(rows: Iterable[Sequence[Value]], *, end: str = "\n") -> str:
    """The rows as CSV, each cell inert."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows([inert(c) for c in row] for row in rows)
    return out.getvalue()
