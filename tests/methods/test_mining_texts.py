from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods import mining_texts
from momus.methods.mining_texts import character_errors, errors, misplaced, unspeakable


def test_rates_by_hand() -> None:
    assert errors("the old sposed", "the ill disposed") == pytest.approx(2 / 3)
    assert character_errors("old-sposed", "ill disposed") == pytest.approx(3 / 11)
    assert errors("THE, ill disposed!", "the ill disposed") == 0
    assert errors("anything", "") == 1 and errors("", "") == 0 and errors("", "some words") == 1
    assert errors("北京大学", "北京大雪") == pytest.approx(1 / 4)
    assert errors("a b c d e f", "a b") == 1  # never more than all


@given(st.text(alphabet="ab c", max_size=12), st.text(alphabet="ab c", max_size=12))
def test_rates_are_shares(a: str, b: str) -> None:
    assert 0 <= errors(a, b) <= 1
    assert errors(a, a) == 0 == character_errors(a, a)


def test_numbers_and_titles_are_compared_as_they_are_read_aloud() -> None:
    """Whisper writes "5 5" and "Mr." where the transcript spells them out: nothing was misheard."""
    assert errors("5 5", "five five") == 0 == errors("10 of clubs.", "ten of clubs")
    assert errors("And Mr. Dashwood, 42", "and mister dashwood forty two") == 0
    assert errors("4. Queen of Clothes", "four queen of clubs") == pytest.approx(1 / 4)
    assert mining_texts.spoken("007 1999 20") == "007 1999 twenty"


def test_swapped_references_are_told_from_errors() -> None:
    wanted = ["red green blue left", "up down stop go", "one two three red", "left right go stop"]
    said = ["up down stop go", "red green blue left", "one two three red", "cold mice bold dice"]
    assert misplaced(said, wanted).tolist() == [1, 0, -1, -1]
    assert misplaced(["go", "go"], ["go", "go"]).tolist() == [-1, -1]
    assert misplaced(["", ""], ["red", "blue"]).tolist() == [-1, -1]


def test_nobody_reads_that_fast() -> None:
    wanted = ["a few words", "x" * 200, ""]
    assert unspeakable(wanted, np.array([2.0, 2.0, 2.0])).tolist() == [False, True, True]
