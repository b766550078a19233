"""Painting by trial: reaches what can be reached, keeps to its queries, never accepts what is worse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods.objectives import Misclassified
from momus.methods.viewing.eot import Scene
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import plane
from momus.methods.viewing.mesh_search import paint


def scenes(n: int = 6) -> list[Scene]:
    """A square that fills most of a picture, a little moved from view to view."""
    ground = np.zeros((12, 12, 1), np.float32)
    return [
        Scene(plane((12, 12), (16, 16), width=9, centre=(5 + 0.3 * i, 6)), Light(), ground, 0) for i in range(n)
    ]  # fmt: skip


def by_grey(x: np.ndarray) -> np.ndarray:
    level = x.reshape(len(x), -1).mean(axis=1)
    return np.stack([0.25 - level, level - 0.25], axis=1)


def run(score: Any = by_grey, **given: Any) -> Any:
    options: dict[str, Any] = {"queries": 600, "batch": 4, **given}
    return paint(
        score, scenes(), np.zeros((16, 16, 1)), np.ones((16, 16), bool), objective=Misclassified(),
        like=np.zeros((1, 1, 12, 12), np.float32), rng=np.random.default_rng(0), **options,
    )  # fmt: skip


def test_a_brighter_surface_is_found() -> None:
    made = run()
    assert made.success == 1
    assert made.texture.mean() > 0.5
    assert made.queries <= 600
    assert made.complete


def test_what_is_won_well_enough_is_left_alone() -> None:
    """Beyond the margin that counts nothing is gained: the first surface that reaches it stays."""
    made = run(lambda x: 1000 * by_grey(x))
    assert made.success == 1


@pytest.mark.parametrize("queries", [0, 3, 4, 50])
def test_queries_are_kept(queries: int) -> None:
    made = run(queries=queries)
    assert made.queries <= queries
    assert len(made.history) == queries // 4


def test_a_constant_model_leaves_the_surface_as_it_was() -> None:
    made = run(lambda x: np.tile([1.0, 0.0], (len(x), 1)))
    assert not made.texture.any()
    assert made.success == 0


def test_a_spent_budget_returns_the_best_so_far() -> None:
    asked = []

    def tired(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        if sum(asked) > 100:
            raise BudgetSpent
        return by_grey(x)

    made = run(tired)
    assert not made.complete
    assert made.queries <= 100
    assert made.texture.mean() > 0.3


def test_nothing_on_the_surface_takes_no_step() -> None:
    made = paint(
        by_grey, scenes(), np.zeros((16, 16, 1)), np.zeros((16, 16), bool), objective=Misclassified(),
        like=np.zeros((1, 1, 12, 12), np.float32), rng=np.random.default_rng(0),
    )  # fmt: skip
    assert made.history == ()


def test_same_seed_same_surface() -> None:
    np.testing.assert_array_equal(run().texture, run().texture)
