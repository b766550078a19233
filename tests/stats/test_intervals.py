"""Known values and, above all, coverage by simulation: an interval that misses too often is a lie in every report."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from momus.stats import intervals


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 100, 0.0018, 0.0545)],
)
def test_wilson_known_values(hits: int, n: int, low: float, high: float) -> None:
    ci = intervals.wilson(hits, n)
    assert (ci.low, ci.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_agrees_with_scipy() -> None:
    for hits, n in ((3, 17), (40, 41), (200, 1000)):
        reference = stats.binomtest(hits, n).proportion_ci(method="wilson")
        ci = intervals.wilson(hits, n)
        assert (ci.low, ci.high) == (pytest.approx(reference.low), pytest.approx(reference.high))


def test_clopper_pearson_agrees_with_scipy() -> None:
    for hits, n in ((0, 9), (3, 17), (41, 41)):
        reference = stats.binomtest(hits, n).proportion_ci(method="exact")
        ci = intervals.clopper_pearson(hits, n)
        assert (ci.low, ci.high) == (pytest.approx(reference.low), pytest.approx(reference.high))


@given(st.integers(0, 200), st.integers(1, 200), st.floats(0.5, 0.999))
@settings(max_examples=60, deadline=None)
def test_proportions_contain_the_estimate_and_stay_within_bounds(hits: int, n: int, level: float) -> None:
    hits = min(hits, n)
    for interval in (intervals.wilson, intervals.clopper_pearson):
        ci = interval(hits, n, level)
        assert 0 <= ci.low <= hits / n <= ci.high <= 1
        wider = interval(hits, n, 1 - (1 - level) / 2)
        assert wider.low <= ci.low + 1e-12 and ci.high <= wider.high + 1e-12


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("n", [30, 200])
def test_exact_coverage_of_proportions(p: float, n: int) -> None:
    # No simulation needed: the coverage is a finite sum.
    hits = np.arange(n + 1)
    mass = stats.binom.pmf(hits, n, p)
    covered = {"wilson": 0.0, "clopper_pearson": 0.0}
    for name in covered:
        for k in hits[mass > 1e-12]:
            ci = getattr(intervals, name)(int(k), n)
            covered[name] += float(mass[k]) * (ci.low <= p <= ci.high)
    assert covered["clopper_pearson"] >= 0.95
    assert covered["wilson"] >= 0.92


def test_nothing_seen_means_nothing_known() -> None:
    assert (intervals.wilson(0, 0).low, intervals.wilson(0, 0).high) == (0.0, 1.0)
    assert (intervals.clopper_pearson(0, 0).low, intervals.clopper_pearson(0, 0).high) == (0.0, 1.0)


def test_student_covers() -> None:
    rng = np.random.default_rng(0)
    hit = sum(ci.low <= 3 <= ci.high for ci in (intervals.student(rng.normal(3, 2, 8)) for _ in range(1000)))
    assert 930 <= hit <= 970
    with pytest.raises(ValueError, match="two values"):
        intervals.student(np.array([1.0]))


def test_mean_of_one_value_is_wide() -> None:
    ci = intervals.mean([5.0])
    assert ci.low < 0 < 10 < ci.high


def test_bootstrap_covers_and_is_seeded() -> None:
    rng = np.random.default_rng(1)
    hit = 0
    for _ in range(120):
        sample = rng.exponential(size=60)
        ci = intervals.bootstrap(lambda v: float(np.median(v)), sample, rng=rng, draws=200)
        hit += ci.low <= np.log(2) <= ci.high
    assert hit >= 0.88 * 120
    one, two = (
        intervals.bootstrap(lambda v: float(v.mean()), sample, rng=np.random.default_rng(7), draws=50) for _ in "ab"
    )
    assert one == two


def test_bootstrap_keeps_pairs_together() -> None:
    a = np.arange(50.0)
    ci = intervals.bootstrap(
        lambda x, y: float(np.abs(x - y).max()), a, a.copy(), rng=np.random.default_rng(0), draws=50
    )
    assert (ci.low, ci.high) == (0.0, 0.0)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_equals_sklearn(ties: bool) -> None:
    rng = np.random.default_rng(2)
    positive, negative = rng.normal(0.7, 1, 80), rng.normal(0, 1, 120)
    if ties:
        positive, negative = positive.round(), negative.round()
    value, ci = intervals.auc(positive, negative)
    truth = roc_auc_score(np.repeat([1, 0], [80, 120]), np.concatenate([positive, negative]))
    assert value == pytest.approx(truth)
    assert ci.low < value < ci.high


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_delong_covers(shift: float) -> None:
    rng = np.random.default_rng(3)
    truth = stats.norm.cdf(shift / np.sqrt(2))
    hit = 0
    for _ in range(600):
        _, ci = intervals.auc(rng.normal(shift, 1, 60), rng.normal(0, 1, 60))
        hit += ci.low <= truth <= ci.high
    assert 0.93 * 600 <= hit <= 0.975 * 600


def test_perfect_separation_is_no_certainty() -> None:
    value, ci = intervals.auc(np.arange(10.0) + 100, np.arange(10.0))
    assert value == 1.0 and ci.low < 0.95


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_bootstrap_has_the_width_of_its_level(level: float) -> None:
    sample = np.random.default_rng(3).normal(size=400)
    ci = intervals.bootstrap(lambda v: float(v.mean()), sample, rng=np.random.default_rng(4), draws=4000, level=level)
    known = intervals.student(sample, level)
    assert ci.high - ci.low == pytest.approx(known.high - known.low, rel=0.06)


class TestClustered:
    """Tries of one cluster count less the more alike they are."""

    def test_independent_tries_count_as_tries(self) -> None:
        rng = np.random.default_rng(0)
        hits = rng.binomial(20, 0.3, 400)
        wide = intervals.clustered(hits, np.full(400, 20))
        plain = intervals.wilson(int(hits.sum()), 8000)
        assert wide.high - wide.low == pytest.approx(plain.high - plain.low, rel=0.15)

    def test_equal_tries_count_as_clusters(self) -> None:
        """A cluster that is hit at all its tries or at none says no more than one try."""
        hits = np.array([20] * 12 + [0] * 28)
        wide, few = intervals.clustered(hits, np.full(40, 20)), intervals.wilson(12, 40)
        assert wide.low == pytest.approx(few.low, abs=0.01) and wide.high == pytest.approx(few.high, abs=0.01)

    @pytest.mark.parametrize("p", [0, 20])
    def test_all_or_none_is_as_sure_as_the_clusters(self, p: int) -> None:
        got, few = intervals.clustered(np.full(9, p), np.full(9, 20)), intervals.wilson(9 * p // 20, 9)
        assert (got.low, got.high) == pytest.approx((few.low, few.high))

    def test_covers_what_it_should(self) -> None:
        """Shares drawn per cluster from a beta distribution with mean 0.4: at least 93 of 100 intervals hold it."""
        rng = np.random.default_rng(1)
        held = 0
        for _ in range(400):
            shares = rng.beta(0.8, 1.2, 25)
            ci = intervals.clustered(rng.binomial(10, shares), np.full(25, 10))
            held += ci.low <= 0.4 <= ci.high
        assert held / 400 >= 0.93

    def test_nothing_is_known_of_nothing(self) -> None:
        assert (
            intervals.clustered(np.zeros(0), np.zeros(0)).low,
            intervals.clustered(np.zeros(3), np.zeros(3)).high,
        ) == (0, 1)
