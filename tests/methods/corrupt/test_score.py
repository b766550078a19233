"""AlexNet scores 100 against itself, and the published ResNet-50 row gives its published mean."""

from __future__ import annotations

import pytest

from momus.methods.corrupt import score
from momus.methods.corrupt.severities import NAMES

# Corruption errors of ResNet-50 in percent of AlexNet's, arXiv:1903.12261, table 1 (whole percents), order of NAMES.
RESNET50 = (80, 82, 83, 75, 89, 78, 80, 78, 75, 66, 57, 71, 85, 77, 77)


def test_alexnet_is_exactly_one_hundred() -> None:
    assert score.mce(score.ALEXNET) == 100.0
    assert score.relative_mce(score.ALEXNET, score.ALEXNET_CLEAN) == pytest.approx(100.0, abs=1e-12)
    assert list(score.corruption_errors(score.ALEXNET).values()) == pytest.approx([100.0] * 15, abs=1e-12)
    assert tuple(score.ALEXNET) == NAMES


def test_resnet50_comes_out_at_its_published_mean() -> None:
    errors = {name: ce / 100 * score.ALEXNET[name] for name, ce in zip(NAMES, RESNET50, strict=True)}
    assert score.mce(errors) == pytest.approx(76.7, abs=0.5)


def test_a_model_without_errors_and_one_always_wrong() -> None:
    assert score.mce(dict.fromkeys(NAMES, 0.0)) == 0.0
    assert score.mce(dict.fromkeys(NAMES, 1.0)) > 100.0
    assert score.relative_mce(dict.fromkeys(NAMES, 0.3), 0.3) == 0.0


def test_a_missing_corruption_is_an_error_not_a_better_score() -> None:
    errors = dict(score.ALEXNET)
    del errors["jpeg_compression"]
    with pytest.raises(KeyError):
        score.mce(errors)
