from __future__ import annotations

from collections.abc import Sequence

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


def plain(models: Sequence[int], inside: np.ndarray) -> np.ndarray:
    """Answers (models, one view, rows, 2) that tell the model's number."""
    p = np.full((len(models), 1, inside.shape[1], 2), 0.5)
    p[..., 0] = np.asarray(models)[:, None, None] / 1000
    return p


@pytest.mark.parametrize("together", [2, 4, 16])
def test_halves_are_complementary_and_do_not_depend_on_count_or_grouping(together: int) -> None:
    made = sm.fit_shadows(plain, 20, count=6, together=together, seed=3, progress=silent)
    assert made.count == 6 and np.all(made.inside.sum(0) == 3) and not made.spent
    assert np.array_equal(made.inside[0], ~made.inside[1])
    assert not np.array_equal(made.inside[0], made.inside[2])
    few = sm.fit_shadows(plain, 20, count=2, seed=3, progress=silent)
    assert np.array_equal(few.inside, made.inside[:2])
    assert not np.array_equal(sm.halves(20, [0], 3), sm.halves(20, [0], 4))


@pytest.mark.parametrize("first", [0, 1, 5])
def test_where_a_probe_begins_changes_no_number(first: int) -> None:
    begun: list[int] = []

    def answers(models: Sequence[int], inside: np.ndarray) -> np.ndarray:
        begun.append(models[0])
        return plain(models, inside)

    made = sm.fit_shadows(answers, 10, count=8, first=first, seed=0, progress=silent)
    assert begun[0] == 2 * (first % 4)
    assert np.array_equal(made.p[:, 0, 0], np.arange(8) / 1000)
    assert np.array_equal(made.inside, sm.halves(10, range(8), 0))


def test_a_spent_budget_keeps_whole_pairs_with_their_own_halves() -> None:
    left = 3

    def answers(models: Sequence[int], inside: np.ndarray) -> np.ndarray:
        nonlocal left
        left -= 1
        if left < 0:
            raise BudgetSpent
        return plain(models, inside)

    made = sm.fit_shadows(answers, 8, count=16, first=6, seed=0, progress=silent)
    assert made.spent and made.count == 6
    assert np.array_equal(made.inside, sm.halves(8, [0, 1, 12, 13, 14, 15], 0))
    none = sm.fit_shadows(answers, 8, count=16, seed=0, progress=silent)
    assert none.spent and none.count == 0


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
    made = sm.training_seeds(range(64), 1)
    assert len(set(made)) == 64 and made[:4] == sm.training_seeds(range(4), 1)


def test_log_odds_of_a_sure_network_in_single_precision_still_differ() -> None:
    p = np.array([[1.0, 1e-9], [1.0, 1e-11]], dtype=np.float32)
    phi = sm.log_odds(p, np.zeros(2, int), sm.floor_of(p))
    assert phi == pytest.approx([20.7, 25.3], abs=0.1)


def test_views_add_up_where_their_noise_is_their_own() -> None:
    rng = np.random.default_rng(4)
    n, inside = 800, sm.halves(800, range(16), 0)
    member = np.arange(n) < n // 2

    def p(z: np.ndarray) -> np.ndarray:
        q = 1 / (1 + np.exp(-z))
        return np.stack([1 - q, q], axis=-1)

    phi = p(inside[:, None] + 1.2 * rng.normal(size=(16, 5, n)))
    own = p(member + 1.2 * rng.normal(size=(5, n)))
    y = np.ones(n, int)
    one = sm.likelihood_ratio(sm.Shadows(phi[:, 0], inside, False), own[0], y)
    all_ = sm.likelihood_ratio(sm.Shadows(phi[:, 0], inside, False, phi[:, 1:]), own[0], y, more=own[1:])
    first, more = (intervals.auc(s.online[member], s.online[~member])[0] for s in (one, all_))
    assert more > first + 0.1
    assert np.array_equal(one.plain, all_.plain)


def test_a_spread_for_each_row_finds_more_where_rows_differ_in_noise() -> None:
    rng = np.random.default_rng(5)
    n, inside = 1000, sm.halves(1000, range(128), 0)
    member, noise = np.arange(n) < n // 2, np.where(np.arange(n) % 2, 0.1, 3.0)

    def p(z: np.ndarray) -> np.ndarray:
        q = 1 / (1 + np.exp(-z))
        return np.stack([1 - q, q], axis=-1)

    made = sm.Shadows(p(0.5 * inside + noise * rng.normal(size=(128, n))), inside, False)
    s = sm.likelihood_ratio(made, p(0.5 * member + noise * rng.normal(size=n)), np.ones(n, int))
    fixed, row = (intervals.auc(v[member], v[~member])[0] for v in (s.fixed, s.row))
    assert row > fixed + 0.05 and np.array_equal(s.online, s.row)


@pytest.mark.parametrize("models", [4, 8])
def test_the_offline_score_never_looks_at_models_with_the_row(models: int) -> None:
    """An attacker who cannot train on the row has no such models: whatever they say changes nothing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    inside = sm.halves(60, range(models), 1)
    true = rng.uniform(0.2, 0.8, (models, 60))
    given = _of_class(rng.uniform(0.2, 0.8, 60), y)
    first = _of_class(true, y)
    other = _of_class(np.where(inside, rng.uniform(0.2, 0.8, true.shape), true), y)
    other[0, 0], other[1, 0] = first[0, 0], first[1, 0]
    floors = {sm.floor_of(p) for p in (first, other)}
    assert max(floors) < 0.2  # the floor cuts nothing off here
    one, two = (sm.likelihood_ratio(sm.Shadows(p, inside, False), given, y) for p in (first, other))
    assert np.allclose(one.offline, two.offline) and not np.allclose(one.online, two.online)


def _of_class(true: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(np.arange(2) == y[:, None], true[..., None], 1 - true[..., None])
