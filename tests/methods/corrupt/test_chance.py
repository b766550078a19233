"""Chance that belongs to a row: uniform, repeatable, and the same however rows are batched."""

from __future__ import annotations

import numpy as np
from scipy import stats

from momus.methods.corrupt import chance


def test_uniform_is_uniform_in_rows_and_in_places() -> None:
    rows, places = np.arange(400), np.arange(400)
    u = chance.uniform(1, "a", rows[:, None], places[None])
    assert u.shape == (400, 400) and u.min() >= 0 and u.max() < 1
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(u[:-1].ravel(), u[1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(u[:, :-1].ravel(), u[:, 1:].ravel())[0, 1]) < 0.01
    assert len(np.unique(u)) == u.size


def test_a_row_has_the_same_chance_in_every_batch() -> None:
    rows = np.arange(50)
    whole = chance.uniform(3, "a", rows[:, None], np.arange(7)[None])
    assert np.array_equal(whole[20:31], chance.uniform(3, "a", rows[20:31, None], np.arange(7)[None]))
    assert np.array_equal(whole[:, 4], chance.uniform(3, "a", rows, 4))


def test_seeds_and_streams_are_kept_apart() -> None:
    rows = np.arange(2000)
    a, b, c = (chance.uniform(s, w, rows) for s, w in ((1, "a"), (2, "a"), (1, "b")))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1 and abs(np.corrcoef(a, c)[0, 1]) < 0.1


def test_a_generator_is_the_rows_own() -> None:
    one = chance.generator(1, "noise", 5).random(4)
    assert np.array_equal(one, chance.generator(1, "noise", 5).random(4))
    assert not np.array_equal(one, chance.generator(1, "noise", 6).random(4))
