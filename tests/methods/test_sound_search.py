"""Random search over tones: it stays inside its rules, keeps its budget and finds what noise does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.methods.domain import Domain
from momus.methods.sound_search import _stretches, sound_search

T = 400


def band(x, low: float = 0.05, high: float = 0.15):
    """Scores of a detector that fires where much energy lies in one band: (n, 2)."""
    spectrum = np.abs(np.fft.rfft(np.asarray(x, dtype=float), axis=1)) / x.shape[1]
    at = np.fft.rfftfreq(x.shape[1])
    energy = np.sqrt((spectrum[:, (at >= low) & (at < high)] ** 2).sum(axis=1))
    return np.stack([np.full(len(x), 0.009), energy], axis=1)


@pytest.fixture
def clips():
    return np.random.default_rng(0).normal(0, 0.002, (6, T)).astype(np.float32)


def test_a_band_is_found_by_its_tone(clips) -> None:
    y = np.zeros(6, dtype=np.int64)
    found = sound_search(band, clips, y, epsilon=0.02, queries=200, rng=np.random.default_rng(1))
    assert found.fooled.all()
    assert np.abs(found.x - clips).max() <= 0.02 + 1e-6
    assert (band(found.x).argmax(axis=1) == 1).all()


def test_epsilon_too_small_finds_nothing(clips) -> None:
    y = np.zeros(6, dtype=np.int64)
    found = sound_search(band, clips, y, epsilon=0.001, queries=60, rng=np.random.default_rng(1))
    assert not found.fooled.any()
    assert (found.queries == 60).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_examples_keep_the_rules(clips, norm) -> None:
    x = clips.copy()
    x[:, 300:] = 0
    domain = Domain.sound()
    epsilon = 0.02 if norm == "linf" else 0.3
    y = np.zeros(6, dtype=np.int64)
    found = sound_search(band, x, y, epsilon=epsilon, queries=100, norm=norm, rng=np.random.default_rng(2))
    assert not (found.x[:, 300:] != 0).any()
    assert not any(np.asarray(m).any() for m in domain.like(x).check(found.x, x, epsilon, norm).values())
    assert (found.x != x).any()


def test_same_seed_same_search_in_numpy_and_torch(clips) -> None:
    y = np.zeros(6, dtype=np.int64)
    a = sound_search(band, clips, y, epsilon=0.01, queries=40, rng=np.random.default_rng(3))
    b = sound_search(
        lambda x: torch.from_numpy(band(x.numpy())), torch.from_numpy(clips), torch.from_numpy(y),
        epsilon=0.01, queries=40, rng=np.random.default_rng(3),
    )  # fmt: skip
    np.testing.assert_allclose(a.x, b.x.numpy(), atol=1e-7)


def test_a_spent_budget_returns_what_there_is(clips) -> None:
    left = [30]

    def scores(x):
        left[0] -= len(x)
        if left[0] < 0:
            raise BudgetSpent
        return band(x)

    found = sound_search(
        scores, clips, np.zeros(6, dtype=np.int64), epsilon=0.001, queries=99, rng=np.random.default_rng(1)
    )
    assert not found.complete


def test_stretches_shrink_and_reach_both_ends() -> None:
    rng = np.random.default_rng(0)
    wave, inside = _stretches(np.full(400, 0.25), 100, rng)
    assert set(np.unique(wave)) == {-1.0, 1.0}
    assert (inside.sum(axis=1) == 25).all()
    assert inside[:, 0].any()
    assert inside[:, -1].any()
    assert (_stretches(np.full(3, 1e-6), 100, rng)[1].sum(axis=1) == 8).all()
    assert (_stretches(np.ones(3), 4, rng)[1].sum(axis=1) == 4).all()
