"""APGD's step sizes at a peak inside the ball, and what APGD and FAB say they asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.methods.apgd import apgd
from momus.methods.fab import fab
from momus.methods.objectives import Crosses

PEAK = np.linspace(-0.031, 0.037, 20)


def bowl(x: np.ndarray) -> np.ndarray:
    return -((x - 0.5 - PEAK) ** 2).sum(axis=1, keepdims=True)


def slopes(x: np.ndarray, slope: Any) -> tuple[np.ndarray, np.ndarray]:
    z = bowl(x)
    return z, slope(z, np.arange(len(x))) * -2 * (x - 0.5 - PEAK)


@pytest.mark.parametrize(("norm", "epsilon", "left"), [("linf", 0.1, 0.0115), ("l2", 0.4, 5e-3)])
def test_steps_shrink_towards_a_peak_inside_the_ball(norm: Any, epsilon: float, left: float) -> None:
    """Full steps end as far from the peak as the centre is; who does not go back to the best ends half as far again."""
    n = 32
    found = apgd(
        slopes, bowl, np.full((n, 20), 0.5), np.zeros(n), epsilon=epsilon, steps=50, norm=norm,
        rng=np.random.default_rng(0), objective=Crosses(0.0), loss="margin",
    )  # fmt: skip
    assert not found.fooled.any()
    assert np.mean(found.margin) / (PEAK**2).sum() < left


W = np.random.default_rng(0).normal(size=(4, 20))


@pytest.mark.parametrize("epsilon", [0.02, 0.3])
@pytest.mark.parametrize("attack", [apgd, fab])
def test_every_row_asked_is_counted_for_its_input(attack: Any, epsilon: float) -> None:
    asked = []

    def scores(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        return x @ W.T

    def pullback(x: np.ndarray, slope: Any) -> tuple[np.ndarray, np.ndarray]:
        z = scores(x)
        return z, slope(z, np.arange(len(x))) @ W

    x = np.random.default_rng(1).uniform(0.3, 0.7, (15, 20))
    found = attack(
        pullback, scores, x, np.argmax(x @ W.T, axis=1), epsilon=epsilon, steps=10, rng=np.random.default_rng(0),
        outputs=x @ W.T,
    )  # fmt: skip
    assert found.fooled.sum() > 0
    assert int(found.queries.sum()) == sum(asked)
