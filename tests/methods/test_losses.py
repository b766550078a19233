"""Losses against plain arithmetic, in NumPy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.methods.losses import cross_entropy, margin, wrong

Z = np.array([[2.0, 5.0, 1.0], [3.0, 3.0, 0.0], [-1.0, -4.0, 7.0]])


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_margin_wrong_and_cross_entropy(library):
    z, y = library(Z), library(np.array([1, 1, 0]))
    np.testing.assert_allclose(np.asarray(margin(z, y)), [3.0, 0.0, -8.0])
    assert np.asarray(wrong(z, y)).tolist() == [False, True, True]  # of equals the first class wins
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(cross_entropy(z, y)), -np.log(p[[0, 1, 2], [1, 1, 0]]))


def test_huge_scores_do_not_overflow():
    assert cross_entropy(np.array([[1e4, -1e4]]), np.array([1]))[0] == pytest.approx(2e4)
