from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.core.samples import Column, ColumnKind
from momus.methods import class_inversion as search
from momus.methods.inversion_space import Rows, Waves, rows_space

START = np.full((1, 14, 10), 0.5, np.float32)


def rows(size: int = 6) -> Rows:
    wide = np.full(size, 100.0)
    return Rows(np.zeros(size), -wide, wide, np.ones(size), np.zeros(size, dtype=bool))


def linear(weights: np.ndarray, space: Waves | Rows):  # type: ignore[no-untyped-def]
    """Log-odds and their gradient of a linear model."""

    def rising(z: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = space.lift(z).reshape(len(z), -1) @ weights.T
        slope = search.odds_slope(scores, wanted) @ weights
        return search.log_odds(scores, wanted), space.pull(slope.reshape(-1, *space.start.shape))

    return rising


@pytest.mark.parametrize("shape", [(1, 14, 10), (3, 8, 8), (1, 5, 9), (4, 6, 6)])
def test_pull_is_the_transpose_of_lift(shape: tuple[int, int, int]) -> None:
    """Exact where nothing is clipped: the gradient in z is that of the picture."""
    space = Waves(np.full(shape, 0.5, np.float32), most=8)
    rng = np.random.default_rng(0)
    z, g = 0.01 * rng.normal(size=(2, space.size)), rng.normal(size=(2, *shape))
    along = ((space.lift(z) - space.start) * g).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(along, (z * space.pull(g)).sum(axis=1), rtol=1e-3, atol=1e-4)


def test_drawn_pictures_have_natural_contrast_and_stay_in_range() -> None:
    for shape in ((1, 32, 24), (3, 24, 24)):
        space = Waves(np.full(shape, 0.5, np.float32), most=16)
        x = space.lift(np.random.default_rng(0).normal(size=(40, space.size)))
        assert x.min() >= 0 and x.max() <= 1 and x.dtype == np.float32
        assert 0.12 < x.std() < 0.3


def test_log_odds_and_their_slope() -> None:
    rng = np.random.default_rng(0)
    scores, y = 3 * rng.normal(size=(5, 4)), np.array([0, 1, 2, 3, 1])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    own = p[np.arange(5), y]
    np.testing.assert_allclose(search.log_odds(scores, y), np.log(own / (1 - own)))
    slope = search.odds_slope(scores, y)
    for j in range(4):
        moved = scores.copy()
        moved[:, j] += 1e-6
        apart = (search.log_odds(moved, y) - search.log_odds(scores, y)) / 1e-6
        np.testing.assert_allclose(slope[:, j], apart, atol=1e-4)


def test_the_climb_ends_at_the_edge_of_the_ball_along_the_weights() -> None:
    """Two classes, one linear score: the best point of a ball is known."""
    w = np.array([3.0, -1.0, 0.0, 2.0, 0.5, 0.0])
    space = rows()
    found = search.climb(linear(np.stack([np.zeros(6), w]), space), space, np.array([1, 0]), steps=80, radius=0.5)
    ball = 0.5 * np.sqrt(6)
    np.testing.assert_allclose(found.z[0], ball * w / np.linalg.norm(w), atol=0.02 * ball)
    np.testing.assert_allclose(found.z[1], -found.z[0], atol=0.04 * ball)
    assert found.complete and found.flat == 0 and (found.steps < 80).all(), "a class that is done leaves the batch"
    assert [asked for asked, _ in found.trail] == sorted(asked for asked, _ in found.trail)


def test_a_flat_model_is_said_to_be_flat() -> None:
    space = rows()
    found = search.climb(lambda z, y: (np.zeros(len(z)), np.zeros_like(z)), space, np.arange(3), steps=9, radius=0.5)
    assert found.flat == 1 and not found.z.any()


def spent(*_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    raise BudgetSpent


def test_a_spent_budget_ends_both_searches() -> None:
    space = rows()
    found = search.climb(spent, space, np.arange(3), steps=9, radius=0.5)
    assert not found.complete and not found.z.any()
    rng = np.random.default_rng(0)
    found = search.listen(spent, space, np.arange(3), queries=50, rounds=2, radius=0.5, rng=rng)  # type: ignore[arg-type]
    assert not found.complete and not found.z.any()


def test_what_a_caller_sees() -> None:
    p = np.array([[0.6189, 0.3012, 0.0799], [0.999, 0.0006, 0.0004]])
    odds = search.seen(p, 2, None)
    np.testing.assert_allclose(odds[0], np.log([0.62 / 0.38, 0.30 / 0.70, 0.08 / 0.92]))
    np.testing.assert_allclose(odds[1], np.log([0.995 / 0.005, 0.005 / 0.995, 0.005 / 0.995]))
    assert search.seen(p, 2, 1)[0, 1] == search.seen(p, 2, 1)[0, 2] == pytest.approx(np.log(0.005 / 0.995))
    assert np.sign(search.seen(p, 0, 1)).tolist() == [[1, -1, -1], [1, -1, -1]]
    assert np.isfinite(search.seen(np.array([[1.0, 0.0]]), None, None)).all()


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_listening_finds_the_weights_through_rounding(decimals: int | None) -> None:
    rng = np.random.default_rng(1)
    weights, space = 3 * rng.normal(size=(6, 20)), rows(20)

    def answers(z: np.ndarray) -> np.ndarray:
        scores = space.lift(z) @ weights.T
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return search.seen(e / e.sum(axis=1, keepdims=True), decimals, None)

    found = search.listen(answers, space, np.arange(6), queries=4000, rounds=4, radius=0.3, rng=rng)
    own = weights - weights.mean(axis=0)
    cosine = (found.z * own).sum(axis=1) / np.linalg.norm(found.z, axis=1) / np.linalg.norm(own, axis=1)
    assert cosine.min() > 0.8
    assert np.allclose(np.linalg.norm(found.z, axis=1), 0.3 * np.sqrt(20))
    assert found.trail[-1][0] == 4000


@pytest.mark.parametrize("deaf", [True, False])
def test_listening_moves_on_where_the_start_tells_nothing_of_a_class(deaf: bool) -> None:
    """The middles of the later pairs lie at the start, unless some class was not heard there."""
    weights, space = np.random.default_rng(2).normal(size=(6, 12)), rows(12)
    asked: list[np.ndarray] = []

    def answers(z: np.ndarray) -> np.ndarray:
        half = len(z) // 2
        asked.append((z[:half] + z[half:]) / 2)
        odds = space.lift(z) @ weights.T
        odds[:, 0] = np.maximum(odds[:, 0], 9.0 if deaf else -99.0)
        return odds

    search.listen(answers, space, np.arange(6), queries=600, rounds=3, radius=0.5, rng=np.random.default_rng(3))
    middles = np.linalg.norm(np.concatenate(asked), axis=1)
    assert middles[:100].max() < 1e-9
    assert (middles[100:].max() > 0.1) == deaf


def test_a_nudge_keeps_its_bound() -> None:
    x = np.random.default_rng(0).random((2, 1, 4, 4)).astype(np.float32)
    out = search.nudge(lambda a, y: np.ones_like(a), x, np.arange(2), epsilon=0.02, steps=10)
    assert out.max() <= 1 and np.abs(out - x).max() <= 0.02 + 1e-6
    assert np.allclose(out, np.minimum(x + 0.02, 1), atol=1e-6)


def test_the_space_of_a_table() -> None:
    columns = (
        Column("a", low=0.0, high=10.0),
        Column("b", ColumnKind.INTEGER),
        Column("c", ColumnKind.CATEGORICAL, categories=("x", "y")),
    )
    data = np.array([[1.0, 2, 0], [3.0, 8, 1], [5.0, 4, 1]])
    space = rows_space(columns, data, None)
    np.testing.assert_allclose(space.start, [5.0, 5.0, 1.0])
    out = space.lift(np.array([[100.0, 0.4, 5.0]]))
    assert out.tolist() == [[10.0, 6.0, 1.0]], "clipped, rounded, held"
    known = rows_space(columns, data, np.array([[4.0, 3, 0], [6.0, 3, 0]]))
    np.testing.assert_allclose(known.start, [5.0, 3.0, 0.0])
    np.testing.assert_allclose(known.scale, [1.0, 0.0, 0.0])
