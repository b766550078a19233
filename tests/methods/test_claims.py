from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from momus.methods.claims import Counted, dates, rows_needed, rule


def _share(hits: int, n: int, bound: float, up: bool = True) -> Counted:
    return Counted("c", n, hits, bound, up)


def test_the_rule_of_three_hundred() -> None:
    """299 rows without an error are the fewest that show 99 % at 5 %: 0.99 ** 299 < 0.05 < 0.99 ** 298."""
    assert rows_needed(1.0, 0.99) == 299 == rows_needed(0.0, 0.01, up=False)
    assert rule([_share(299, 299, 0.99)])[0].state == "backed"
    assert rule([_share(298, 298, 0.99)])[0].state == "open"


def test_a_claim_no_better_than_what_was_found_needs_no_number_of_rows() -> None:
    assert rows_needed(0.9, 0.9) is None and rows_needed(0.8, 0.9) is None and rows_needed(1.0, 1.0) is None
    assert rows_needed(0.5, 0.0) == 1


def test_shares_are_ruled_either_way() -> None:
    backed, against, few, none = rule(
        [_share(980, 1000, 0.9), _share(800, 1000, 0.9), _share(9, 10, 0.8), _share(0, 0, 0.5)]
    )
    assert [r.state for r in (backed, against, few, none)] == ["backed", "contradicted", "open", "untested"]
    assert against.needed is None and few.needed is not None and few.needed > 10 and none.claim.found is None
    low = rule([_share(20, 1000, 0.1, up=False), _share(200, 1000, 0.1, up=False)])
    assert [r.state for r in low] == ["backed", "contradicted"]


def test_more_claims_ask_for_more_evidence() -> None:
    n, hits = 100, 95
    alone = rule([_share(hits, n, 0.9)])[0]
    assert alone.p_backed == pytest.approx(stats.binomtest(hits, n, 0.9, alternative="greater").pvalue)
    among = rule([_share(hits, n, 0.9), *[_share(50, n, 0.9)] * 9])
    assert among[0].p_backed == pytest.approx(min(1.0, 10 * alone.p_backed))
    assert alone.least is not None and among[0].least is not None and among[0].least > alone.least


def test_a_mean_error_is_tested_too() -> None:
    values = np.abs(np.random.default_rng(0).normal(1.0, 0.2, 400))
    ok, bad = rule([Counted("mae", 400, 0, 1.1, False, values), Counted("mae", 400, 0, 0.9, False, values)])
    assert ok.state == "backed" and bad.state == "contradicted" and ok.needed is not None and bad.needed is None
    assert rule([Counted("mae", 1, 0, 0.9, False, values[:1])])[0].state == "open"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.floats(0.02, 0.98))
def test_a_claim_that_just_fails_is_seldom_backed(n: int, bound: float) -> None:
    """Whatever n and the bound, a system exactly at the bound is backed with probability at most 5 %."""
    hits = np.arange(n + 1)
    backed = np.array([rule([_share(int(h), n, bound)])[0].state == "backed" for h in hits])
    assert float(stats.binom.pmf(hits, n, bound)[backed].sum()) <= 0.05 + 1e-9


@settings(max_examples=25, deadline=None)
@given(st.floats(0.55, 0.99), st.floats(0.02, 0.4))
def test_needed_rows_have_the_power_they_promise(truth: float, gap: float) -> None:
    n = rows_needed(truth, truth - gap)
    assert n is not None
    hits = np.arange(n + 1)
    p = stats.binom.sf(hits - 1, n, truth - gap)
    assert float(stats.binom.pmf(hits, n, truth)[p <= 0.05].sum()) >= 0.8 - 1e-9


def test_dates_are_held_against_each_other() -> None:
    held = {d.name: d for d in dates({"ran": "2026-03-01", "changed": "2026-03-02", "pass_marks_fixed": "2026-03-01"})}
    assert held["tested since the last change"].held is False
    assert "2026-03-02" in held["tested since the last change"].message
    assert held["pass marks fixed before the tests"].held is True
    assert held["test data collected before the tests"].held is None
    assert held["tested within 365 days"].held is True
    old = {d.name: d for d in dates({"ran": "2025-01-01", "max_age_days": 30}, ["ran"])}
    assert old["tested within 30 days"].held is False and "2025-01-01" in old["tested within 30 days"].message
    assert all(d.held is None for d in dates({}))
