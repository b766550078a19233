"""The price of a planting, the search for the most that goes unnoticed, and what cleans parameters."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.core.records import Interval
from momus.core.samples import Samples
from momus.methods import hidden_audit as audit
from momus.methods import hidden_records as records

ROWS = records.records_of(Samples(x=np.random.default_rng(0).normal(size=(30, 5))))


def _attempt(strength: float, came: int, cost: float, sent: int = 30) -> audit.Attempt:
    taken = np.arange(sent) < came
    back = records.Back(taken, np.zeros(sent), taken, 100)
    ci = Interval(low=cost - 0.01, high=cost + 0.01)
    return audit.Attempt(strength, ROWS.take(slice(sent)), ROWS, back, np.ones(10, dtype=bool), cost, ci)


def test_the_price_is_that_of_the_same_rows() -> None:
    clean = np.array([True] * 90 + [False] * 10)
    planted = clean.copy()
    planted[:6] = False
    planted[95:97] = True
    value, ci = audit.paired_cost(clean[None], planted)
    assert value == pytest.approx(0.04) and ci.low < 0.04 < ci.high
    same, narrow = audit.paired_cost(clean[None], clean)
    assert same == 0 and narrow.low < 0 < narrow.high < 0.03, "no row that differs is no proof of none"
    assert audit.paired_cost(clean[None, :0], clean[:0])[1].high == 1.0


def test_several_clean_models_settle_the_price() -> None:
    rng = np.random.default_rng(0)
    clean, planted = rng.random((3, 400)) < 0.9, rng.random(400) < 0.8
    value, ci = audit.paired_cost(clean, planted)
    assert value == pytest.approx(clean.mean() - planted.mean()) and ci.low < value < ci.high
    assert (
        ci.high - ci.low < audit.paired_cost(clean[:1], planted)[1].high - audit.paired_cost(clean[:1], planted)[1].low
    )


def test_the_interval_of_the_price_covers_it() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        clean = rng.random(300) < 0.9
        planted = np.where(rng.random(300) < 0.06, rng.random(300) < 0.5, clean)
        _, ci = audit.paired_cost(clean[None], planted)
        covered += ci.low <= 0.06 * (0.9 - 0.5) <= ci.high
    assert covered > 0.92 * 400


def test_the_climb_goes_up_down_and_between() -> None:
    tried: list[float] = []

    def attempt(strength: float) -> audit.Attempt:
        tried.append(strength)
        return _attempt(strength, 10, 0.05 if strength > 5 else 0.0)

    made, spent = audit.climb(attempt, 1.0, 4.0, 4, lambda a: -1 if a.cost > 0.01 else 1)
    assert tried == [1.0, 4.0, 16.0, 8.0] and len(made) == 4 and not spent
    tried.clear()
    audit.climb(attempt, 64.0, 4.0, 3, lambda a: -1 if a.cost > 0.01 else 0)
    assert tried == [64.0, 16.0, 4.0], "it stops where it is enough"
    tried.clear()
    audit.climb(attempt, 2.0, 4.0, 2, lambda a: 1, high=8.0)
    assert tried == [2.0, 4.0], "what is known to be too much is not tried"


def test_a_spent_budget_keeps_what_there_is() -> None:
    def attempt(strength: float) -> audit.Attempt:
        if strength > 1:
            raise BudgetSpent
        return _attempt(strength, 1, 0.0)

    made, spent = audit.climb(attempt, 1.0, 4.0, 4, lambda a: 1)
    assert len(made) == 1 and spent


def test_most_records_among_the_unnoticed() -> None:
    quiet, loud, best = _attempt(1, 3, 0.0), _attempt(9, 30, 0.02), _attempt(3, 12, 0.01)
    assert audit.unnoticed([quiet, loud, best], 0.01) is best
    assert audit.unnoticed([loud], 0.01) is None
    value, ci = audit.records_interval(best)
    assert value == 12 and ci.low < 12 < ci.high < 20
    nothing, bound = audit.records_interval(None, loud)
    assert nothing == 0 and bound.low == 0 and bound.high == pytest.approx(30), "what a quieter one might have taken"
    assert audit.records_interval(_attempt(1, 0, 0.0, sent=0))[1].high == 0


def test_what_cleans_and_what_it_leaves() -> None:
    rng = np.random.default_rng(2)
    values = {"w": rng.normal(size=(40, 30)).astype(np.float32), "v": np.zeros(4), "big": np.full(3, 1e6)}
    for name, changed in audit.scrubs(values, rng).items():
        assert list(changed) == list(values), name
        assert all(changed[k].dtype == v.dtype and np.isfinite(changed[k]).all() for k, v in values.items())
        assert 0 < np.abs(changed["w"] - values["w"]).max() < 0.6
    eight = audit.eight_bits(values)["w"]
    assert len(np.unique(eight)) <= 255
    assert (audit.pruned(values, 0.3)["w"] == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert audit.mantissa_of(values) == 23 and audit.mantissa_of({}) == 0
