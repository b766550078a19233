"""physical.object_search: scores suffice, budgets are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.judge import decide
from momus.probes.physical.object_search import object_search
from momus.targets import Target
from momus.zoo.physical import _shapes as shapes

LIMIT = Limit(probe="physical.object_search", value=0.25)
QUICK: dict[str, Any] = {"views": 24, "queries": 400, "batch": 8, "pool": 16, "texels": 32, "true_class": "dark"}


def by_grey(x: np.ndarray) -> np.ndarray:
    """Dark or bright by the middle of (n, h, w, c) pictures in [0, 1]: no gradients are to be had."""
    middle = x[:, 8:16, 8:16].mean(axis=(1, 2, 3))
    p = 1 / (1 + np.exp(-20 * (middle - 0.35)))
    return np.stack([1 - p, p], axis=1)


def constant(x: np.ndarray) -> np.ndarray:
    return np.tile([0.9, 0.1], (len(x), 1))


def measure(function: Any = by_grey, budget: Budget | None = None, **given: Any) -> Measurement:
    target = Target.from_callable(
        function, name="m", classes=("dark", "bright"), output="probabilities", shape=(24, 24, 3), channels="last",
        range=(0, 1),
    )  # fmt: skip
    return object_search(
        target, budget=budget, object=shapes.as_object("ball"), **{**QUICK, "colour": "#101010", **given}
    )  # fmt: skip


def test_scores_are_enough() -> None:
    m = measure()
    assert m.value > 0.7
    assert decide(m, LIMIT).status is Status.FAIL
    assert m.cost.queries <= 400 + 3 * 24
    assert m.cost.gradients == 0


def test_a_model_that_does_not_look_is_not_turned() -> None:
    m = measure(constant)
    assert m.value == 0 and m.n == 24
    assert "constant-output" in {c.code for c in m.caveats}
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_no_class_is_guessed_from_no_answer() -> None:
    m = measure(true_class="", budget=Budget(queries=0))
    assert {c.code for c in m.caveats} == {"budget-spent"}


def test_without_queries_nothing_passes() -> None:
    assert decide(measure(constant, queries=0), LIMIT).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("queries", [0, 5, 60, 200])
def test_budgets_are_kept(queries: int) -> None:
    m = measure(constant, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE
