from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from momus.methods import rmia
from momus.methods import shadow_models as sm
from momus.stats import intervals, roc


def known(n: int, models: int, seed: int, *, gain: float, spread: float = 1.0):  # type: ignore[no-untyped-def]
    """Log-odds difficulty + gain if inside + normal noise: the optimal attack is a threshold on the noise alone."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 3, n)
    inside = sm.halves(n, range(models), seed)
    z = difficulty + gain * inside + spread * rng.normal(size=(models, n))
    own = difficulty + gain * (np.arange(n) < n // 2) + spread * rng.normal(size=n)
    p, q = (np.stack([1 / (1 + np.exp(v)), 1 / (1 + np.exp(-v))], axis=-1) for v in (z, own))
    return sm.Shadows(p, inside, False), q, np.ones(n, int)


def best(gain: float, rate: float) -> float:
    """ROC of the optimal likelihood ratio between two normal distributions ``gain`` apart."""
    return float(norm.sf(norm.isf(rate) - gain))


def test_the_likelihood_ratio_attack_reaches_the_optimum() -> None:
    n, gain = 20_000, 1.5
    shadows, p, y = known(n, 64, 0, gain=gain)
    s = sm.likelihood_ratio(shadows, p, y, per_row_from=99)
    half = n // 2
    area = intervals.auc(s.online[:half], s.online[half:])[0]
    assert area == pytest.approx(norm.cdf(gain / np.sqrt(2)), abs=0.012)
    for rate in (0.01, 0.05, 0.2):
        found = roc.tpr_at_fpr(s.online[:half], s.online[half:], rate)[0]
        assert found == pytest.approx(best(gain, rate), rel=0.15)
        assert found <= best(gain, rate) + 0.02, "nothing beats the optimum"


def test_the_relative_attack_comes_near_it_with_few_models() -> None:
    n, gain = 20_000, 1.5
    shadows, p, y = known(n, 16, 1, gain=gain)
    half = n // 2
    optimum = norm.cdf(gain / np.sqrt(2))
    plain = intervals.auc(p[:half, 1], p[half:, 1])[0]
    online = rmia.ratios(p, y, shadows, a=None)
    a = rmia.choose_a(shadows, y)
    offline = [rmia.ratios(p, y, shadows, a=a, most=k) for k in (1, 2, 4)]
    areas = [intervals.auc(s[:half], s[half:])[0] for s in (online, *offline)]
    assert plain < 0.67 and optimum > 0.85
    assert areas[0] > 0.78 and areas[0] <= optimum
    assert plain + 0.05 < areas[1] < areas[2] < areas[3], "one reference helps, more help more"


def test_no_gain_no_attack() -> None:
    shadows, p, y = known(4000, 8, 2, gain=0.0)
    for a in (None, 0.3, rmia.choose_a(shadows, y)):
        s = rmia.ratios(p, y, shadows, a=a)
        _, ci = intervals.auc(s[:2000], s[2000:], 0.999)
        assert ci.low <= 0.5 <= ci.high


def test_by_hand() -> None:
    said = np.array([[0.8, 0.4], [0.2, 0.6]])
    inside = np.array([[True, False], [False, True]])
    assert rmia.at_large(said, inside, a=None) == pytest.approx([0.5, 0.5])
    assert rmia.at_large(said, inside, a=0.5) == pytest.approx([(0.2 + 0.1 + 0.5) / 2, (0.4 + 0.2 + 0.5) / 2])
    p = np.array([[0.1, 0.9], [0.7, 0.3]])
    shadows = sm.Shadows(np.stack([1 - said, said], axis=-1), inside, False)
    assert rmia.ratios(p, np.array([1, 1]), shadows, a=None) == pytest.approx(np.log([0.9 / 0.5, 0.3 / 0.5]))
    assert rmia.likelihoods(np.zeros((2, 2)), np.array([0, 1])).min() > 0


def test_pairs_won_is_the_pairwise_attack_written_out() -> None:
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=50), rng.normal(size=70)
    for gamma in (1.0, 2.0):
        slow = (np.exp(x)[:, None] / np.exp(z)[None, :] >= gamma).mean(1)
        assert rmia.pairs_won(x, z, gamma) == pytest.approx(slow)
    won = rmia.pairs_won(x, z)
    assert (np.diff(won[np.argsort(x)]) >= 0).all(), "the same order as the ratio, hence the same curve"


def test_a_threshold_from_the_population_keeps_its_promise() -> None:
    rng = np.random.default_rng(4)
    hits = [rmia.kept_promise(rng.normal(size=2000), 0.05, rng) for _ in range(20)]
    assert np.mean([h / n for h, n in hits]) == pytest.approx(0.05, abs=0.01)
    assert rmia.kept_promise(np.zeros(1), 0.05, rng) == (0, 0)


def test_few_models_leave_the_default() -> None:
    shadows, _, y = known(200, 2, 5, gain=1.0)
    assert rmia.choose_a(shadows, y) == rmia.DEFAULT_A


def test_first_references_alone_count() -> None:
    mask = np.array([[True, False], [True, True], [True, True]])
    values = np.array([[1.0, 9.0], [2.0, 5.0], [4.0, 7.0]])
    assert rmia.mean_where(values, mask, 1) == pytest.approx([1.0, 5.0])
    assert rmia.mean_where(values, mask, 2) == pytest.approx([1.5, 6.0])
    assert rmia.mean_where(values, mask) == pytest.approx([7 / 3, 6.0])
