"""Working backwards from a word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.taxonomy import load
from momus.taxonomy.lookup import normal

TAX = load()


@pytest.mark.parametrize("term", TAX.glossary, ids=lambda t: t.term)
def test_every_term_finds_itself_first(term) -> None:
    best = TAX.lookup(term.term)[0]
    assert (best.term, best.kind, best.modes) == (term.term, "term", term.modes)
    assert best.score == 100


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("trojan", "M10"),
        ("troyan", "M10"),
        ("Trojans", "M10"),
        ("membrship infrence", "M04"),
        ("model steeling", "M05"),
        ("clen label", "M10"),
        ("cleanlabel", "M10"),
        ("suply chain", "M09"),
        ("LqB encoding of training data", "M08"),
        ("adversarial-examples", "M01"),
        ("reward-hacking", "M12"),
        ("memorization", "M03"),
        ("AML.T0020", "M02"),
        ("aml.t0020", "M02"),
        ("NISTAML.013", "M02"),
        ("NISTAML.033", "M04"),
        ("ML02", "M02"),
        ("ML02:2023", "M02"),
        ("CWE-502", "M09"),
        ("arXiv:1708.06733", "M09"),
        ("1609.02943", "M05"),
        ("AML.M0007", "M02"),
        ("AML.CS0009", "M02"),
        ("M13", "M13"),
        ("side_effects", "M13"),
        ("U03", "M13"),
        ("R07", "M02"),
        ("TM-5a", "M05"),
        ("unsafe deserialization", "M11"),
    ],
)
def test_known_answers(word, mode) -> None:
    best = TAX.lookup(word)[0]
    assert best.modes[0] == mode
    assert best.why and best.source


def test_clean_label_shows_both_modes() -> None:
    hits = TAX.lookup("clean-label")
    assert {m for h in hits for m in h.modes} == {"M02", "M10"}
    assert {"clean-label poisoning", "clean-label backdoor"} <= {h.term for h in hits}


@pytest.mark.parametrize("word", ["prompt injection", "bias", "hallucination"])
def test_outside_is_said(word) -> None:
    assert any(h.kind == "outside" for h in TAX.lookup(word))


def test_spelling_counts_less_than_the_word_itself() -> None:
    assert TAX.lookup("trojan")[0].score > TAX.lookup("troyan")[0].score
    assert "spelt" in TAX.lookup("troyan")[0].why


@pytest.mark.parametrize("word", ["", "   ", "§§§", "qqqqwwwwzzzz"])
def test_nothing_is_an_empty_answer(word) -> None:
    assert TAX.lookup(word) == ()


def test_limit_and_order() -> None:
    hits = TAX.lookup("poisoning", 5)
    assert len(hits) == 5
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


@pytest.mark.parametrize(
    "pair", [("memorisation", "memorization"), ("Clean-Label", "clean label"), ("artefacts", "artifact")]
)
def test_normal_forms_agree(pair) -> None:
    assert normal(pair[0]) == normal(pair[1])


@settings(max_examples=60, deadline=None)
@given(term=st.sampled_from([t.term for t in TAX.glossary if len(t.term) > 9]), at=st.integers(1, 7), data=st.data())
def test_one_wrong_letter_is_forgiven(term, at, data) -> None:
    """A letter replaced in a longer term still leads to a mode of the term among the first hits."""
    letter = data.draw(st.sampled_from("qxz"))
    wrong = term[:at] + letter + term[at + 1 :]
    meant = next(t for t in TAX.glossary if t.term == term)
    hits = TAX.lookup(wrong)
    assert any(set(meant.modes) & set(h.modes) or not meant.modes for h in hits), (wrong, hits)


@settings(max_examples=60, deadline=None)
@given(word=st.text(max_size=40))
def test_any_text_is_answered(word) -> None:
    for hit in TAX.lookup(word):
        assert 0 < hit.score <= 100
