"""The digits models: the same for a seed, kept, and retrained where the cache is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from momus.zoo import torch_digits
from momus.zoo.torch_digits import Recipe

TINY = Recipe(side=8, epochs=1, hidden=8, kind="mlp")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "momus" / "zoo"


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_same_weights_for_a_seed_and_from_the_cache(cache):
    state = torch.random.get_rng_state()
    first = weights(torch_digits.model(TINY))
    assert torch.equal(state, torch.random.get_rng_state())  # nobody else's randomness is touched
    assert len(list(cache.iterdir())) == 1
    assert torch.equal(first, weights(torch_digits.model(TINY)))
    assert torch.equal(first, weights(torch_digits.train(TINY)))
    assert not torch.equal(first, weights(torch_digits.model(TINY, seed=1)))


def test_a_broken_cache_file_is_replaced(cache):
    first = weights(torch_digits.model(TINY))
    (file,) = cache.iterdir()
    file.write_bytes(b"not a model")
    assert torch.equal(first, weights(torch_digits.model(TINY)))
    assert file.stat().st_size > 100


def test_samples_are_pictures_as_a_reader_gives_them():
    s = torch_digits.samples(10, side=8)
    assert s.x.shape == (10, 8, 8, 1)
    assert s.x.dtype == np.uint8
    assert s.is_image
    assert s.y.max() < 10


def test_hardening_changes_the_weights():
    plain, hard = torch_digits.train(TINY), torch_digits.train(replace(TINY, epsilon=0.2, inner=1))
    assert not torch.equal(weights(plain), weights(hard))
