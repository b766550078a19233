from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods.calibration import aurra, rms_calibration_error


def test_by_hand() -> None:
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    right = np.array([True, False, True, True])
    # Bins of two: |0.6 - 0.5| and |0.9 - 1|.
    assert rms_calibration_error(confidence, right, size=2) == pytest.approx(0.1)
    # Shares 1/4, 2/4 of the surest: all right; then the tied pair counts half each.
    assert aurra(confidence, right) == pytest.approx((1 + 1 + 2.5 / 3 + 3 / 4) / 4)


def test_the_most_confident_bin_counts() -> None:
    """The script published with ImageNet-A leaves it out; a model that is only wrong when sure would look perfect."""
    confidence = np.concatenate([np.full(100, 0.5), np.full(100, 0.99)])
    right = np.concatenate([np.arange(100) % 2 == 0, np.zeros(100, dtype=bool)])
    assert rms_calibration_error(confidence, right) == pytest.approx(0.99 / np.sqrt(2))


def test_the_last_bin_takes_what_is_left() -> None:
    assert rms_calibration_error(np.full(150, 0.7), np.ones(150, dtype=bool)) == pytest.approx(0.3)
    assert rms_calibration_error(np.array([0.7]), np.array([True])) == pytest.approx(0.3)
    assert np.isnan(rms_calibration_error(np.zeros(0), np.zeros(0))) and np.isnan(aurra(np.zeros(0), np.zeros(0)))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.randoms())
def test_order_does_not_matter(rows: list[tuple[float, bool]], chance) -> None:  # type: ignore[no-untyped-def]
    mixed = rows.copy()
    chance.shuffle(mixed)
    (c, r), (c2, r2) = (tuple(map(np.array, zip(*x, strict=True))) for x in (rows, mixed))
    assert aurra(c, r) == pytest.approx(aurra(c2, r2))
    assert 0 <= aurra(c, r) <= 1 and 0 <= rms_calibration_error(c, r, size=5) <= 1


def test_knowing_when_one_is_wrong_pays() -> None:
    right = np.arange(100) < 50
    knows, knows_not = np.where(right, 0.9, 0.1), np.where(right, 0.1, 0.9)
    assert aurra(knows, right) > 0.8 > 0.5 > aurra(knows_not, right)
    assert aurra(np.full(100, 0.5), right) == pytest.approx(0.5)
