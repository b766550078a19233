from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from momus.stats import two_sample as ts

NUMBERS = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


@given(NUMBERS, NUMBERS)
@settings(max_examples=80, deadline=None)
def test_ks_equals_scipy_under_ties(a: list[float], b: list[float]) -> None:
    assert ts.ks_statistic(np.array(a), np.array(b)) == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic)


def test_ks_p_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 3)), rng.normal(0.15, 1, size=(400, 3))
    d, p = ts.ks_columns(a, b)
    for j in range(3):
        reference = stats.ks_2samp(a[:, j], b[:, j], method="asymp")
        assert d[j] == pytest.approx(reference.statistic) and p[j] == pytest.approx(reference.pvalue)


def test_chi2_equals_scipy() -> None:
    a, b = np.array([30, 50, 20, 0]), np.array([60, 70, 70, 0])
    reference = stats.chi2_contingency(np.stack([a, b])[:, :3], correction=False).pvalue
    assert ts.chi2_p_value(a, b) == pytest.approx(reference)
    assert ts.chi2_p_value(np.array([50]), np.array([80])) == 1.0


def test_chi2_pools_what_is_rare() -> None:
    a, b = np.array([500, 480, 1, 0, 2]), np.array([490, 500, 0, 2, 1])
    pooled = stats.chi2_contingency([[500, 480, 3], [490, 500, 3]], correction=False).pvalue
    assert ts.chi2_p_value(a, b, least_expected=3.0) == pytest.approx(pooled, rel=0.05)


def test_total_variation_by_hand() -> None:
    assert ts.total_variation(np.array([50, 50]), np.array([20, 80])) == pytest.approx(0.3)


@pytest.mark.parametrize("kind", ["ks equal", "ks apart", "tv equal", "tv apart"])
def test_the_band_covers(kind: str) -> None:
    rng = np.random.default_rng(1)
    n, m, hit = 150, 220, 0
    half = ts.half_width(n, m)
    p, q = np.full(6, 1 / 6), np.array([0.3, 0.25, 0.15, 0.1, 0.1, 0.1])
    for _ in range(300):
        if kind.startswith("ks"):
            shift = 0.8 if kind.endswith("apart") else 0.0
            truth = 2 * stats.norm.cdf(shift / 2) - 1
            value, bias = ts.ks_statistic(rng.normal(size=n), rng.normal(shift, 1, m)), 0.0
        else:
            other = q if kind.endswith("apart") else p
            truth = np.abs(p - other).sum() / 2
            a, b = rng.multinomial(n, p), rng.multinomial(m, other)
            value, bias = ts.total_variation(a, b), ts.tv_bias(a, b)
        hit += value - bias - half <= truth <= value + half
    assert hit >= 0.95 * 300


def test_more_looks_widen_and_more_rows_narrow() -> None:
    assert ts.half_width(100, 100, 10) > ts.half_width(100, 100) > ts.half_width(400, 400)
    assert ts.half_width(0, 5) == 1.0


def test_the_power_statement_is_kept() -> None:
    rng = np.random.default_rng(2)
    n, looks = 400, 10
    shift = ts.as_standard_deviations(ts.least_detectable(n, n, looks))
    seen = 0
    for _ in range(300):
        d = ts.ks_statistic(rng.normal(size=n), rng.normal(shift, 1, n))
        seen += ts.ks_p_value(d, n, n) <= 0.05 / looks
    assert seen >= 0.8 * 300
    half_as_far = sum(
        ts.ks_p_value(ts.ks_statistic(rng.normal(size=n), rng.normal(shift / 2, 1, n)), n, n) <= 0.05 / looks
        for _ in range(200)
    )
    assert half_as_far < 0.5 * 200  # the statement is no empty one


def test_mmd_p_values_are_uniform_under_the_null() -> None:
    rng = np.random.default_rng(3)
    p = np.array(
        [
            ts.mmd(rng.normal(size=(60, 4)), rng.normal(size=(80, 4)), rng, features=64, permutations=99).p
            for _ in range(300)
        ]
    )
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert (p <= 0.05).mean() <= 0.09


def test_mmd_blocks_stay_exact_and_uneven() -> None:
    rng = np.random.default_rng(4)
    p = [
        ts.mmd(rng.normal(size=(500, 3)), rng.normal(size=(333, 3)), rng, features=64, permutations=99, blocks=50).p
        for _ in range(150)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_mmd_sees_what_no_column_shows() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=(1500, 2))
    b = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 1500)
    assert ts.mmd(a, b, rng, permutations=199).p <= 0.01
    assert ts.ks_columns(a, b)[1].min() > 0.001


def test_mmd_is_near_the_kernel_sum() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(400, 2)), rng.normal(1.0, 1, size=(400, 2))
    found = ts.mmd(a, b, np.random.default_rng(0), features=4096, permutations=19)
    pooled = np.concatenate([a, b])
    a, b = ((v - pooled.mean(0)) / pooled.std(0) for v in (a, b))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        square = ((x[:, None] - y[None]) ** 2).sum(-1)
        return float(np.exp(-square / (2 * found.bandwidth**2)).mean())

    exact = kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)
    assert found.value == pytest.approx(exact, rel=0.1)


def test_mmd_of_constant_columns_or_no_rows_is_no_finding() -> None:
    rng = np.random.default_rng(7)
    assert ts.mmd(np.ones((50, 3)), np.ones((50, 3)), rng, permutations=99).p == 1.0
    assert ts.mmd(np.ones((1, 3)), np.ones((50, 3)), rng).p == 1.0


@pytest.mark.slow
@pytest.mark.timeout(60)  # the peers need minutes, or more memory than there is
def test_100_000_rows_and_100_columns_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(100_000, 100)).astype(np.float32) for _ in "ab")
    b[:, 0] += 0.05
    effects, p_values = ts.ks_columns(a, b)
    assert effects.argmax() == 0 and p_values[0] < 1e-6
    assert ts.mmd(a, b, rng).p < 0.05


def test_energy_is_the_energy_distance() -> None:
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    for d in (1, 5):
        a, b = rng.normal(size=(400, d)), rng.normal(size=(300, d)) + 0.8
        pool = np.concatenate([a, b])
        one, two = ((x - pool.mean(0)) / pool.std(0) for x in (a, b))
        exact = 2 * cdist(one, two).mean() - cdist(one, one).mean() - cdist(two, two).mean()
        found = ts.energy(a, b, rng, directions=1024, cuts=64)
        assert found.value == pytest.approx(exact, rel=0.08) and found.p == 0.001


def test_energy_and_mmd_are_exact_under_no_change() -> None:
    rng = np.random.default_rng(1)
    p = np.array(
        [[f(a, b, rng, permutations=39).p for f in (ts.energy, ts.mmd)] for a, b in rng.normal(size=(200, 2, 60, 3))]
    )
    assert (p <= 0.05).mean(0).max() <= 0.1 and (p <= 0.5).mean(0).min() > 0.38


def test_energy_of_constant_and_few_rows() -> None:
    rng = np.random.default_rng(2)
    assert ts.energy(np.ones((50, 2)), np.ones((40, 2)), rng).p == 1.0
    assert ts.energy(np.ones((1, 2)), np.ones((40, 2)), rng) == ts.Energy(0.0, 1.0)
    assert ts.energy(np.zeros((50, 2)), np.ones((40, 2)), rng).p < 0.01
