"""What choosing by a stand-in costs: known answers, coverage, and the winner's curse."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods import candidates as c


def test_a_perfect_stand_in_loses_nothing_and_a_blind_one_all() -> None:
    rng = np.random.default_rng(0)
    goal = rng.normal(size=400)
    assert c.loss(np.exp(goal), goal, 50, rng, 50).value == pytest.approx(0)
    assert c.loss(-goal, goal, 50, rng, 50).value > 1.5
    assert c.loss(np.ones(400), goal, 50, rng, 50).value == pytest.approx(1)
    assert c.loss(goal, np.ones(400), 50, rng, 50).value == 0


@pytest.mark.parametrize("strength", [0.0, 0.9])
def test_the_interval_covers_the_truth(strength) -> None:
    rng = np.random.default_rng(1)

    def draw(*shape):
        proxy = rng.normal(size=shape)
        return proxy, strength * proxy + np.sqrt(1 - strength**2) * rng.normal(size=shape)

    proxy, goal = draw(20_000, 20)
    chosen = goal[np.arange(len(goal)), proxy.argmax(axis=1)].mean()
    truth = 1 - chosen / goal.max(axis=1).mean()
    found = [c.loss(*draw(200), 20, rng, 150) for _ in range(60)]
    assert np.mean([f.ci.low <= truth <= f.ci.high for f in found]) > 0.85
    assert np.mean([f.value for f in found]) == pytest.approx(truth, abs=0.05)


def test_ranks_at_the_top() -> None:
    x = np.arange(100.0)
    goal = np.where(x < 80, x, 200 - x)
    whole, (top, count) = c.rank_correlation(x, goal), c.at_the_top(x, goal)
    assert whole > 0.8 and top == pytest.approx(-1) and count == 20
    assert c.rank_correlation(x, np.ones(100)) == 0 and c.rank_correlation(x[:2], x[:2]) == 0


def test_the_winner_is_overstated_where_the_proxy_is_noise() -> None:
    rng = np.random.default_rng(2)
    worth = rng.normal(size=500)
    assert c.overstatement(worth, 3 * worth + 7) == pytest.approx(0)
    assert c.overstatement(rng.normal(size=500), worth) > 1
    assert c.overstatement(np.ones(5), worth[:5]) == 0


def test_curse_of_repeated_measurements() -> None:
    rng = np.random.default_rng(4)
    true = rng.normal(scale=1.0, size=300)
    owner = np.repeat(np.arange(300), 5)
    found = c.curse(true[owner] + rng.normal(scale=2.0, size=1500), owner, rng)
    assert found is not None
    assert found.noise == pytest.approx(2.0, rel=0.1)
    assert found.reliability == pytest.approx(1 / (1 + 4 / 5), abs=0.08)
    means = np.array([(t := rng.normal(size=300)), t + rng.normal(scale=2 / np.sqrt(5), size=300)])
    assert 0.5 < found.expected < 3 and means.shape == (2, 300)
    assert c.curse(true, np.arange(300), rng) is None


def test_repeats_that_agree_are_no_noise_however_many_there_are() -> None:
    owner = np.array([0, 1, 1, 2, 2, 2])
    found = c.curse(np.array([3.0, 5.0, 5.0, 1.0, 1.0, 1.0]), owner, np.random.default_rng(0))
    assert found is not None
    assert (found.noise, found.expected, found.reliability) == (0.0, 0.0, 1.0)
