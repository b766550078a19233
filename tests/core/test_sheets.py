"""No cell of a CSV of ours is a formula, in whatever program and setting it is opened; numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest

from momus.core.sheets import acts, inert, written

FORMULAS = (
    '=HYPERLINK("http://evil.example","click")', "=1+1", "+1+1", "-2+3", "@SUM(1)", "+cmd|' /C calc'!A0", "\t=1+1",
    "\r=1+1", "\n=1+1", " =1+1", "\ufeff=1+1", "\u200b=1+1", "\u202e=1+1", "\uff1d1+1", "\0=1+1", "-", "+", "-1+1",
    "=", "a;=1+1", 'a";=1+1', "a;  @SUM(1)", "a|=1",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_a_formula_is_text_whatever_the_separator(text: str, separator: str) -> None:
    made = written([("before", text, "after")])
    cells = [c for row in csv.reader(io.StringIO(made, newline=""), delimiter=separator) for c in row]
    assert acts(text)
    for cell in cells:
        bare = cell.strip(" \"'\t\ufeff\u200b\u202e") if not cell.lstrip(' "').startswith("'") else "'"
        assert bare[:1] not in ("=", "+", "-", "@", "\uff1d"), repr(cell)
    assert len(made.splitlines()) == 1


@pytest.mark.parametrize(
    "value", [0, -1, 2.5, -0.031, 1e-9, "-0.031", "+3", "1e-9", "007", "", "a-b", "x = y", "a, -b"]
)
def test_numbers_and_plain_words_are_left_alone(value: str | float) -> None:
    assert inert(value) == value and not (isinstance(value, str) and acts(value))


def test_what_is_read_back_is_what_was_said() -> None:
    rows = [["name", "value"], ['quote " and, comma', -1.5], ["=1+1", 3]]
    back = list(csv.reader(io.StringIO(written(rows), newline="")))
    assert back == [["name", "value"], ['quote " and, comma', "-1.5"], ["'=1+1", "3"]]
