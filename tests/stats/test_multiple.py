from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from momus.stats.multiple import benjamini_hochberg, holm, simultaneous_level

P = np.array([0.01, 0.04, 0.03, 0.005])
VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand() -> None:
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_equals_scipy() -> None:
    assert benjamini_hochberg(P) == pytest.approx(stats.false_discovery_control(P))


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_order_is_kept_and_nothing_gets_smaller(values: list[float]) -> None:
    p = np.array(values)
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert np.all(adjusted >= p - 1e-15) and np.all(adjusted <= 1)
        order = np.argsort(p, kind="stable")
        assert np.all(np.diff(adjusted[order]) >= -1e-15)
    assert np.all(benjamini_hochberg(p) <= holm(p) + 1e-12)
    assert np.all(holm(p) <= np.minimum(1, p * len(p)) + 1e-12)


def test_holm_keeps_the_family_error() -> None:
    rng = np.random.default_rng(0)
    false = sum((holm(rng.random(20)) <= 0.05).any() for _ in range(2000))
    assert 0.035 * 2000 <= false <= 0.062 * 2000


@pytest.mark.parametrize("bad", [[0.1, float("nan")], [1.2], [[0.1]]])
def test_no_p_value_no_answer(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm(np.array(bad))


def test_simultaneous_level() -> None:
    assert simultaneous_level(0.95, 5) == pytest.approx(0.99)
    with pytest.raises(ValueError, match="looks"):
        simultaneous_level(0.95, 0)
