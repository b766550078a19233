from __future__ import annotations

import numpy as np
import pytest

from momus.methods import label_errors_witness as witness
from momus.methods.label_errors_witness import LABEL, MODEL, UNCLEAR, Share, Trust
from momus.zoo import torch_digits


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 4)) + 3 * np.eye(4)[y]).astype(np.float32), y


def test_no_row_speaks_about_itself() -> None:
    """With labels that mean nothing an honest witness guesses; one that saw the row would know."""
    x, _ = blobs(600)
    y = np.random.default_rng(5).integers(0, 2, 600)
    p = witness.testimony(x, y, 2, np.random.default_rng(0))
    assert p is not None and abs((p.argmax(1) == y).mean() - 0.5) < 0.08
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


def test_it_learns_what_can_be_learned_and_keeps_to_the_classes() -> None:
    x, y = blobs(900)
    p = witness.testimony(x, y, 5, np.random.default_rng(0))
    assert p is not None and p.shape == (900, 5) and (p.argmax(1) == y).mean() > 0.9
    assert p[:, 3:].max() < 0.05
    assert witness.testimony(x, np.zeros(900, dtype=int), 2, np.random.default_rng(0)) is None
    assert witness.testimony(x[:10], y[:10], 3, np.random.default_rng(0)) is None


def test_three_verdicts() -> None:
    evidence = np.array([[0.9, 0.1], [0.95, 0.05], [0.1, 0.9], [0.05, 0.95], [0.52, 0.48]])
    y = np.array([0, 0, 1, 0, 1])
    said = np.array([0, 1, 1, 1, 0])
    told, _ = witness.verdicts(np.tile(evidence, (20, 1)), np.tile(y, 20), np.tile(said, 20))
    assert told[1] == MODEL  # the model says 1, label and witnesses 0
    assert told[3] == LABEL  # the model says 1, the label 0, witnesses 1
    assert told[4] in (UNCLEAR, LABEL)


def test_a_turned_label_is_noticed_and_a_blind_spot_is_not_excused() -> None:
    x, y = blobs(1500)
    said = y.copy()
    said[:200] = (said[:200] + 1) % 3  # the model is wrong here
    noisy = y.copy()
    noisy[200:300] = (noisy[200:300] + 1) % 3  # the labels are wrong here
    evidence = witness.testimony(x, noisy, 3, np.random.default_rng(0))
    assert evidence is not None
    told, found = witness.verdicts(evidence, noisy, said)
    assert (told[:200] == MODEL).mean() > 0.85 and (told[200:300] == LABEL).mean() > 0.8
    trust = witness.trust(x, noisy, np.flatnonzero(said == noisy), found.counts, [], np.random.default_rng(1))
    assert trust is not None and trust.recall > 0.8 and trust.passed / trust.flips < 0.2
    assert trust.flips == round(0.05 * 1200) and trust.honest == 1200 - trust.flips


def test_shares_are_corrected_for_what_slips_through() -> None:
    share = Share(n=1000, disputed=100, doubtful=60, model=30, unclear=10)
    assert share.estimate(None) == (30, 30, 40)
    told = Trust(flips=100, found=75, passed=10, honest=900, doubted=90)
    best, proven, possible = share.estimate(told)
    # 60 / 0.75 = 80 label errors, a tenth of which passed for the model's; one good label in ten is doubted.
    assert best == proven == pytest.approx(22) and possible == pytest.approx(40 / 0.9)
    naive = Trust(flips=100, found=75, passed=0, honest=900, doubted=300)
    assert share.estimate(naive)[2] == 100


def test_a_witness_who_finds_nothing_cannot_prove_anything_away() -> None:
    share = Share(n=1000, disputed=50, doubtful=0, model=50, unclear=0)
    assert share.estimate(Trust(20, 0, 20, 100, 0))[0] == 50


def test_neighbours_by_hand() -> None:
    known = np.array([[0.0], [0.1], [5.0], [5.1]], dtype=np.float32)
    p = witness.neighbours(known, np.array([0, 0, 1, 1]), np.array([[0.05], [5.2]], dtype=np.float32), 2, near=2)
    np.testing.assert_allclose(p, [[2.5 / 3, 0.5 / 3], [0.5 / 3, 2.5 / 3]], rtol=1e-6)


def test_features_of_small_pictures_tell_digits_apart() -> None:
    samples = torch_digits.samples(400)
    made = witness.features(samples, np.random.default_rng(0))
    assert np.isfinite(made).all()
    p = witness.testimony(made, np.asarray(samples.y), 10, np.random.default_rng(0))
    assert p is not None and (p.argmax(1) == samples.y).mean() > 0.85
