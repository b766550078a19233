"""AlexNet scores 100 against itself; other error rates give what exact fractions give."""

from __future__ import annotations

from fractions import Fraction

import pytest

from momus.methods.corrupt import score
from momus.methods.corrupt.severities import NAMES


def test_alexnet_is_exactly_one_hundred() -> None:
    assert score.mce(score.ALEXNET) == 100.0
    assert score.relative_mce(score.ALEXNET, score.ALEXNET_CLEAN) == pytest.approx(100.0, abs=1e-12)
    assert list(score.corruption_errors(score.ALEXNET).values()) == pytest.approx([100.0] * 15, abs=1e-12)
    assert tuple(score.ALEXNET) == NAMES


def test_scores_are_means_of_ratios_not_ratios_of_means() -> None:
    errors = {name: (3 + i) / 20 for i, name in enumerate(NAMES)}
    alexnet = {name: Fraction(str(value)) for name, value in score.ALEXNET.items()}
    own = {name: Fraction(3 + i, 20) for i, name in enumerate(NAMES)}
    clean, reference = Fraction(1, 10), Fraction("0.4345")
    plain = sum(own[n] / alexnet[n] for n in NAMES) * 100 / 15
    added = sum((own[n] - clean) / (alexnet[n] - reference) for n in NAMES) * 100 / 15
    assert score.mce(errors) == pytest.approx(float(plain), rel=1e-12)
    assert score.relative_mce(errors, 0.1) == pytest.approx(float(added), rel=1e-12)
    pooled = 100 * sum(own.values()) / sum(alexnet.values())
    assert abs(score.mce(errors) - float(pooled)) > 0.5


def test_a_model_without_errors_and_one_always_wrong() -> None:
    assert score.mce(dict.fromkeys(NAMES, 0.0)) == 0.0
    assert score.mce(dict.fromkeys(NAMES, 1.0)) > 100.0
    assert score.relative_mce(dict.fromkeys(NAMES, 0.3), 0.3) == 0.0


def test_a_missing_corruption_is_an_error_not_a_better_score() -> None:
    errors = dict(score.ALEXNET)
    del errors["jpeg_compression"]
    with pytest.raises(KeyError):
        score.mce(errors)
