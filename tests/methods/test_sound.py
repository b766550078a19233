"""Decibels, signal to noise, lengths, rounding to 16 bits, WAV bytes, envelopes: numbers one can do by hand."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from momus.methods import sound


@pytest.mark.parametrize(("ratio", "db"), [(1.0, 0.0), (0.1, -20.0), (0.01, -40.0), (2.0, 6.0206), (0.0, -np.inf)])
def test_decibels(ratio: float, db: float) -> None:
    assert sound.decibels(np.array([ratio]))[0] == pytest.approx(db, abs=1e-4)
    if ratio:
        assert sound.amplitude(db) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_loudness_is_that_of_the_loudest_samples(library) -> None:
    x = library(np.array([[0.5, -0.25], [0.0, 0.0], [0.2, 0.1], [0.0, 0.0]]))
    change = library(np.array([[0.0, -0.05], [0.0, 0.1], [0.0, 0.0], [0.0, 0.0]]))
    found = sound.loudness(change, x)
    assert found.tolist() == pytest.approx([-20.0, np.inf, -np.inf, -np.inf])


def test_signal_to_noise_is_in_energy() -> None:
    x, change = np.ones((2, 100)), np.zeros((2, 100))
    change[0, :25] = 0.2  # a quarter of the time, a twenty-fifth of the power: 1 / 100
    assert sound.signal_to_noise(change, x)[0] == pytest.approx(20.0)
    assert np.isinf(sound.signal_to_noise(change, x)[1])


def test_lengths_end_at_the_last_sample_that_is_heard() -> None:
    x = np.array([[0.0, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1.0]])
    assert sound.lengths(x).tolist() == [2, 0, 4]
    assert sound.within(np.array([2, 0, 4]), x).sum(axis=1).tolist() == [2, 0, 4]
    assert len(sound.lengths(np.zeros((0, 3)))) == 0


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30))
def test_rounding_is_what_a_file_does(values: list[float]) -> None:
    x = np.array([values], dtype=np.float32)
    kept = sound.quantised(x)
    assert np.abs(kept - x).max() <= 1 / 32768
    with wave.open(io.BytesIO(sound.wav(x[0], 8000)), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        whole = np.frombuffer(file.readframes(len(values)), "<i2")
    np.testing.assert_array_equal(whole / 32768, kept[0])


def test_an_envelope_follows_the_clip() -> None:
    x = np.concatenate([np.full(500, 0.1), np.full(500, 1.0), np.zeros(500)])
    at, level = sound.envelope(x, 1000, points=15)
    assert len(at) == 15
    assert level[:5] == pytest.approx(np.full(5, -20.0))
    assert level[5:10] == pytest.approx(np.zeros(5))
    assert (level[10:] == -100).all()
    assert len(sound.envelope(np.zeros(0), 1000)[0]) == 0
