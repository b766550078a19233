"""Texts taken apart and put together, the four edits, and the distance that counts them again."""

from __future__ import annotations

import unicodedata
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.text_edits import (
    HIDDEN,
    KEYBOARD,
    KINDS,
    VISUAL,
    clusters,
    distance,
    edited,
    edits_of,
    letters,
    marked,
    pieces,
)

ANY_TEXT = st.text(max_size=30)


@given(ANY_TEXT)
def test_texts_come_together_again(text: str) -> None:
    assert "".join(clusters(text)) == text
    parts = pieces(text)
    assert parts.text == text
    assert len(parts.gaps) == len(parts.words) + 1


@pytest.mark.parametrize(
    ("text", "count"),
    [("abc", 3), ("e\u0301a", 2), ("👍🏽", 1), ("👨\u200d👩\u200d👧", 1), ("", 0), ("你好", 2), ("\u0301", 1)],
)
def test_a_reader_counts_clusters(text: str, count: int) -> None:
    assert len(clusters(text)) == count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't  go!\n", ["Don't", "go"]),
        ("我喝tea。", ["我", "喝", "tea"]),
        ("...", []),
        ("", []),
        ("3.5 km", ["3", "5", "km"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert list(pieces(text).words) == words


def reached(a: str, b: str) -> int:
    """The least number of edits by trying all: breadth first over an alphabet of both texts' letters."""
    alphabet, seen, queue = sorted(set(a + b)), {a: 0}, deque([a])
    while True:
        w = queue.popleft()
        if w == b:
            return seen[w]
        near = {w[:i] + w[i + 1 :] for i in range(len(w))}
        near |= {w[:i] + c + w[i + 1 :] for i in range(len(w)) for c in alphabet}
        near |= {w[:i] + c + w[i:] for i in range(len(w) + 1) for c in alphabet}
        near |= {w[:i] + w[i + 1] + w[i] + w[i + 2 :] for i in range(len(w) - 1)}
        for v in near - seen.keys():
            if len(v) < 6:
                seen[v] = seen[w] + 1
                queue.append(v)


@settings(max_examples=40, deadline=None)
@given(st.text("abc", max_size=4), st.text("abc", max_size=4), st.integers(1, 5))
def test_distance_is_the_least_number_of_edits(a: str, b: str, limit: int) -> None:
    assert distance(a, b, limit) == min(reached(a, b), limit + 1)


@pytest.mark.parametrize(("a", "b", "far"), [("ca", "abc", 2), ("", "ab", 2), ("kitten", "sitting", 3), ("a", "a", 0)])
def test_known_distances(a: str, b: str, far: int) -> None:
    assert distance(a, b, 5) == far
    assert distance(a, b, far - 1 if far > 1 else far) <= far


def test_words_have_distances_too() -> None:
    assert distance(["the", "cat", "sat"], ["the", "sat", "cat"], 3) == 1


@given(st.text("abcdeé你好", min_size=1, max_size=8), st.integers(0, 2**16))
def test_every_edit_is_one_edit(word: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = edits_of(word, 12, rng, letters("any", [word]))
    assert len(found) <= 12
    assert len(set(found)) == len(found)
    assert all(distance(clusters(word), clusters(w), 3) == 1 for w in found)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_by_itself(kind: str) -> None:
    found = edits_of("stone", 10, np.random.default_rng(0), letters("plain"), kinds=(kind,))
    sizes = {"flip": 5, "swap": 5, "insert": 6, "delete": 4}
    assert found
    assert {len(w) for w in found} == {sizes[kind]}


def test_spaces_and_hidden_characters_only_where_asked() -> None:
    rng = np.random.default_rng(0)
    plain = edits_of("word", 400, rng, letters("any"))
    wide = edits_of("word", 400, rng, letters("any"), spaces=True, hidden=True)
    assert not any(" " in w or set(w) & set(HIDDEN) for w in plain)
    assert any(" " in w for w in wide)
    assert any(h in w for w in wide for h in HIDDEN)
    assert not any(w.startswith(" ") or w.endswith(" ") for w in wide)


def test_edits_of_nothing_and_of_one_letter() -> None:
    rng = np.random.default_rng(0)
    assert edits_of("", 5, rng, letters("any")) == []
    assert "" in edits_of("a", 100, rng, letters("plain"))


def test_replacements_keep_case_and_script() -> None:
    of = letters("plain", ["你好吗", "мир"])
    assert set(of("A")) == set("BCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert set(of("7")) == set("012345689")
    assert set(of("你")) == {"好", "吗"}
    assert set(of("м")) == {"и", "р"}
    assert of("!") == ()
    assert set(letters("plain", known="abx")("a")) == {"b", "x"}
    assert "@" in letters("visual")("a")
    assert set(letters("keyboard")("Q")) == {"W", "A", "1"}


def test_tables_are_sound() -> None:
    for key, near in KEYBOARD.items():
        assert key not in near
        assert all(key in KEYBOARD[c] for c in near), key
    for key, alike in VISUAL.items():
        assert key not in alike
        assert all(unicodedata.category(c)[0] in "LNSP" for c in alike)


def test_edits_are_marked_in_place() -> None:
    assert marked("free money", "fr3e money") == "fr[e→3]e money"
    long = "word " * 200
    shown = marked(long + "free" + long, long + "frse" + long)
    assert len(shown) < 120
    assert "fr[e→s]e" in shown
    assert "U+0430" in marked("pay", "p\u0430y")
    assert "(U+200B)" in marked("pay", "p\u200bay")


def test_edited() -> None:
    assert [edited("abc", k, 1, "x") for k in KINDS] == ["axc", "axbc", "ac", "acb"]
