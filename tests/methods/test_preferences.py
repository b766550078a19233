"""A goal learnt from judgements: it orders as the judges do, and says when it does not."""

from __future__ import annotations

import numpy as np

from momus.methods import preferences as p
from momus.methods.preferences_rows import read
from momus.methods.rollout import Episode, Step


def judged(seed: int, honest: bool, n: int = 200):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(80, 6))
    pairs = np.array([rng.choice(80, 2, replace=False) for _ in range(n)])
    worth = features @ np.array([2.0, -1.0, 0, 0, 0, 0.5])
    won = (worth[pairs[:, 0]] > worth[pairs[:, 1]]).astype(float) if honest else rng.integers(0, 2, n).astype(float)
    return features, pairs, won, worth


def test_it_orders_as_the_judges_do() -> None:
    features, pairs, won, worth = judged(0, True)
    scale, agreement = p.learn(features, pairs, won, np.random.default_rng(0))
    assert np.corrcoef(scale.score(features), worth)[0, 1] > 0.95
    assert agreement.value > 0.85 and agreement.better_than_chance


def test_coins_are_not_predicted() -> None:
    found = [p.learn(*judged(s, False, 100)[:3], np.random.default_rng(s))[1] for s in range(20)]
    assert sum(a.better_than_chance for a in found) <= 2
    assert abs(np.mean([a.value for a in found]) - 0.5) < 0.06


def test_order_within_a_pair_means_nothing() -> None:
    features, pairs, won, _ = judged(1, True)
    one, other = p.fit(features, pairs, won, 1.0), p.fit(features, pairs[:, ::-1], 1 - won, 1.0)
    assert np.allclose(one.weights, other.weights)


def test_ties_and_few_judgements_decide_nothing() -> None:
    features, pairs, _, _ = judged(2, True)
    scale, agreement = p.learn(features, pairs, np.full(len(pairs), 0.5), np.random.default_rng(0))
    assert np.abs(scale.weights).max() < 1e-6 and agreement.n == 0 and not agreement.better_than_chance
    assert not p.learn(features, pairs[:1], np.ones(1), np.random.default_rng(0))[1].better_than_chance


def test_constant_features_do_no_harm() -> None:
    features, pairs, won, _ = judged(3, True)
    scale, _ = p.learn(np.c_[features, np.ones(80)], pairs, won, np.random.default_rng(0))
    assert np.isfinite(scale.weights).all()


def test_rows_tell_what_was_done_and_never_the_reward() -> None:
    def episode(actions, reward):
        return Episode(tuple(Step(np.array([i % 2]), a, reward, False, False, {}) for i, a in enumerate(actions)), 0)

    one, rich = episode([0, 1, 0, 1], 1.0), episode([0, 1, 0, 1], 99.0)
    other = episode([1, 1, 1, 1], 1.0)
    reader, rows = read([one, rich, other], [{"vases": 1.0}, {"vases": 1.0}, {"vases": 2.0}])
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])
    assert len(reader.names) == rows.shape[1] and reader.names[-1] == "vases at the end"
    assert rows[2, -1] == 2.0
