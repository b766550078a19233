from __future__ import annotations

import numpy as np
import pytest

from momus.methods import attack_model
from momus.methods.shadow_models import Shadows, halves
from momus.stats import intervals


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)  # type: ignore[no-any-return]


def test_features_put_the_class_first_and_sort_the_rest() -> None:
    p = np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    found = 1 / (1 + np.exp(-attack_model.features(p, np.array([0, 2]), 1e-6)))
    assert found == pytest.approx(np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]]))
    wide = attack_model.features(np.full((3, 50), 0.02), np.zeros(3, int), 1e-6)
    assert wide.shape == (3, 1 + attack_model.OTHERS)


def world(rng: np.random.Generator, tone: np.ndarray) -> tuple[Shadows, np.ndarray, np.ndarray, np.ndarray]:
    """Members shift the logits of the two *other* classes by ``tone`` of their class; its own share barely moves."""
    n, s = 1200, 8
    y = rng.integers(0, 3, n)
    inside = np.concatenate([halves(n, range(s), 0), (np.arange(n) < n // 2)[None]])
    z = rng.normal(size=(s + 1, n, 3))
    z[:, np.arange(n), y] += 2
    z[..., np.arange(n), (y + 1) % 3] += inside * tone[y]
    z[..., np.arange(n), (y + 2) % 3] -= inside * tone[y]
    p = softmax(z)
    return Shadows(p[:s], inside[:s], False), p[s], y, inside[s]


def test_it_reads_what_the_loss_does_not_see() -> None:
    rng = np.random.default_rng(0)
    made, p, y, member = world(rng, np.array([0.0, 2.5, 2.5]))
    score = attack_model.learned_scores(made, p, y, rng)
    loss = p[np.arange(len(y)), y]
    area = intervals.auc(score[member], score[~member])[0]
    assert area > intervals.auc(loss[member], loss[~member])[0] + 0.15
    here = y == 0
    assert intervals.auc(score[member & here], score[~member & here])[1].low < 0.5  # nothing to learn there


def test_no_difference_is_guessing() -> None:
    rng = np.random.default_rng(1)
    made, p, y, member = world(rng, np.zeros(3))
    score = attack_model.learned_scores(made, p, y, rng)
    ci = intervals.auc(score[member], score[~member], 0.999)[1]
    assert ci.low <= 0.5 <= ci.high


def test_the_target_itself_teaches_nothing() -> None:
    """Scores of a row depend on the target's answer to that row alone."""
    rng = np.random.default_rng(2)
    made, p, y, _ = world(rng, np.full(3, 2.0))
    one = attack_model.learned_scores(made, p, y, np.random.default_rng(3))
    other = p.copy()
    other[600:] = softmax(rng.normal(size=(600, 3)))
    two = attack_model.learned_scores(made, other, y, np.random.default_rng(3))
    assert one[:600] == pytest.approx(two[:600])


def test_a_rare_class_is_read_by_the_model_of_all() -> None:
    rng = np.random.default_rng(4)
    made, p, y, _ = world(rng, np.full(3, 2.0))
    y = y.copy()
    y[y == 2] = 1
    y[:5] = 2
    assert np.isfinite(attack_model.learned_scores(made, p, y, rng)).all()
