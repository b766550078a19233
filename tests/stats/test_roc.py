from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_curve

from momus.stats import roc


def test_curve_equals_sklearn() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(1, 1, 70).round(1), rng.normal(0, 1, 90).round(1)
    fpr, tpr, _ = roc_curve(np.repeat([1, 0], [70, 90]), np.concatenate([positive, negative]), drop_intermediate=False)
    c = roc.curve(positive, negative)
    for f in np.unique(fpr):
        assert c.at(float(f)) == pytest.approx(tpr[fpr == f].max())
        assert c.at(float(f), end="bottom") == pytest.approx(tpr[fpr == f].min())
    for f in (0.013, 0.2017, 0.777):
        assert c.at(f) == pytest.approx(np.interp(f, fpr, tpr), abs=1e-9)


def test_constant_scores_are_guessing() -> None:
    value, ci = roc.tpr_at_fpr(np.zeros(500), np.zeros(500))
    assert value == pytest.approx(0.01)
    assert ci.low <= 0.01 <= ci.high < 0.05


def test_least_negatives() -> None:
    n = roc.least_negatives()
    assert n == 437 and roc.least_negatives(0.001) == 4380
    clear = np.full(2000, 9.0)
    assert roc.tpr_at_fpr(clear, np.arange(n) / n)[1].low > 0.9
    assert roc.tpr_at_fpr(clear, np.arange(n - 1) / n)[1].low == 0.0


@pytest.mark.parametrize(("shift", "n"), [(0.0, 600), (1.5, 600), (3.0, 1500)])
def test_tpr_interval_covers_though_the_threshold_is_estimated(shift: float, n: int) -> None:
    rng = np.random.default_rng(4)
    truth = stats.norm.sf(stats.norm.isf(0.01) - shift)
    hit = 0
    for _ in range(300):
        _, ci = roc.tpr_at_fpr(rng.normal(shift, 1, n), rng.normal(0, 1, n))
        hit += ci.low <= truth <= ci.high
    assert hit >= 0.95 * 300


def test_a_plain_proportion_interval_would_not_cover() -> None:
    # Why the threshold's uncertainty must count: treating it as known misses far too often.
    from momus.stats.intervals import wilson

    rng = np.random.default_rng(5)
    truth = stats.norm.sf(stats.norm.isf(0.01) - 1.5)
    hit = 0
    for _ in range(300):
        positive, negative = rng.normal(1.5, 1, 600), rng.normal(0, 1, 600)
        value, _ = roc.tpr_at_fpr(positive, negative)
        ci = wilson(round(value * 600), 600)
        hit += ci.low <= truth <= ci.high
    assert hit < 0.7 * 300


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_difference_is_antisymmetric_and_bounded(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    value, ci = roc.difference(a, n, b, m)
    other, mirrored = roc.difference(b, m, a, n)
    assert value == pytest.approx(-other) and ci.low == pytest.approx(-mirrored.high)
    assert -1 <= ci.low <= value + 1e-12 and value - 1e-12 <= ci.high <= 1


def test_newcombe_known_value() -> None:
    # Newcombe 1998, table II (a): 56/70 - 48/80, method 10: 0.0524 to 0.3339.
    _, ci = roc.difference(56, 70, 48, 80)
    assert (ci.low, ci.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_balanced_accuracy_and_its_threshold() -> None:
    positive, negative = np.array([2.0, 3, 4, 0]), np.array([0.0, 1, 1, 3])
    t = roc.best_threshold(positive, negative)
    value, ci = roc.balanced_accuracy(positive, negative, t)
    assert t == 1.0 and value == 0.75 and ci.low < 0.75 < ci.high
    assert roc.balanced_accuracy(np.zeros(9), np.zeros(9), 0.0)[0] == 0.5


def test_empty_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="both sides"):
        roc.curve(np.array([]), np.array([1.0]))


def test_tpr_interval_reads_the_order_statistics_by_hand() -> None:
    """1,000 negatives 0..999 and 1,000 positives 0.5 above: k positives lie above the k-th largest negative."""
    negative = np.arange(1000.0)
    _, ci = roc.tpr_at_fpr(negative + 0.5, negative, 0.01)
    fewest, most = (int(stats.binom.ppf(q, 1000, 0.01)) for q in (0.0125, 0.9875))
    assert (fewest, most) == (4, 18)
    assert ci.low == pytest.approx(stats.beta.ppf(0.0125, 4, 1000 - 4 + 1))  # 4 positives above the 4th negative
    assert ci.high == pytest.approx(stats.beta.ppf(0.9875, 19 + 1, 1000 - 19))  # 19 above the 19th
