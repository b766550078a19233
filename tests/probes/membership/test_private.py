"""No attack of the mode may find more than differential privacy permits; without the noise they do find more.

The training is known in closed form (momus.zoo.membership._private). Members and others change places between two
experiments that differ in two rows, so the permitted true-positive rate is that of twice the training's mu.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from momus.core.registry import get_probe
from momus.zoo.membership import _private
from momus.zoo.membership._private import PrivateLogistic, epsilon_at, most_found, twin

RATE = 0.01
ATTACKS = {
    "membership.loss": {},
    "membership.lira": {"shadows": 8},
    "membership.rmia": {"shadows": 8},
    "membership.shadow": {"shadows": 8},
    "membership.label_only": {"copies": 4},
}


def test_the_closed_forms() -> None:
    assert most_found(0.0, RATE) == pytest.approx(RATE) and most_found(math.inf, RATE) == 1.0
    assert most_found(1.0, 0.05) == pytest.approx(norm.sf(norm.isf(0.05) - 1.0))
    for mu in (0.3, 1.0, 3.0):
        e = epsilon_at(mu, 1e-5)
        assert norm.cdf(-e / mu + mu / 2) - math.exp(e) * norm.cdf(-e / mu - mu / 2) == pytest.approx(1e-5, rel=1e-4)
    # the classical calibration of one noisy step is looser (it holds for an epsilon below 1)
    assert 0 < epsilon_at(0.2, 1e-5) < 0.2 * math.sqrt(2 * math.log(1.25 / 1e-5))
    grid = np.linspace(1e-6, 1 - 1e-6, 20_001)
    area = np.trapezoid([most_found(0.7, float(f)) for f in grid], grid)
    assert _private.largest_area(0.7) == pytest.approx(area, abs=1e-4)


def test_one_row_moves_the_sum_by_no_more_than_its_clip() -> None:
    """The sensitivity that the noise is scaled to, checked on the training itself, with and without a row."""
    rng = np.random.default_rng(0)
    x, y = 100 * rng.normal(size=(50, 5)), rng.integers(0, 2, 50)
    one, two = (PrivateLogistic(rounds=1, scale=1.0, width=20).fit(x[:k], y[:k]).coef_ for k in (50, 49))
    assert 0 < np.linalg.norm(one - two) <= 1.0
    assert PrivateLogistic(rounds=25, noise=10.0).mu == 0.5


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("mu", [0.25, 1.0])
def test_no_attack_beats_the_bound(attack: str, mu: float) -> None:
    kept = twin(1, mu=mu)
    m = get_probe(attack)(kept.target, **kept.data, **ATTACKS[attack])
    area = m.figure("auc").ci
    assert m.ci.low <= kept.most_found(RATE)
    assert area is not None and area.low <= kept.largest_area


@pytest.mark.parametrize("attack", ["membership.lira", "membership.rmia", "membership.label_only"])
def test_the_same_training_without_noise_exceeds_it(attack: str) -> None:
    """Otherwise the test above would prove nothing."""
    bare = twin(1, mu=math.inf)
    options = ATTACKS[attack] if attack == "membership.label_only" else {"shadows": 16}
    m = get_probe(attack)(bare.target, **bare.data, **options)
    area = m.figure("auc").ci
    assert area is not None and area.low > _private.largest_area(2 * 0.25)
    if attack != "membership.label_only":  # labels alone show much on average and little at few false alarms
        assert m.ci.low > _private.most_found(2 * 0.25, RATE)
