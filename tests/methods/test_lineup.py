from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.lineup import halves, panel, picked


def by_hand(similar: np.ndarray, own: int, size: int) -> float:
    """Every line-up drawn one by one; ties are shared."""
    others = [j for j in range(len(similar)) if j != own]
    wins = []
    for drawn in combinations(others, size - 1):
        rivals = similar[list(drawn)]
        tied = int((rivals == similar[own]).sum())
        wins.append(0.0 if (rivals > similar[own]).any() else 1 / (1 + tied))
    return float(np.mean(wins))


@given(st.lists(st.integers(0, 4), min_size=5, max_size=8), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_all_lineups_at_once_are_all_lineups_one_by_one(values: list[int], size: int) -> None:
    row = np.array([values], dtype=float)
    for own in range(len(values)):
        assert picked(row, np.array([own]), size)[0] == pytest.approx(by_hand(row[0], own, size))


def test_one_picture_for_everybody_is_a_guess() -> None:
    rng = np.random.default_rng(0)
    row = np.repeat(rng.normal(size=(1, 12)), 12, axis=0)
    assert picked(row, np.arange(12), 5).mean() == pytest.approx(0.2)
    assert picked(np.zeros((12, 12)), np.arange(12), 5) == pytest.approx(0.2)


def people(seed: int, people: int = 14, each: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(people, 12))
    y = np.repeat(np.arange(people), each)
    return own[y] + 0.2 * rng.normal(size=(len(y), 12)), y


def test_the_panel_knows_real_rows_and_a_likeness() -> None:
    x, y = people(0)
    made = panel(x, y, 5, np.random.default_rng(0))
    assert np.nanmean(made.real(3)) > 0.9
    likeness = np.stack([x[y == c].mean(axis=0) for c in range(14)])
    assert np.nanmean(made.judge(likeness, np.arange(14), 3)) > 0.95
    assert np.nanmean(made.judge(likeness[::-1], np.arange(14), 3)) < 0.3


def test_nobody_is_judged_by_a_recogniser_that_learned_from_them() -> None:
    x, y = people(1)
    made = panel(x, y, 5, np.random.default_rng(0))
    assert sorted(np.bincount(made.half)) == [7, 7]
    for h, judge in enumerate(made.judges):
        other = x[made.half[y] != h]
        np.testing.assert_allclose(judge.middle, other.mean(axis=0))
    assert not halves(9, 5, np.random.default_rng(0)).any(), "nine people do not fill two line-ups of five"


def test_a_real_photograph_is_never_compared_with_itself() -> None:
    """People whose photographs have nothing in common cannot be recognised."""
    x = np.random.default_rng(0).normal(size=(60, 12))
    made = panel(x, np.repeat(np.arange(20), 3), 5, np.random.default_rng(0))
    assert np.nanmean(made.real(3)) < 0.45


def test_people_with_fewer_photographs_stand_in_fewer_lineups() -> None:
    x, y = people(2)
    keep = (y != 3) | (np.arange(len(y)) == np.flatnonzero(y == 3)[0])
    made = panel(x[keep], y[keep], 5, np.random.default_rng(0))
    each = made.judge(x[[0, 9]], np.array([0, 3]), 3)
    assert np.isfinite(each).sum(axis=1).tolist() == [3, 1]
    assert np.isnan(made.real(3)[3]).all()
