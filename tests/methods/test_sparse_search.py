"""Sparse search where the smallest number of pixels is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.methods.sparse_search import changed, sparse_search, take_back


def mean_model(needed, h=5, w=8, channels=1):
    """Grey pictures of 0.5 and scores that turn when the mean rises by more than what ``needed - 1`` pixels can do."""
    x = np.full((3, channels, h, w), 0.5, dtype=np.float32)
    rise = 0.5 * (needed - 0.5) / (h * w)

    def scores(points):
        up = points.mean(axis=(1, 2, 3)) - 0.5 - rise
        return np.stack([-up, up], axis=1)

    return x, np.zeros(3, dtype=np.int64), scores


@pytest.mark.parametrize("needed", [1, 4, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_known_number_of_pixels_is_found_and_one_less_is_not(needed, channels):
    x, y, scores = mean_model(needed, channels=channels)
    won = sparse_search(scores, x, y, pixels=needed, queries=1500, rng=np.random.default_rng(0))
    lost = sparse_search(scores, x, y, pixels=needed - 1, queries=300, rng=np.random.default_rng(0))
    assert won.fooled.all()
    assert (changed(won.x, x).sum(axis=1) == needed).all()
    assert not lost.fooled.any()
    assert won.x.min() >= 0
    assert won.x.max() <= 1


@pytest.mark.parametrize("pixels", [6, 20, 40])
def test_pixels_that_are_not_needed_are_taken_back(pixels):
    x, y, scores = mean_model(4)
    found = sparse_search(scores, x, y, pixels=pixels, queries=3000, rng=np.random.default_rng(0))
    assert found.fooled.all()
    few = take_back(lambda p, i: scores(p)[:, 1] > 0, found.x, x, rng=np.random.default_rng(0))
    assert few.complete
    assert (few.places <= changed(found.x, x).sum(axis=1)).all()
    assert (scores(few.x)[:, 1] > 0).all()
    assert (few.places == 4).all()


@pytest.mark.parametrize("queries", [0, 1, 2, 50])
def test_rows_are_counted_and_kept(queries):
    x, y, scores = mean_model(30)
    asked = []

    def counted(points):
        asked.append(len(points))
        return scores(points)

    found = sparse_search(counted, x, y, pixels=3, queries=max(queries, 1), rng=np.random.default_rng(0))
    assert sum(asked) == found.queries.sum() == 3 * max(queries, 1)
    assert not found.fooled.any()


def test_inputs_that_are_wrong_already_are_not_touched():
    x, y, scores = mean_model(2)
    found = sparse_search(scores, x, y + 1, pixels=5, queries=50, rng=np.random.default_rng(0))
    assert (found.queries == 1).all()
    np.testing.assert_array_equal(found.x, x)


def test_a_white_pixel_becomes_black_and_not_white_again():
    x = np.ones((2, 3, 4, 4), dtype=np.float32)

    def scores(points):
        dark = (points < 0.5).all(axis=1).sum(axis=(1, 2)) - 1.5
        return np.stack([-dark, dark], axis=1)

    found = sparse_search(scores, x, np.zeros(2, int), pixels=2, queries=400, rng=np.random.default_rng(0))
    assert found.fooled.all()


def test_a_spent_budget_returns_the_best_so_far():
    x, y, scores = mean_model(14)
    left = [200]

    def metered(points):
        if left[0] < len(points):
            raise BudgetSpent
        left[0] -= len(points)
        return scores(points)

    found = sparse_search(metered, x, y, pixels=12, queries=5000, rng=np.random.default_rng(0))
    assert not found.complete

    def spent(points, index):
        raise BudgetSpent

    kept = take_back(spent, found.x, x, rng=np.random.default_rng(0))
    assert not kept.complete
    np.testing.assert_array_equal(kept.x, found.x)


def test_tensors_find_the_same_as_arrays():
    x, y, scores = mean_model(4)
    plain = sparse_search(scores, x, y, pixels=5, queries=300, rng=np.random.default_rng(1))

    def native(points):
        return torch.as_tensor(scores(points.numpy()))

    found = sparse_search(
        native, torch.as_tensor(x), torch.as_tensor(y), pixels=5, queries=300, rng=np.random.default_rng(1)
    )
    np.testing.assert_array_equal(found.x.numpy(), plain.x)
    np.testing.assert_array_equal(found.queries, plain.queries)


def test_none_and_more_pixels_than_there_are():
    x, y, scores = mean_model(4, 2, 3)
    assert len(sparse_search(scores, x[:0], y[:0], pixels=2, queries=10, rng=np.random.default_rng(0)).x) == 0
    found = sparse_search(scores, x, y, pixels=99, queries=500, rng=np.random.default_rng(0))
    assert found.fooled.all()
    assert len(take_back(lambda p, i: np.ones(len(p), bool), x[:0], x[:0], rng=np.random.default_rng(0)).places) == 0
