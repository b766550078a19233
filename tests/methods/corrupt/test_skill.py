"""Skill above guessing, what is kept of it, and the scores of values and texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods.corrupt import skill


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_classes_count_alike_and_guessing_is_zero() -> None:
    y = np.array([0] * 90 + [1] * 10)
    yard = skill.of_labels(y)
    assert yard.skill((y == 0).astype(float)) == pytest.approx(0.0)  # always the commonest class
    assert yard.skill(np.ones(100)) == pytest.approx(1.0)
    hits = np.concatenate([np.ones(45), np.zeros(45), np.ones(10)])
    assert yard.skill(hits) == pytest.approx(0.5)  # Youden's J: 0.5 + 1 - 1
    assert skill.of_labels(np.arange(10)).chance == pytest.approx(0.1)


def test_the_median_guesses_and_perfect_values_score_one() -> None:
    y = np.random.default_rng(1).exponential(3, 500)
    yard, scale = skill.of_values(y)
    assert scale == pytest.approx(np.abs(y - np.median(y)).mean())
    assert yard.skill(skill.value_scores(np.full(500, np.median(y)), y, scale)) == pytest.approx(0.0)
    assert yard.skill(skill.value_scores(y, y, scale)) == pytest.approx(1.0)
    assert (skill.value_scores(y + 1e9, y, scale) == 0).all()
    constant, none = skill.of_values(np.full(5, 2.0))
    assert none == 0 and constant.chance == 0
    assert skill.value_scores(np.array([2.0, 3.0]), np.full(2, 2.0), 0.0).tolist() == [1.0, 0.0]


def test_chrf_by_hand() -> None:
    assert skill.chrf("abc", "abc") == 1.0 and skill.chrf("xyz", "abc") == 0.0
    assert skill.chrf("", "") == 1.0 and skill.chrf("", "a") == 0.0 and skill.chrf("a b", "ab") == 1.0
    # one- to three-grams: 2/2, 1/1, 0 of the answer; 2/3, 1/2, 0/1 of the reference: P = 2/3, R = 7/18
    p, r = 2 / 3, 7 / 18
    assert skill.chrf("ab", "abc") == pytest.approx(5 * p * r / (4 * p + r))
    assert skill.chrf_scores(["ab"], ["ab"]).tolist() == [1.0]


def test_word_scores() -> None:
    assert skill.word_scores(["the cat sat", "", "a b c d"], ["the cat sat", "a b", "x"]).tolist() == [1.0, 0.0, 0.0]
    assert skill.word_scores(["the cat"], ["the cat sat down"])[0] == pytest.approx(0.5)


def test_kept_is_one_without_harm_and_zero_at_guessing() -> None:
    y = np.arange(200) % 2
    yard, clean = skill.of_labels(y), np.ones(200)
    value, ci = skill.kept(clean, clean, yard, rng())
    assert value == 1.0 and 0.97 < ci.low < 1.0  # certain only as far as 200 rows go
    value, ci = skill.kept((y == 0).astype(float), clean, yard, rng())
    assert value == pytest.approx(0.0) and ci.low < 0 < ci.high
    value, _ = skill.kept(np.where(np.arange(200) < 100, 1.0, 0.5), clean, yard, rng())
    assert value == pytest.approx(0.5)
    value, _ = skill.kept(np.zeros(200), clean, yard, rng())
    assert value == pytest.approx(-1.0)  # always wrong is worse than guessing


def test_without_clean_skill_nothing_is_said() -> None:
    y = np.arange(50) % 2
    value, ci = skill.kept(np.ones(50), (y == 0).astype(float), skill.of_labels(y), rng())
    assert (value, ci.low, ci.high) == (0.0, -1.0, 1.0)


def test_the_interval_covers() -> None:
    truth, hits = 0.6, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        y = np.arange(100) % 2
        clean = (draw.random(100) < 0.95).astype(float)
        damaged = np.where(draw.random(100) < truth, clean, draw.integers(0, 2, 100))
        # skill of clean is 0.9; damaged keeps 0.6 of it and guesses otherwise
        ci = skill.kept(damaged, clean, skill.of_labels(y), draw)[1]
        hits += ci.low <= truth <= ci.high
    assert hits >= 180


@given(st.lists(st.text("abc ", max_size=8), min_size=1, max_size=5))
def test_scores_of_texts_lie_in_zero_to_one(texts: list[str]) -> None:
    for scores in (skill.chrf_scores(texts, texts[::-1]), skill.word_scores(texts, texts[::-1])):
        assert ((scores >= 0) & (scores <= 1)).all()
    assert (skill.chrf_scores(texts, texts) == 1).all()
