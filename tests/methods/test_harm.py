from __future__ import annotations

import numpy as np
import pytest

from momus.core.records import Interval
from momus.methods import harm, harm_causes, importance, label_shift


def test_weights_are_the_ratio_of_two_normals() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4000, 2)), rng.normal(size=(4000, 2)) + np.array([0.7, 0])
    found = importance.density_ratio(a, b, rng)
    true = np.exp(0.7 * a[:, 0] - 0.7**2 / 2)
    assert np.corrcoef(found.weights, true)[0, 1] > 0.8 and found.weights.mean() == pytest.approx(1)
    assert found.weights @ a[:, 0] / 4000 == pytest.approx(0.7, abs=0.15)
    assert found.effective == pytest.approx(4000 * np.exp(-(0.7**2)), rel=0.25) and found.outside_share == 0


def test_nothing_to_tell_leaves_all_weights_at_one() -> None:
    rng = np.random.default_rng(1)
    found = importance.density_ratio(rng.normal(size=(500, 4)), rng.normal(size=(400, 4)), rng)
    assert found.effective > 450 and found.outside_share < 0.02
    with pytest.raises(ValueError, match="4 rows"):
        importance.density_ratio(np.zeros((3, 1)), np.zeros((9, 1)), rng)


@pytest.mark.parametrize("how", ["far off", "constant that moved", "told apart"])
def test_rows_that_no_reference_row_stands_for_are_outside(how: str) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(800, 5)), rng.normal(size=(700, 5))
    if how == "far off":
        b[:, 0] += 12
    elif how == "constant that moved":
        a[:, 4], b[:, 4] = 0.0, 0.01
    else:  # each column within its range, and yet two separate clouds
        a[:, :2] = rng.choice([-1, 1], (800, 1)) * 1.0 + 0.1 * a[:, :2]
        b[:, :2] = rng.choice([-1, 1], (700, 1)) * np.array([1.0, -1.0]) + 0.1 * b[:, :2]
    assert importance.density_ratio(a, b, rng).outside_share > 0.8


def test_shares_of_classes_are_found_without_labels() -> None:
    rng = np.random.default_rng(3)
    y, now = rng.choice(3, 4000, p=(0.6, 0.3, 0.1)), rng.choice(3, 4000, p=(0.2, 0.3, 0.5))
    chance = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]])
    said, asked = (np.array([rng.choice(3, p=chance[c]) for c in v]) for v in (y, now))
    wrong = (said != y).astype(float)
    found = label_shift.estimate(np.eye(3)[said], y, wrong, np.eye(3)[asked], rng, draws=100)
    assert found.shares == pytest.approx([0.2, 0.3, 0.5], abs=0.05) and found.p < 1e-6 and found.usable
    assert found.ci.low < 1 - (0.2 * 0.8 + 0.3 * 0.7 + 0.5 * 0.6) < found.ci.high
    with pytest.raises(ValueError, match="50 classes"):
        label_shift.estimate(np.eye(60), np.arange(60), np.zeros(60), np.eye(60), rng)


def test_outputs_that_tell_no_classes_apart_are_of_no_use() -> None:
    rng = np.random.default_rng(4)
    even = np.full((300, 2), 0.5)
    found = label_shift.estimate(even, rng.integers(0, 2, 300), np.zeros(300), even, rng, draws=5)
    assert not found.usable


def test_returning_the_column_that_moved_undoes_the_loss() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.normal(size=2000), rng.normal(size=2000) + 1
    expected = 0.1 + 0.2 * (after > 1)
    assert harm.undone(before, after, expected) == pytest.approx(0.2 * (0.5 - 0.16), abs=0.02)
    assert abs(harm.undone(before, rng.normal(size=2000), expected)) < 0.02
    assert harm.undone(np.full(5, np.nan), after, expected) == 0.0
    codes, now = rng.integers(0, 2, 2000), (rng.random(2000) < 0.9).astype(int)
    assert harm.undone(codes, now, 0.3 * now, categories=True) == pytest.approx(0.3 * 0.4, abs=0.02)


def test_the_confidence_threshold_counts_rows_that_fall_below_it() -> None:
    before, wrong = np.linspace(0.0, 1.0, 1000), (np.arange(1000) < 200).astype(float)
    for after, expected in ((before, 0.2), (np.full(500, 0.9), 0.0), (np.full(500, 0.1), 1.0)):
        assert harm.threshold_estimate(before, wrong, after).value == pytest.approx(expected, abs=0.002)
    assert harm.threshold_estimate(before, np.zeros(1000), before).value == 0


def test_rows_outside_open_the_interval() -> None:
    ci = Interval(low=0.1, high=0.2)
    assert harm.together(0.15, [ci], 0.0).high == 0.2
    opened = harm.together(0.15, [ci], 0.5)
    assert (opened.low, opened.high) == pytest.approx((0.05, 0.6))


def test_what_the_better_explanation_leaves() -> None:
    now = (0.3, Interval(low=0.28, high=0.32))
    far, near = (0.1, Interval(low=0.08, high=0.12)), (0.27, Interval(low=0.2, high=0.34))
    gap, ci = harm_causes.unexplained(now, [far, near])
    assert gap == pytest.approx(0.03) and ci.low < 0 < gap < ci.high < 0.2
    assert harm_causes.unexplained(now, [far])[1].low > 0.15


def test_classes_without_a_labelled_row_are_not_guessed() -> None:
    assert harm_causes.error_if_classes_moved(np.zeros(3), np.zeros(3, int), np.array([0, 1]), 2) is None
    value, ci = harm_causes.error_if_classes_moved(  # type: ignore[misc]
        np.repeat([0.0, 1.0], 500), np.repeat([0, 1], 500), np.repeat([0, 1], [100, 300]), 2
    )
    assert value == 0.75 and ci.low < 0.75 < ci.high
    assert harm_causes.classes_look_different(np.zeros((3, 1)), np.zeros(3), np.zeros((3, 1)), np.ones(3)) == (1.0, 0)


def test_a_model_of_errors_that_is_wrong_is_corrected_by_weighted_rows() -> None:
    """Errors that the model of errors misses come back through the labelled rows that resemble the current ones."""
    wrong = np.repeat([0.0, 1.0], [500, 500])
    blind = harm.Expected(before=np.full(1000, 0.5), after=np.full(400, 0.5))
    weights = np.repeat([0.4, 1.6], [500, 500])
    ratio = importance.Ratio(weights, 700.0, np.zeros(400, dtype=bool), 0.0)
    assert harm.confidence_estimate(blind, wrong).value == pytest.approx(0.5)
    assert harm.corrected_estimate(blind, wrong, ratio).value == pytest.approx(0.8)
    assert harm.weighted_estimate(wrong, ratio).value == pytest.approx(0.8)
