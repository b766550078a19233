"""Chosen words, wishes and what they count as kept; neighbours of words."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods import neighbours
from momus.methods.translated import Wish, altered, chosen, others, touched


def test_the_rarest_content_word_is_chosen() -> None:
    answers = ["the doctor is here .", "the teacher is here .", "here we are", "it is", ""]
    assert chosen(answers) == ["doctor", "teacher", "here", "", ""]
    assert chosen(answers, "Doctor") == ["doctor", "", "", "", ""]


def test_what_words_become() -> None:
    answers = ["a doctor", "a teacher", "the sea"]
    words = chosen(answers)
    assert others(words, answers) == ["teacher", "sea", "doctor"]
    assert others(words, answers, "Sea") == ["sea", "sea", ""]
    assert others(["doctor"], ["a doctor"]) == [""]


def test_altered_translations() -> None:
    assert altered("he is a doctor .", "doctor") == "he is a ."
    assert altered("A Doctor, a doctor", "doctor", "teacher") == "A teacher, a teacher"


@pytest.mark.parametrize(
    ("answer", "won"),
    [("he is a .", True), ("he is a doctor .", False), ("", False), ("...", False), ("doctors came", True)],
)
def test_muted(answer: str, won: bool) -> None:
    wish = Wish("he is a doctor .", "doctor")
    assert wish.won(answer) is won
    assert (wish.margin(answer) < 0) is won


@pytest.mark.parametrize(
    ("answer", "won"),
    [("he is a teacher", True), ("a doctor and a teacher", False), ("he is a", False), ("he is a doctor", False)],
)
def test_pushed(answer: str, won: bool) -> None:
    wish = Wish("he is a doctor", "doctor", "teacher")
    assert wish.won(answer) is won
    assert (wish.margin(answer) < 0) is won


def test_margins_lead_towards_the_wish() -> None:
    push = Wish("he is a doctor", "doctor", "teacher")
    assert push.margin("he is a teach") < push.margin("he is a") < push.margin("he is a doctor")
    mute = Wish("he is a doctor", "doctor")
    assert mute.margin("he is a") < mute.margin("nothing") < mute.margin("one doctor") < mute.margin("he is a doctor")
    assert mute.kept("he is not") == pytest.approx(2 / 3)


def test_which_source_words_an_edit_touches() -> None:
    assert touched("wolkan brimost", "wolkan brimst") == {1}
    assert touched("wolkan brimost", "wxlkan brimoost") == {0, 1}
    assert touched("他是医生", "他是医友生") == set()
    assert touched("他是医生", "他是生") == {2}
    assert touched("wolkan brimost", "wolkanx brimost") == {0}
    assert touched("wolkan brimost", "wolkan xbrimost") == {1}
    assert touched("same", "same") == set()


def test_neighbours_share_their_places() -> None:
    rng = np.random.default_rng(0)
    drinks, places, rest = ["tea", "coffee", "milk"], ["paris", "london", "rome"], ["we", "often", "gladly"]
    texts = [f"{rng.choice(rest)} drink hot {rng.choice(drinks)} daily" for _ in range(200)]
    texts += [f"{rng.choice(rest)} travel to {rng.choice(places)} alone" for _ in range(200)]
    learned = neighbours.learn(texts, size=6)
    for group in (drinks, places):
        for word in group:
            assert {w for w, _ in learned.of(word, 2)} == set(group) - {word}
    assert learned.of("unknown") == []
    again = neighbours.learn(texts, size=6)
    assert learned.of("tea") == again.of("tea")


@pytest.mark.parametrize("texts", [[], [""], ["a b"], ["one two three"] * 2])
def test_too_little_to_learn_from(texts: list[str]) -> None:
    assert neighbours.learn(texts).of("one") == []


def test_case_is_carried_over() -> None:
    assert [neighbours.alike(w, "fine") for w in ("good", "Good", "GOOD", "I")] == ["fine", "Fine", "FINE", "Fine"]
