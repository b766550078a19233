"""Corruptions of sound: each severity is what it says in dB, Hz, ms, bits or semitones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods import sound
from momus.methods.corrupt.sounds import NAMES, SETTINGS, corrupt, told

RATE = 16000


def tones(n: int = 12, seconds: float = 1.0, seed: int = 0) -> NumpyArray:
    """Notes of one pitch each, the last fifth of each array silent."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    x = 0.3 * np.sin(2 * np.pi * rng.uniform(500, 900, (n, 1)) * t + rng.uniform(0, 6, (n, 1)))
    return (x * (t < 0.8 * seconds)).astype(np.float32)


def hiss(n: int = 6, seconds: float = 1.0, seed: int = 0) -> NumpyArray:
    return (0.1 * np.random.default_rng(seed).standard_normal((n, int(seconds * RATE)))).clip(-1, 1).astype(np.float32)


X = tones()


def spectrum(x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    return np.fft.rfftfreq(x.shape[1], 1 / RATE), (np.abs(np.fft.rfft(x, axis=1)) ** 2).mean(axis=0)


def note(x: NumpyArray) -> NumpyArray:
    return np.fft.rfftfreq(x.shape[1], 1 / RATE)[np.abs(np.fft.rfft(x, axis=1)).argmax(axis=1)]


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_in_any_batch(name: str) -> None:
    whole = corrupt(X, name, 3, 4, RATE)
    parts = [corrupt(X[i : i + 5], name, 3, 4, RATE, rows=np.arange(i, min(i + 5, 12)), voices=X) for i in (0, 5, 10)]
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    assert whole.dtype == np.float32 and whole.shape == X.shape and np.abs(whole).max() <= 1
    random = name not in ("telephone", "mu_law", "lossy", "clipping", "level", "quantisation")
    assert (whole.tobytes() != corrupt(X, name, 3, 5, RATE).tobytes()) == random


@pytest.mark.parametrize("name", NAMES)
def test_harm_grows_with_severity(name: str) -> None:
    x = X + hiss(12, seed=1) * 0.1 * (X != 0)
    if name in ("speed", "pitch"):  # a note has moved or not: how far is tested below
        return
    size = [float(np.square(corrupt(x, name, s, 1, RATE) - x).mean()) for s in range(1, 6)]
    assert all(a < b * 1.02 for a, b in pairwise(size)), size
    assert size[4] > 1.5 * size[0]


@pytest.mark.parametrize("name", ["white_noise", "pink_noise", "babble", "hum"])
def test_noise_is_as_loud_as_stated(name: str) -> None:
    for severity in range(1, 6):
        made = corrupt(X * 0.5, name, severity, 1, RATE)
        found = sound.signal_to_noise(made - X * 0.5, X * 0.5)
        assert np.allclose(found, SETTINGS[name][1][severity - 1], atol=0.1)
        assert not made[:, int(0.8 * RATE) :].any()  # the filling stays silent


def test_colours_of_noise() -> None:
    x = np.tile(0.2 * np.sin(2 * np.pi * 700 * np.arange(RATE) / RATE), (8, 1)).astype(np.float32)
    f, white = spectrum(corrupt(x, "white_noise", 5, 1, RATE) - x)
    _, pink = spectrum(corrupt(x, "pink_noise", 5, 1, RATE) - x)
    _, mains = spectrum(corrupt(x, "hum", 5, 1, RATE) - x)
    low, high = (f > 100) & (f < 400), (f > 4000) & (f < 7000)
    assert white[low].mean() == pytest.approx(white[high].mean(), rel=0.2)
    slope = np.polyfit(np.log(f[10:7000]), np.log(pink[10:7000]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)
    assert set(f[np.argsort(mains)[-5:]].round().tolist()) == {50.0, 100.0, 150.0, 200.0, 250.0}


def test_babble_is_made_of_the_other_clips() -> None:
    voices = np.tile(0.2 * np.sin(2 * np.pi * 1300 * np.arange(RATE) / RATE), (3, 1))
    added = corrupt(X, "babble", 3, 1, RATE, voices=voices) - X
    inside = added[:, : int(0.8 * RATE)]
    assert np.allclose(note(inside), 1300, atol=2)
    assert np.array_equal(corrupt(X, "babble", 3, 1, RATE, voices=np.zeros((2, 50))), X)


def test_a_room_decays_by_60_db_in_the_stated_time() -> None:
    click = np.zeros((40, RATE), dtype=np.float32)
    click[:, 0] = 0.5
    for severity in (1, 3):
        ms = SETTINGS["reverberation"][1][severity - 1]
        room = corrupt(click, "reverberation", severity, 1, RATE).astype(float)
        left = np.cumsum((room**2)[:, ::-1], axis=1)[:, ::-1].mean(axis=0)  # Schroeder's integral
        db = 10 * np.log10(left / left[40])
        at5, at35 = (int(np.argmax(db < -d)) for d in (5, 35))
        assert 2 * (at35 - at5) / RATE * 1000 == pytest.approx(ms, rel=0.12)
        assert np.abs(room).argmax(axis=1).max() == 0  # the direct sound comes first and is the loudest


def test_bands() -> None:
    x = hiss()
    for severity in range(1, 6):
        top = SETTINGS["telephone"][1][severity - 1]
        f, p = spectrum(corrupt(x, "telephone", severity, 1, RATE))
        inside = p[(f > 400) & (f < 0.9 * top)].mean()
        assert p[(f > 1.2 * top) | (f < 220)].mean() < 1e-3 * inside
        assert inside == pytest.approx(spectrum(x)[1][(f > 400) & (f < 0.9 * top)].mean(), rel=0.1)
    f, p = spectrum(corrupt(x, "mu_law", 1, 1, RATE))
    assert p[f > 4600].mean() < 0.01 * p[f < 3500].mean()


def test_codecs_and_converters() -> None:
    x = np.linspace(-0.9, 0.9, 4000, dtype=np.float32)[None]
    for severity in range(1, 6):
        assert (
            len(np.unique(corrupt(x, "quantisation", severity, 1, 8000)))
            <= 2 ** SETTINGS["quantisation"][1][severity - 1]
        )
        assert len(np.unique(corrupt(x, "mu_law", severity, 1, 8000))) <= 2 ** SETTINGS["mu_law"][1][severity - 1] + 1
    quiet = corrupt(x / 1000, "mu_law", 1, 1, 8000)
    assert np.abs(quiet - x / 1000).max() < 2e-4  # companding keeps the quiet fine
    pair = 0.4 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE) + 0.004 * np.sin(
        2 * np.pi * 3000 * np.arange(RATE) / RATE
    )
    for severity, heard in ((1, True), (3, False)):  # 40 dB below: kept at 60, dropped at 35
        f, p = spectrum(corrupt(pair[None], "lossy", severity, 1, RATE)[:, 2000:-2000])
        assert (p[np.abs(f - 3000).argmin()] > 1e-6 * p.max()) == heard


def test_dropouts_lose_whole_packets_at_the_stated_rate() -> None:
    x = np.full((60, 5 * RATE), 0.1, dtype=np.float32)
    for severity in range(1, 6):
        made = corrupt(x, "dropouts", severity, 1, RATE)
        packets = made.reshape(60, -1, RATE // 50)
        lost = (packets == 0).all(axis=2)
        assert np.array_equal(lost, (packets == 0).any(axis=2))
        assert lost.mean() == pytest.approx(SETTINGS["dropouts"][1][severity - 1], rel=0.25)
    begins = lost[:, 1:] & ~lost[:, :-1]
    assert lost.sum() / begins.sum() > 2.5  # in bursts


def test_levels_and_clipping() -> None:
    for severity in range(1, 6):
        quiet = corrupt(X, "level", severity, 1, RATE)
        wanted = SETTINGS["level"][1][severity - 1]
        assert 20 * np.log10(np.abs(X).max() / np.abs(quiet).max()) == pytest.approx(wanted, abs=0.6)
        assert np.allclose(quiet * 32768, np.rint(quiet * 32768), atol=1e-3)
        cut = corrupt(X, "clipping", severity, 1, RATE)
        top = np.abs(X).max(axis=1, keepdims=True) * 10 ** (-SETTINGS["clipping"][1][severity - 1] / 20)
        assert np.array_equal(np.abs(cut) >= np.abs(cut).max(axis=1, keepdims=True) * 0.9999, np.abs(X) >= top * 0.9999)
        assert np.allclose(np.abs(cut).max(axis=1), np.abs(X).max(axis=1), rtol=1e-3)


def test_speed_moves_pitch_and_length_and_pitch_keeps_the_length() -> None:
    for severity in range(1, 6):
        share = SETTINGS["speed"][1][severity - 1]
        made = corrupt(X, "speed", severity, 1, RATE)
        ratio = note(made) / note(X)
        fast = ratio > 1
        assert np.allclose(ratio[fast], 1 + share, rtol=0.01) and np.allclose(ratio[~fast], 1 - share, rtol=0.01)
        assert np.allclose(sound.lengths(made) / sound.lengths(X) * ratio, 1, rtol=0.02)
        assert fast.any() and (severity > 3 or not fast.all())
        made = corrupt(X, "pitch", severity, 1, RATE)
        moved = 12 * np.log2(note(made) / note(X))
        assert np.allclose(np.abs(moved), SETTINGS["pitch"][1][severity - 1], atol=0.15)
        assert (moved > 0).any() and (moved < 0).any()
        assert np.allclose(sound.lengths(made), sound.lengths(X), rtol=0.02)
        assert np.allclose(np.square(made).sum(axis=1), np.square(X).sum(axis=1), rtol=1e-3)


def test_a_clip_that_fills_its_array_is_never_stretched_beyond_it() -> None:
    x = np.sin(2 * np.pi * 600 * np.arange(RATE) / RATE)[None].repeat(9, axis=0) * 0.3
    x[:, -1] = 0.1
    assert (note(corrupt(x, "speed", 4, 1, RATE)) > 700).all()


@pytest.mark.parametrize("name", NAMES)
def test_silence_and_very_short_clips(name: str) -> None:
    for severity in (1, 5):
        assert not corrupt(np.zeros((2, 700)), name, severity, 0, RATE).any()
        for n in (1, 2, 10, 100):
            made = corrupt(X[:3, 50 : 50 + n], name, severity, 0, RATE)
            assert made.shape == (3, n) and np.isfinite(made).all() and np.abs(made).max() <= 1
    assert corrupt(np.zeros((0, 50)), name, 1, 0, RATE).shape == (0, 50)
    assert np.isfinite(corrupt(X[:2, :4000], name, 5, 0, 100)).all()  # a rate at which nothing much is left


@given(st.sampled_from(NAMES), st.integers(1, 5), st.integers(1, 60), st.integers(1, 50000), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_any_clip(name: str, severity: int, length: int, rate: int, seed: int) -> None:
    x = np.random.default_rng(seed).choice([0.0, 1.0, -1.0, 0.3, 1e-6], (2, length)).astype(np.float32)
    before = x.copy()
    made = corrupt(x, name, severity, seed, rate)
    assert made.shape == x.shape and np.isfinite(made).all() and np.abs(made).max() <= 1
    assert np.array_equal(x, before)


def test_wrong_names_severities_and_shapes() -> None:
    with pytest.raises(DataError, match="no corruption 'fog'"):
        corrupt(X, "fog", 1, 0, RATE)
    with pytest.raises(DataError, match="severity 9"):
        corrupt(X, "hum", 9, 0, RATE)
    with pytest.raises(DataError, match="sound must be"):
        corrupt(X[0], "hum", 1, 0, RATE)
    assert told("reverberation", 3).startswith("700 ms")
