"""pgd, square and apgd on clips of sound: exact distances, silence, filling, loudness in the report."""

from __future__ import annotations

import io
import wave
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.targets import Target
from momus.zoo.perturbation import _sounds as sounds

pgd, square = get_probe("perturbation.pgd"), get_probe("perturbation.square")
T, RATE = 200, 8000


def linear(seed: int = 0):
    """Class 1 where <w, x> > 0, |w|_1 = 1: the Linf distance of a clip is |<w, x>|."""
    w = np.random.default_rng(seed).standard_normal(T)
    w /= np.abs(w).sum()
    model = nn.Linear(T, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(np.stack([-w, w]) * 50))
    target = Target.from_torch(
        model, name="linear", classes=("low", "high"), shape=(T,), modality="audio", rate=RATE, output="logits"
    )
    return target, w


def clips_at(w: np.ndarray, distances: np.ndarray) -> Samples:
    """Clips whose distance to the border is known; those above it are class 1."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-0.3, 0.3, (len(distances), T))
    x = x - np.outer(x @ w - distances, w) / (w @ w)
    y = (distances > 0).astype(np.int64)
    return Samples(x=x.astype(np.float32), y=y, classes=("low", "high"), rate=RATE)


def test_success_is_exactly_the_share_nearer_than_epsilon() -> None:
    target, w = linear()
    distances = np.linspace(-0.02, 0.02, 41)
    distances = distances[distances != 0]
    m = pgd(target, test=clips_at(w, distances), epsilon=0.01)
    assert m.value == pytest.approx((np.abs(distances) < 0.01).mean(), abs=0.051)
    assert m.figure("fooled_after_saving").value > 0.9


def test_loudness_is_reported_and_can_be_heard() -> None:
    target, w = linear()
    samples = clips_at(w, np.array([0.003, -0.003, 0.004, -0.004]))
    m = pgd(target, test=samples, epsilon=0.01)
    peak = np.abs(samples.x).max()
    assert m.figure("median_decibels").value <= 20 * np.log10(0.01 / peak) + 1
    files = [e for e in m.evidence if e.kind == "attachment"]
    assert len(files) == 6
    with wave.open(io.BytesIO(files[0].data), "rb") as f:
        assert (f.getframerate(), f.getnframes()) == (RATE, T)
    table = next(e for e in m.evidence if e.kind == "table")
    assert len(table.rows) == 4
    assert all(row[3] < -20 for row in table.rows)


@pytest.mark.parametrize("probe", ["pgd", "square", "apgd"])
def test_what_fills_a_clip_up_stays_silent(probe: str, monkeypatch) -> None:
    target, w = linear()
    samples = clips_at(w, np.array([0.002, -0.002]))
    x = samples.x.copy()
    x[:, 150:] = 0
    samples = replace(samples, x=x, y=(x @ w > 0).astype(np.int64))
    asked = []
    predict = type(target).predict
    monkeypatch.setattr(type(target), "predict", lambda s, a: asked.append(a) or predict(s, a))
    m = get_probe(f"perturbation.{probe}")(target, test=samples, epsilon=0.05)
    assert m.value == 1.0
    assert asked
    assert all(not bool(a[:, 150:].any()) for a in asked)


def test_silent_clips_are_told() -> None:
    target = sounds.voice_detector(sounds.Loudness(), "loudness")
    samples = sounds.voices(0, n=12)
    x = samples.x.copy()
    x[samples.y == 0] = 0
    m = pgd(target, test=replace(samples, x=x), epsilon=0.01)
    assert {c.blocks for c in m.caveats if c.code == "nothing-to-hide-in"} == {"none"}
    only = replace(samples, x=np.zeros_like(x), y=np.zeros(12, dtype=np.int64))
    m = pgd(target, test=only, epsilon=0.01)
    assert {c.blocks for c in m.caveats if c.code == "nothing-to-hide-in"} == {"both"}
    assert m.value == 0


def test_both_ways_of_being_fooled_are_shown() -> None:
    """Speech is missed and rumble becomes speech: the clips to listen to hold one of each."""
    target = sounds.voice_detector(sounds.Hiss(4), "hiss")
    m = pgd(target, test=sounds.voices(0, n=20), epsilon=0.01)
    assert m.value == 1.0
    table = next(e for e in m.evidence if e.kind == "table")
    assert {(row[1], row[2]) for row in table.rows} == {("speech", "no speech"), ("no speech", "speech")}


def test_scores_alone_make_rumble_into_speech() -> None:
    target = sounds.voice_detector(sounds.Hiss(4), "hiss")
    samples = sounds.voices(0, n=20)
    m = square(target, test=samples, epsilon=0.01, queries=100)
    assert m.value >= 0.4
    assert m.figure("median_queries").value < 50
