from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods import shadow_models as sm
from momus.stats import intervals


def silent(_done: float, _note: str) -> None:
    pass


def test_the_floor_follows_the_steps_of_an_ensemble() -> None:
    trees = np.arange(21) / 20
    assert sm.floor_of(np.column_stack([trees, 1 - trees])) == pytest.approx(0.01, rel=0.02)
    assert sm.floor_of(np.array([[0.0, 1.0]])) == 1e-2
    assert sm.floor_of(np.array([[1e-6, 1 - 1e-6]])) == pytest.approx(5e-7, rel=0.01)
    assert np.isfinite(sm.log_odds(np.array([[0.0, 1.0]]), np.array([0]), 0.01)).all()


def test_halves_are_complementary_and_seeds_do_not_depend_on_the_count() -> None:
    x, y = np.arange(20.0)[:, None], np.zeros(20, int)
    calls: list[tuple[tuple[float, ...], int]] = []

    def retrain(rows: np.ndarray, labels: np.ndarray, seed: int):  # type: ignore[no-untyped-def]
        calls.append((tuple(sorted(rows[:, 0])), seed))
        return lambda q: np.full((len(q), 2), 0.5)

    filler = np.array([[99.0]])
    made = sm.fit_shadows(retrain, x, y, filler, np.zeros(1, int), count=6, seed=3, progress=silent)
    assert made.count == 6 and np.all(made.inside.sum(0) == 3)
    assert np.array_equal(made.inside[0], ~made.inside[1])
    assert all(99.0 in rows and len(rows) == 11 for rows, _ in calls)
    first = list(calls)
    calls.clear()
    sm.fit_shadows(retrain, x, y, filler, np.zeros(1, int), count=2, seed=3, progress=silent)
    assert calls == first[:2]


def test_a_spent_budget_keeps_whole_pairs() -> None:
    left = 5

    def retrain(rows: np.ndarray, labels: np.ndarray, seed: int):  # type: ignore[no-untyped-def]
        nonlocal left
        left -= 1
        if left < 0:
            raise BudgetSpent
        return lambda q: np.full((len(q), 2), 0.5)

    empty = np.zeros((0, 1))
    made = sm.fit_shadows(
        retrain, np.zeros((8, 1)), np.zeros(8, int), empty, np.zeros(0, int), count=16, seed=0, progress=silent
    )
    assert made.spent and made.count == 4


def shadows_of(
    difficulty: np.ndarray, gain: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[sm.Shadows, np.ndarray]:
    """Log-odds difficulty + gain if inside + noise, for shadow models and for a target that holds the first half."""
    n = len(difficulty)
    inside = np.stack([rng.permutation(n) < n // 2 for _ in range(count // 2)])
    inside = np.stack([v for half in inside for v in (half, ~half)])
    phi = difficulty + gain * inside + 0.3 * rng.normal(size=(count, n))
    target = difficulty + gain * (np.arange(n) < n // 2) + 0.3 * rng.normal(size=n)

    def p(z: np.ndarray) -> np.ndarray:
        q = 1 / (1 + np.exp(-z))
        return np.stack([1 - q, q], axis=-1)

    return sm.Shadows(p(phi), inside, False), p(target)


@pytest.mark.parametrize("count", [2, 16, 64])
def test_shadows_beat_the_loss_where_rows_differ_in_difficulty(count: int) -> None:
    rng = np.random.default_rng(0)
    n = 1000
    made, p = shadows_of(rng.normal(0, 2.5, n), np.full(n, 1.0), count, rng)
    s = sm.likelihood_ratio(made, p, np.ones(n, int))
    half = n // 2
    online, offline, plain = (intervals.auc(v[:half], v[half:])[0] for v in (s.online, s.offline, s.plain))
    assert plain < 0.68
    assert online > plain + 0.12 and offline > plain + 0.12
    assert online >= offline - 0.02


def test_no_gain_no_attack() -> None:
    rng = np.random.default_rng(1)
    made, p = shadows_of(rng.normal(0, 2, 1000), np.zeros(1000), 16, rng)
    s = sm.likelihood_ratio(made, p, np.ones(1000, int))
    for score in (s.online, s.offline, s.plain):
        _, ci = intervals.auc(score[:500], score[500:], 0.999)
        assert ci.low <= 0.5 <= ci.high


def test_the_likelihood_ratio_is_right_for_known_normals() -> None:
    rng = np.random.default_rng(2)
    made, p = shadows_of(np.zeros(4), np.full(4, 2.0), 512, rng)
    s = sm.likelihood_ratio(made, p, np.ones(4, int), per_row_from=1)
    phi = sm.log_odds(p, np.ones(4, int), 1e-7)
    exact = ((phi - 0) ** 2 - (phi - 2) ** 2) / (2 * 0.09)
    assert s.online == pytest.approx(exact, rel=0.35, abs=3.0)
    assert s.mean_in == pytest.approx(np.full(4, 2.0), abs=0.1) and s.mean_out == pytest.approx(np.zeros(4), abs=0.1)


def test_every_shadow_model_is_trained_with_a_seed_of_its_own() -> None:
    seeds: list[int] = []

    def retrain(x: np.ndarray, y: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
        seeds.append(seed)
        return lambda rows: np.full((len(rows), 2), 0.5)

    x, y = np.zeros((10, 1)), np.zeros(10, dtype=int)
    sm.fit_shadows(retrain, x, y, x[:0], y[:0], count=6, seed=1, progress=lambda _done, _note: None)
    assert len(set(seeds)) == 6
