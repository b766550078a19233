from __future__ import annotations

import numpy as np
import pytest

from momus.methods import label_errors
from momus.methods.label_errors import NONE


def drawn(n: int, k: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities around the truth, labels of which a share is turned, and which were."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    p = rng.dirichlet(np.full(k, 0.4), n)
    p = 0.35 * p + 0.65 * np.eye(k)[truth]
    y = truth.copy()
    turned = rng.random(n) < noise
    y[turned] = (y[turned] + rng.integers(1, k, int(turned.sum()))) % k
    return p, y, turned


def test_thresholds_and_joint_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]])
    found = label_errors.joint(p, np.array([0, 0, 0, 1, 1]))
    assert found.thresholds.tolist() == pytest.approx([0.6, 0.8])
    # Row 2 carries label 0 and reaches class 1's threshold; row 4 reaches none.
    assert found.confident.tolist() == [0, 0, 1, 1, NONE]
    np.testing.assert_allclose(found.counts, [[2, 1], [0, 2]])
    assert found.noise_rate == pytest.approx(1 / 5)


@pytest.mark.parametrize("k", [2, 10])
@pytest.mark.parametrize("method", ["confident", "noise_rate"])
def test_planted_errors_are_found(k: int, method) -> None:  # type: ignore[no-untyped-def]
    p, y, turned = drawn(4000, k, 0.1)
    found = label_errors.find(p, y, method=method)
    recall = (found.wrong & turned).sum() / turned.sum()
    precision = (found.wrong & turned).sum() / found.wrong.sum()
    assert precision > 0.9 and recall > (0.4 if method == "confident" else 0.85)
    assert found.joint.noise_rate == pytest.approx(0.1, abs=0.05)
    assert found.joint.counts.sum() == pytest.approx(4000)
    np.testing.assert_allclose(found.joint.counts.sum(axis=1), np.bincount(y, minlength=k))


def test_clean_labels_are_left_alone() -> None:
    p, y, _ = drawn(3000, 5, 0.0)
    assert label_errors.find(p, y).wrong.mean() < 0.01


def test_the_direction_of_confusion_is_told() -> None:
    """Sevens labelled one, and never ones labelled seven: the joint is not symmetric."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 4000)
    p = np.where(truth[:, None] == [0, 1], 0.85, 0.15) + rng.uniform(-0.1, 0.1, (4000, 1)) * [1, -1]
    y = np.where((truth == 1) & (rng.random(4000) < 0.2), 0, truth)
    counts = label_errors.joint(p, y).counts
    assert counts[0, 1] > 150 and counts[1, 0] < 20


def test_a_class_without_rows_and_no_rows() -> None:
    p, y, _ = drawn(300, 3, 0.1)
    wide = np.pad(p, ((0, 0), (0, 1)))
    found = label_errors.find(wide, y)
    assert np.isinf(found.joint.thresholds[3]) and not (found.joint.confident == 3).any()
    assert not label_errors.find(np.zeros((0, 2)), np.zeros(0, dtype=int)).wrong.size
    with pytest.raises(ValueError, match="labels from 0 to 3"):
        label_errors.joint(np.ones((2, 3)) / 3, np.array([0, 3]))


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    p, y, _ = drawn(1000, 4, 0.15)
    whole = label_errors.find(p, y)
    monkeypatch.setattr(label_errors, "ROWS", 77)
    parts = label_errors.find(p, y)
    np.testing.assert_array_equal(whole.wrong, parts.wrong)
    np.testing.assert_array_equal(whole.joint.confident, parts.joint.confident)


def test_planting_turns_what_it_says() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 100)
    counts = np.eye(4) * 90
    counts[0, 1] = 10
    out, rows = label_errors.planted(y, np.arange(200), counts, 0.25, rng)
    assert len(rows) == 50 and (rows < 200).all()
    assert (out[rows] != y[rows]).all() and (np.delete(out, rows) == np.delete(y, rows)).all()
    zeros = out[rows][y[rows] == 0]
    assert (zeros == 1).mean() > 0.4  # as annotators confuse them
    assert label_errors.planted(y, np.zeros(0, dtype=int), counts, 0.5, rng)[1].size == 0
