"""Filters that might stop a reprogrammed model change what they are meant to change."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods.reprogram_stop import input_filters


@pytest.mark.parametrize("name", list(input_filters(np.random.default_rng(0))))
def test_every_filter_takes_detail_away_and_leaves_plain_pictures(name: str) -> None:
    change = input_filters(np.random.default_rng(0))[name]
    noise = np.random.default_rng(1).random((4, 3, 16, 16)).astype(np.float32)
    plain = np.full_like(noise, 0.5)
    assert change(noise).shape == noise.shape
    assert np.abs(change(noise) - noise).mean() > 0.02
    assert np.abs(change(plain) - plain).max() < 0.01
