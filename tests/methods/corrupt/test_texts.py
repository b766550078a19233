"""Corruptions of texts: what each slip looks like, how often it comes, and what it never breaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.methods.corrupt.texts import NAMES, SETTINGS, corrupt
from momus.methods.text_edits import KEYBOARD, clusters, distance, pieces

LONG = [
    'The quick brown foxes wouldn\'t jump over their lazy neighbours, she said; "nobody knows" why & how they do.'
] * 60


def words(text: str) -> tuple[str, ...]:
    return pieces(text).words


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_texts_in_any_batch(name: str) -> None:
    for severity in (1, 3, 5):
        whole = corrupt(LONG, name, severity, 5)
        parts = [corrupt(LONG[i : i + 13], name, severity, 5, rows=np.arange(i, min(i + 13, 60)))
                 for i in range(0, 60, 13)]  # fmt: skip
        assert whole.tolist() == [t for p in parts for t in p]
    assert corrupt(LONG, name, 5, 5).tolist() != LONG
    assert whole.tolist() == corrupt(np.array(LONG, dtype=object), name, 5, 5).tolist()


@pytest.mark.parametrize("name", ["keyboard", "omission", "doubling", "transposition", "ocr", "replacement"])
def test_rates_are_shares_of_the_words_and_slips_stay(name: str) -> None:
    tokens = np.array([len(w) > 4 and w.isalpha() for w in LONG[0].split()])
    before = np.zeros((len(LONG), len(tokens)), dtype=bool)
    for severity in range(1, 6):
        made = [t.split() for t in corrupt(LONG, name, severity, 1)]
        hit = np.array([[a != b for a, b in zip(row, LONG[0].split(), strict=True)] for row in made])
        assert (hit | ~before).all()
        before = hit
        share = SETTINGS[name][1][severity - 1]
        assert hit[:, tokens].mean() == pytest.approx(share, abs=0.08), severity


def test_typing_is_one_edit_of_the_kind() -> None:
    for kind, fits in (
        ("omission", lambda a, b: len(b) == len(a) - 1),
        ("doubling", lambda a, b: len(b) == len(a) + 1 and any(b[i] == b[i + 1] for i in range(len(a)))),
        ("transposition", lambda a, b: sorted(a) == sorted(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 2),
        ("keyboard", lambda a, b: len(a) == len(b) and all(
            x == y or y.lower() in KEYBOARD[x.lower()] for x, y in zip(a, b, strict=True))),
    ):  # fmt: skip
        for text in corrupt(["windows mountains gardens"] * 20, kind, 5, 2):
            for a, b in zip(("windows", "mountains", "gardens"), text.split(), strict=True):
                assert a == b or (fits(a, b) and distance(clusters(a), clusters(b), 2) == 1), (kind, a, b)


def test_capitals_stay_capitals_on_the_keyboard() -> None:
    assert all(t.isupper() or not t.isalpha() for t in corrupt(["WINDOW"] * 50, "keyboard", 5, 0))


def test_known_slips() -> None:
    def all_of(text: str, name: str) -> set[str]:
        return set(corrupt([text] * 200, name, 5, 3))

    assert all_of("yes", "layout") >= {"yes", "zes", "нуы"}
    assert all_of("modern", "ocr") >= {"modem", "rnodern", "nnodern"}
    assert all_of("café", "mojibake") == {"café", "cafÃ©"}
    assert all_of("don't", "mojibake") == {"don't", "donâ€™t"}
    assert all_of("a b", "mojibake") >= {"a b", "a\u00c2\u00a0b"}
    assert all_of("naïve", "replacement") == {"naïve", "na\ufffdve"}
    assert all_of("don't", "smart_quotes") == {"don\u2019t"}
    assert all_of('say "hi" & go', "html_entities") == {"say &quot;hi&quot; &amp; go"}
    assert all_of("für", "html_entities") == {"f&#252;r"}
    assert all_of("Their", "homophones") == {"There", "They're"}
    assert all_of("Stop. Go on, please!", "no_punctuation") == {"stop go on please"}
    assert all_of("I am. I'm", "no_punctuation") == {"I am I'm"}
    assert all_of("one two", "merged_words") >= {"one two", "onetwo"}
    assert all_of("one, two", "merged_words") == {"one, two"}
    assert all_of("Mixed", "upper") == {"MIXED"} and all_of("MiXed", "lower") == {"mixed"}
    assert all_of("a b", "whitespace") >= {"a  b", "a\tb", "a\nb"}
    assert {t.replace(" ", "") for t in all_of("garden", "split_words")} == {"garden"}
    assert any(t.startswith("um ") for t in all_of("well then", "fillers"))


def test_speech_and_case_at_severity_five_touch_every_place() -> None:
    made = corrupt(LONG, "no_punctuation", 5, 0)
    assert not any(c in t for t in made for c in ',;."')
    assert all(t == t.upper() for t in corrupt(LONG, "upper", 5, 0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", " ", "\n\n", "a", "I", "7", "?!", "\U0001f600", "𝔘", "\ud83d", "é", "的"])
def test_tiny_texts(name: str, text: str) -> None:
    for severity in (1, 5):
        (made,) = corrupt([text], name, severity, 0)
        assert isinstance(made, str)
        if not words(text):
            assert made == text


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("mojibake", "html_entities", "replacement")])
def test_no_emoji_is_cut_in_two(name: str) -> None:
    family = "👨\u200d👩\u200d👧"
    for made in corrupt([f"hello {family} wonderful e\u0301clair wörld 𝔘nicode"] * 40, name, 5, 1):
        assert family in made


@given(st.lists(st.text(max_size=30), max_size=4), st.sampled_from(NAMES), st.integers(1, 5), st.integers(0, 9))
@settings(max_examples=120, deadline=None)
def test_any_texts(x: list[str], name: str, severity: int, seed: int) -> None:
    made = corrupt(x, name, severity, seed)
    assert len(made) == len(x) and all(isinstance(t, str) for t in made)


def test_wrong_names_and_severities() -> None:
    with pytest.raises(DataError, match="no corruption 'fog'"):
        corrupt(["a"], "fog", 1, 0)
    with pytest.raises(DataError, match="severity 0"):
        corrupt(["a"], "ocr", 0, 0)
