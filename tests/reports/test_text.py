"""Strings from outside control neither a terminal nor a Markdown page."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.reports.text import clean, clean_block, encodable, markdown, markdown_code, opened, visible

anything = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1;2qdata\x1b\\after", "after"),
        ("\x9b2Jcleared", "cleared"),
        ("\x9d0;t\x9cafter", "after"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("a\u202eb\u2066c\u200bd\ufeffe", "abcde"),
        ("bell\x07back\x08null\x00", "bellbacknull"),
        ("naïve 模型 ≤ 8/255", "naïve 模型 ≤ 8/255"),
        ("\x1b[38;5;", ""),
    ],
)
def test_clean(given_text: str, kept: str) -> None:
    assert clean(given_text) == kept


@settings(max_examples=150)
@given(anything)
def test_clean_leaves_nothing_that_acts(text: str) -> None:
    assert not [c for c in clean(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")]
    assert clean(clean(text)) == clean(text)
    assert len(clean(text, 20)) <= 20


@settings(max_examples=100)
@given(anything)
def test_visible_hides_nothing(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert len(shown) >= len(text)


def test_visible_spells_out_what_was_hidden() -> None:
    assert visible("a\x1b[2J\u202eb") == "a\\x1b[2J\\u202eb"


def test_block_keeps_lines_and_says_what_it_cut() -> None:
    assert clean_block("one\n\ttwo\x1b[1m") == "one\n    two\\x1b[1m"
    assert clean_block("\n".join("abcd"), most_lines=2) == "a\nb\n… 2 more lines"
    assert len(clean_block("x" * 500, most_columns=50)) == 50


@pytest.mark.parametrize(
    "text",
    ["a|b", "<script>", "[x](javascript:alert(1))", "# heading", "*bold*", "`code`", "![i](http://x)", "&lt;", "~~s~~"],
)
def test_markdown_leaves_nothing_bare(text: str) -> None:
    shown = markdown(text)
    bare = re.sub(r"&#?\w+;", "", shown)
    for c in "|[]*`#!~_":
        assert bare.count(c) == bare.count(f"\\{c}"), (c, shown)
    assert "<" not in shown and "://" not in shown


def test_markdown_notifies_nobody() -> None:
    assert "@someone" not in markdown("@someone look")


@settings(max_examples=100)
@given(anything)
def test_markdown_code_is_one_span_in_one_cell(text: str) -> None:
    shown = markdown_code(text)
    assert shown.count("`") == 2 and "\n" not in shown
    assert shown.count("|") == shown.count("\\|")


def test_a_file_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.txt"
    with pytest.raises(RuntimeError), opened(target) as stream:
        stream.write("half")
        raise RuntimeError("disk full")
    assert not target.exists() and not list(target.parent.iterdir())
    with opened(target) as stream:
        stream.write("whole\n")
    assert target.read_bytes() == b"whole\n"


def test_a_stream_is_left_open() -> None:
    out = io.StringIO()
    with opened(out) as stream:
        stream.write("x")
    assert not out.closed and out.getvalue() == "x"


def test_poor_encodings_get_plain_characters() -> None:
    class Ascii:
        encoding = "ascii"

    assert encodable("0.5 ≤ 1 … é", Ascii()) == "0.5 <= 1 ~ ?"
    assert encodable("0.5 ≤ 1", io.StringIO()) == "0.5 ≤ 1"
