"""What a cheating search claims about texts, sentences and clips is held against the rules, and asked again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.samples import Samples
from momus.methods.speech import Heard
from momus.methods.text_search import TextFound
from momus.probes.perturbation import _transcription as clips
from momus.probes.perturbation import _translation
from momus.probes.perturbation.characters import characters
from momus.probes.perturbation.translation import translation
from momus.probes.perturbation.words import words
from momus.targets import Target
from momus.zoo.perturbation import _texts as zoo


class Filter:
    classes = ("clean", "offensive")

    def scores(self, x: np.ndarray) -> np.ndarray:
        return np.stack([np.full(len(x), 0.5), [float("idiot" in t.split()) for t in x]], axis=1)


TEXTS = Samples(np.array(["you are an idiot", "an idiot again"], dtype=object), np.ones(2, np.int64))
SENTENCES = Samples(np.array(["wolkan brimost ferdule", "shantip quorvex lumaddi"], dtype=object))


def claims(change: Any) -> Any:
    """A search that brings every text changed as told and calls it one edit and a success."""

    def search(judge: Any, moves: Any, x: Any, margin: Any, **_: Any) -> TextFound:
        found = TextFound.untouched(x, margin)
        found.texts[:] = [change(str(t)) for t in x]
        found.won[:], found.edits[:] = True, 1
        return found

    return search


def codes(m: Any) -> set[str]:
    return {c.code for c in m.caveats}


def test_edits_of_characters_are_counted_afresh(monkeypatch: Any) -> None:
    monkeypatch.setitem(characters.run.__globals__, "beam_search", claims(lambda t: t.replace("idiot", "angel")))
    m = characters(Target.from_object(Filter()), test=TEXTS, edits=1, queries=40)
    assert m.value == 0
    assert "examples-broke-rules" in codes(m)
    assert m.figure("rejected_examples").value == 2


def test_only_words_may_change(monkeypatch: Any) -> None:
    monkeypatch.setitem(words.run.__globals__, "beam_search", claims(lambda t: t.replace(" ", "-")))
    synonyms = Samples(np.array([["idiot", "angel"]], dtype=object))
    m = words(Target.from_object(Filter()), test=TEXTS, synonyms=synonyms, queries=40)
    assert m.value == 0
    assert "examples-broke-rules" in codes(m)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: "zz " + t[9:], "examples-broke-rules"),
        (lambda t: t.replace(" ", "  ", 1), "examples-not-confirmed"),
    ],
)
def test_a_muted_word_is_counted_and_translated_again(monkeypatch: Any, change: Any, code: str) -> None:
    monkeypatch.setattr(_translation, "beam_search", claims(change))
    m = translation(Target.from_object(zoo.Dictionary(0)), test=SENTENCES, edits=1, queries=40)
    assert m.value == 0
    assert code in codes(m)


CLIP = np.where(np.arange(200) < 150, 0.9 * np.sin(np.arange(200)), 0).astype(np.float32)[None]


class Says:
    """A recogniser that hears the same in everything."""

    def __init__(self, text: str) -> None:
        self.text = text

    def encode(self, x: np.ndarray) -> np.ndarray:
        return x

    def generate(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), self.text, dtype=object)


def looked_at(at: int, by: float, *, bound: float = 0.1, says: str = "Open the door.") -> clips.Checked:
    """The re-check of one claimed success whose sample ``at`` was changed ``by`` so much."""
    none = np.zeros(1, dtype=bool)
    held = clips.Clips(Samples(CLIP, rate=16_000), CLIP, np.array(["hm"], dtype=object), none, none, True)
    x = CLIP.copy()
    x[0, at] += by
    found = Heard(x, ~none, np.ones(1, dtype=np.int64))
    target: Any = Says(says)
    return clips.recheck(target, held, found, "open the door", bound)


def test_a_quiet_change_inside_the_clip_counts() -> None:
    checked = looked_at(10, 0.05)
    assert (checked.won.tolist(), checked.broken, checked.unconfirmed) == ([True], 0, 0)


@pytest.mark.parametrize(
    ("at", "by", "bound"),
    [(10, 0.2, 0.1), (160, 0.01, 0.1), (2, 0.5, 1.0), (10, float("nan"), 0.1)],
    ids=["too loud", "after the clip's end", "beyond full scale", "not finite"],
)
def test_a_clip_that_breaks_a_rule_does_not_count(at: int, by: float, bound: float) -> None:
    checked = looked_at(at, by, bound=bound)
    assert (checked.won.tolist(), checked.broken, checked.unconfirmed) == ([False], 1, 0)


def test_a_clip_is_heard_again() -> None:
    checked = looked_at(10, 0.05, says="hm")
    assert (checked.won.tolist(), checked.broken, checked.unconfirmed) == ([False], 0, 1)
