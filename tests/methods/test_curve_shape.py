"""Smooth, cliff, flat, unclear: known curves get their names, and few rows get no name at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.curve_shape import falling, shape

LINE = np.linspace(0.9, 0.2, 6)


def test_a_straight_fall_is_smooth_and_a_step_is_a_cliff() -> None:
    line = shape(range(6), LINE, 1000)
    assert line.kind == "smooth" and line.share == pytest.approx(0.2) and line.fall == pytest.approx(0.7)
    step = shape(range(6), [0.9, 0.88, 0.87, 0.2, 0.18, 0.17], 1000)
    assert step.kind == "cliff" and step.at == (2.0, 3.0)
    assert step.drop == pytest.approx(0.67) and step.share == pytest.approx(0.67 / 0.73)
    assert step.ci.low > 0.5 and "between 2 and 3" in step.words


@pytest.mark.parametrize("where", range(5))
def test_a_cliff_is_found_at_every_place(where: int) -> None:
    curve = np.where(np.arange(6) <= where, 0.95, 0.1)
    found = shape(range(6), curve, 200)
    assert found.kind == "cliff" and found.at == (where, where + 1) and found.share == pytest.approx(1.0)


def test_flat_curves_are_flat_and_risers_too() -> None:
    assert shape(range(6), [0.9, 0.9, 0.89, 0.9, 0.89, 0.89], 2000).kind == "flat"
    riser = shape(range(6), [0.5, 0.6, 0.7, 0.8, 0.9, 0.95], 2000)
    assert riser.kind == "flat" and riser.share == 0.0
    assert shape(range(6), np.ones(6), 500).kind == "flat"


def test_a_dip_that_recovers_is_not_called_flat() -> None:
    assert shape(range(6), [0.9, 0.9, 0.3, 0.9, 0.9, 0.9], 1000).kind != "flat"


def test_few_rows_leave_it_open() -> None:
    assert shape(range(6), LINE, 8).kind == "unclear"
    assert shape(range(6), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5], 5).kind == "unclear"
    assert shape([0, 1, 2], [0.9, 0.9, 0.1], 1000).kind == "unclear"  # three strengths cannot tell


def test_a_wide_step_of_a_straight_line_is_no_cliff() -> None:
    strengths = np.array([0.0, 6.0, 7.0, 8.0, 9.0])
    line = shape(strengths, 0.9 - 0.08 * strengths, 5000)
    assert line.share > 0.6 and line.kind == "smooth"
    narrow = shape([0, 3, 6, 6.5, 10], [0.9, 0.9, 0.88, 0.2, 0.2], 5000)
    assert narrow.kind == "cliff" and narrow.at == (6.0, 6.5)


def test_names_hold_up_under_the_noise_they_promise_to_stand() -> None:
    """Straight lines are hardly ever called cliffs, and plain steps are mostly seen."""
    rng = np.random.default_rng(4)
    step = np.array([0.9, 0.9, 0.9, 0.15, 0.15, 0.15])
    lines = [shape(range(6), rng.binomial(100, LINE) / 100, 100).kind for _ in range(200)]
    steps = [shape(range(6), rng.binomial(100, step) / 100, 100).kind for _ in range(200)]
    assert lines.count("cliff") <= 2 and steps.count("cliff") >= 190 and steps.count("smooth") == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.integers(1, 400))
def test_what_always_holds(curve: list[float], count: int) -> None:
    found = shape(range(len(curve)), curve, count)
    assert 0 <= found.share <= 1 + 1e-9 and found.drop >= 0
    assert found.ci.low <= found.share <= found.ci.high
    assert found == shape(range(len(curve)), curve, count)
    fitted = falling(np.array([curve]), np.full(len(curve), count))[0]
    assert (np.diff(fitted) <= 1e-9).all() and abs(fitted.mean() - np.mean(curve)) < 1e-9


def test_falling_is_isotonic_regression() -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    for _ in range(20):
        a, n = rng.random(7), rng.integers(1, 50, 7)
        wanted = IsotonicRegression(increasing=False).fit_transform(np.arange(7), a, sample_weight=n)
        assert np.allclose(falling(a[None], n.astype(float))[0], wanted)


@pytest.mark.parametrize(
    ("strengths", "accuracies", "counts"),
    [
        ([0, 1], [0.5], 10),
        ([0], [0.5], 10),
        ([0, 0], [0.5, 0.5], 10),
        ([0, 1], [0.5, 1.5], 10),
        ([0, 1], [0.5, float("nan")], 10),
        ([0, 1], [0.5, 0.4], 0),
    ],
)
def test_what_is_no_curve_is_refused(strengths: list[float], accuracies: list[float], counts: int) -> None:
    with pytest.raises(ValueError):
        shape(strengths, accuracies, counts)
