from __future__ import annotations

import numpy as np
import pytest
import scipy

from momus.methods import one_run


@pytest.mark.parametrize(
    ("m", "guesses", "right", "delta", "printed"),
    [(1000, 100, 75, 1e-4, 0.673), (100_000, 1510, 1439, 1e-5, 2.675)],
)
def test_the_papers_own_numbers(m: int, guesses: int, right: int, delta: float, printed: float) -> None:
    """arXiv:2305.08846 prints both: appendix D and section 7 (rounded once, cut off once)."""
    assert one_run.epsilon_lower(m, guesses, right, delta) == pytest.approx(printed, abs=1e-3)


def test_without_delta_it_is_the_binomial_tail() -> None:
    assert one_run.p_value(100, 100, 75, np.log(3), 0.0) == pytest.approx(scipy.stats.binom.sf(74, 100, 0.75))
    low = one_run.epsilon_lower(500, 200, 190, 0.0)
    assert one_run.p_value(500, 200, 190, low, 0.0) == pytest.approx(0.05, abs=1e-6)


def test_delta_and_abstained_canaries_cost() -> None:
    plain = one_run.epsilon_lower(1000, 100, 90, 0.0)
    some = one_run.epsilon_lower(1000, 100, 90, 1e-4)
    more = one_run.epsilon_lower(10_000, 100, 90, 1e-4)
    assert plain > some > more > 0


def test_the_correction_by_hand() -> None:
    # m = r = 2, v = 1, epsilon 0: tail P[B >= 1] = 3/4; max over i of P[1 > B >= 1 - i] / i is P[B = 0] = 1/4.
    assert one_run.p_value(2, 2, 1, 0.0, 0.01) == pytest.approx(0.75 + 2 * 2 * 0.01 * 0.25)
    assert one_run.p_value(2, 2, 0, 0.0, 0.01) == 1.0


def test_nonsense_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="right of"):
        one_run.p_value(10, 5, 6, 0.0, 0.0)


def test_no_rule_of_a_useless_attack_finds_anything() -> None:
    """Picking the best of all rules afterwards must not break the promise: 5 % of 200 audits may exceed the truth."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        signals = {"a": rng.normal(size=300), "b": rng.normal(size=300)}
        rules = one_run.audit(signals, rng.random(300) < 0.5, delta=0.0)
        wrong += max(r.lower for r in rules) > 0
    assert wrong <= 20


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_randomised_response_is_bounded_by_its_own_epsilon(epsilon: float) -> None:
    """The theorem is tight for it: every coin answered rightly with probability e^eps / (1 + e^eps)."""
    rng = np.random.default_rng(1)
    above, found = 0, []
    for _ in range(100):
        inside = rng.random(1000) < 0.5
        said = inside ^ (rng.random(1000) > 1 / (1 + np.exp(-epsilon)))
        rules = one_run.audit({"answer": said + 1e-6 * rng.normal(size=1000)}, inside, delta=0.0)
        best = max(r.lower for r in rules)
        above += best > epsilon
        found.append(best)
        assert max(r.upper for r in rules) > epsilon * 0.9
    assert above <= 10
    assert np.mean(found) > 0.6 * epsilon


def test_all_coins_known() -> None:
    inside = np.arange(1000) % 2 == 0
    rules = one_run.audit({"coin": inside.astype(float)}, inside, delta=1e-5)
    best = max(rules, key=lambda r: r.lower)
    assert best.guesses == best.right == 1000 and best.lower > 4
    assert max(r.upper for r in rules) == one_run.MOST


def test_upside_down_scores_are_neither_finding_nor_pass() -> None:
    inside = np.arange(400) % 2 == 0
    rules = one_run.audit({"coin": -inside.astype(float)}, inside, delta=1e-5)
    assert max(r.lower for r in rules) == 0, "guesses are counted as they were made"
    assert max(r.upper for r in rules) == one_run.MOST, "and yet something was learned: no ground for a pass"


@pytest.mark.parametrize("m", [1, 2, 9, 10, 11])
def test_few_canaries_show_little(m: int) -> None:
    inside = np.arange(m) % 2 == 0
    rules = one_run.audit({"coin": inside.astype(float)}, inside, delta=0.0)
    assert all(0 <= r.lower <= r.upper <= one_run.MOST for r in rules)
    assert max(r.upper for r in rules) == one_run.MOST
