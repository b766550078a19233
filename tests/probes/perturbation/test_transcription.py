"""perturbation.transcription: the number it must give, silence and other traps, and the signs it must notice."""

from __future__ import annotations

import io
import wave
from dataclasses import replace

import numpy as np
import pytest
import torch

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Limit
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.judge import decide
from momus.methods.speech import plain
from momus.targets.object_ import object_target
from momus.zoo.perturbation import _sounds as sounds

transcription = get_probe("perturbation.transcription")
WANTED = "open the door"
QUICK = {"wanted": WANTED, "steps": 30, "every": 5, "n": 4}
LIMIT = Limit(probe="perturbation.transcription", value=0.25)


def codes(m):
    return {c.code for c in m.caveats}


@pytest.fixture(scope="module")
def faint():
    return sounds.recogniser("linear", 0.01, "faint"), sounds.recordings(0, 0.01, n=16)


@pytest.fixture(scope="module")
def loud():
    return sounds.recogniser("linear", 0.3, "loud"), sounds.recordings(0, 0.3, n=16)


def test_every_clip_says_the_wanted_words(faint):
    target, samples = faint
    m = transcription(target, test=samples, **QUICK)
    assert (m.value, m.n) == (1.0, 4)
    assert codes(m) == set()
    assert m.figure("word_error_rate").value == 0
    assert m.figure("clean_word_error_rate").value == 0
    # letters stand 30 dB below the voice: to write one over another takes about half a letter and more
    assert -36.5 < m.figure("median_decibels").value < -25
    assert m.figure("median_signal_to_noise").value > 15
    assert m.scope["decibels"] == -20


def test_the_clips_in_the_evidence_are_the_proof(faint):
    target, samples = faint
    m = transcription(target, test=samples, **QUICK)
    files = {e.name: e.data for e in m.evidence if e.kind == "attachment"}
    assert len(files) == 6
    for name, data in files.items():
        with wave.open(io.BytesIO(data), "rb") as f:
            assert f.getframerate() == sounds.RATE
            clip = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float32) / 32768
        clip = np.pad(clip, (0, samples.x.shape[1] - len(clip)))[None]
        said = target.generate(target.encode(clip))[0]
        assert (plain(said) == WANTED) is name.endswith("changed.wav")
    table = next(e for e in m.evidence if e.kind == "table")
    assert [row[2] for row in table.rows] == [WANTED] * 4


def test_letters_beyond_the_bound_are_out_of_reach(loud):
    target, samples = loud
    m = transcription(target, test=samples, **QUICK)
    assert m.value == 0
    assert m.figure("word_error_rate").value > 0.5
    assert "loud-change-fails" not in codes(m)


def test_a_wider_bound_reaches_them(loud):
    target, samples = loud
    m = transcription(target, test=samples, **{**QUICK, "decibels": 0.0, "steps": 60})
    assert m.value == 1.0
    assert m.figure("median_decibels").value > -20


def test_a_broken_attack_would_be_noticed(faint, monkeypatch):
    """Were the gradient turned round, nothing would be found and nobody would pass."""
    target, samples = faint
    straight = sounds.Recogniser.sequence_gradient
    monkeypatch.setattr(
        sounds.Recogniser, "sequence_gradient", lambda s, x, w: (lambda a, b: (a, -b))(*straight(s, x, w))
    )
    m = transcription(target, test=samples, **{**QUICK, "n": 16})
    assert m.value == 0
    assert "loud-change-fails" in codes(m)
    assert decide(m, LIMIT).status == "inconclusive"


def silenced(samples: Samples, rows) -> Samples:
    x = samples.x.copy()
    x[rows] = 0
    return replace(samples, x=x)


def test_silent_clips_are_left_out_and_told(faint):
    target, samples = faint
    m = transcription(target, test=silenced(samples.take(slice(0, 4)), [1]), **QUICK)
    assert (m.n, m.value, m.figure("silent_clips").value) == (3, 1.0, 1)
    assert {c.blocks for c in m.caveats if c.code == "nothing-to-hide-in"} == {"none"}


def test_nothing_but_silence_decides_nothing(faint):
    target, samples = faint
    m = transcription(target, test=silenced(samples, slice(None)), **QUICK)
    assert m.n == 0
    assert {c.blocks for c in m.caveats if c.code == "nothing-to-hide-in"} == {"both"}
    assert decide(m, LIMIT).status == "inconclusive"
    assert m.evidence


def test_what_fills_a_clip_up_stays_silent(faint):
    target, samples = faint
    short = replace(samples, x=np.where(np.arange(3200) < 2880, samples.x, 0).astype(np.float32)).take(slice(0, 2))
    asked = []
    straight = target.held.model.generate
    target.held.model.generate = lambda x: asked.append(x.numpy().copy()) or straight(x)
    try:
        m = transcription(target, test=short, **{**QUICK, "steps": 60})
    finally:
        del target.held.model.generate
    assert m.value > 0
    assert all(not x[:, 2880:].any() for x in asked)


def test_clips_that_say_so_anyway_are_left_out(faint):
    target, samples = faint
    wanted = str(samples.y[0])
    m = transcription(target, test=samples.take(slice(0, 4)), **{**QUICK, "wanted": wanted})
    assert m.n == 3
    assert "already-wanted" in codes(m)


def test_words_it_cannot_say_are_no_pass(loud):
    """A fixed vocabulary withstands by being unable, not by being robust."""

    class Keywords:
        rate = sounds.RATE

        def generate(self, x):
            return ["yes" if v > 0 else "no" for v in np.asarray(x)[:, 0]]

        def sequence_gradient(self, x, wanted):
            return np.ones(len(x), np.float32), np.sign(np.asarray(x)) * 0.1 + np.float32(0.01)

    target = object_target(Keywords(), name="keywords", modality="audio", shape=(3200,))
    m = transcription(target, test=loud[1], **{**QUICK, "n": 16})
    assert m.value == 0
    assert "loud-change-fails" in codes(m)
    assert decide(m, LIMIT).status == "inconclusive"


def test_a_front_without_gradients_is_no_pass(loud):
    target = sounds.recogniser("stepped", 0.3, "stepped")
    m = transcription(target, test=loud[1], **{**QUICK, "n": 16})
    assert {"zero-gradients"} <= codes(m)
    assert decide(m, LIMIT).status == "inconclusive"


def test_a_recogniser_that_hears_the_same_in_all_is_no_pass(faint):
    class Deaf(sounds.Recogniser):
        def generate(self, x):
            return ["hello"] * len(x)

    deaf = object_target(Deaf(sounds.Front("linear", 0.01)), name="deaf", modality="audio", shape=(3200,))
    m = transcription(deaf, test=faint[1], **QUICK)
    assert "constant-output" in codes(m)


def test_one_clip_decides_nothing(faint):
    target, samples = faint
    m = transcription(target, test=samples.take(slice(0, 1)), **QUICK)
    assert (m.n, m.value) == (1, 1.0)
    assert "too-few-samples" in codes(m)


@pytest.mark.parametrize("queries", [0, 1, 9, 40])
def test_the_budget_is_kept_and_said(faint, queries):
    target, samples = faint
    m = transcription(target, test=samples, budget=Budget(queries=queries), **QUICK)
    assert m.cost.queries <= queries
    assert "budget-spent" in codes(m)


def test_same_seed_same_clips(faint):
    target, samples = faint
    a, b = (transcription(target, test=samples, seed=3, **QUICK) for _ in range(2))
    assert [e for e in a.evidence if e.kind == "attachment"] == [e for e in b.evidence if e.kind == "attachment"]
    assert a.figures == b.figures


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wanted": " ..! "}, "no word"),
        ({"decibels": 3.0}, "at most 0"),
        ({"decibels": float("nan")}, "finite number"),
        ({"shrink": 1.0}, "between 0 and 1"),
        ({"steps": 0}, "at least 1"),
        ({"every": 0}, "at least 1"),
        ({"n": 0}, "at least 1"),
        ({"step_size": 0.0}, "more than 0"),
    ],
)
def test_options_out_of_range(faint, options, words):
    with pytest.raises(ProbeError, match=words):
        transcription(faint[0], test=faint[1], **{**QUICK, **options})


def test_data_of_another_kind_or_rate(faint):
    target, samples = faint
    with pytest.raises(ProbeError, match="no sound"):
        transcription(target, test=Samples(x=np.zeros((3, 3200))), **QUICK)
    with pytest.raises(ProbeError, match="16000 Hz"):
        transcription(target, test=replace(samples, rate=16000), **QUICK)


def test_the_bound_is_measured_from_each_clip(faint):
    """A clip half as loud as another gets half the change."""
    target, samples = faint
    scaled = replace(samples, x=(samples.x * np.where(np.arange(16) % 2, 1.0, 0.8)[:, None]).astype(np.float32))
    m = transcription(target, test=scaled, **QUICK)
    table = next(e for e in m.evidence if e.kind == "table")
    assert all(row[3] is None or row[3] <= -20 for row in table.rows)


def test_torch_is_left_as_it_was(faint):
    before = torch.random.get_rng_state()
    transcription(faint[0], test=faint[1], **QUICK)
    assert torch.equal(before, torch.random.get_rng_state())
