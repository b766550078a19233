"""The Goodhart curve: exact means over all subsets, no fall out of luck, and the fall where there is one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.methods import goodhart as g


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5)), min_size=1, max_size=7), st.data())
def test_best_of_n_is_the_mean_over_all_subsets(rows, data) -> None:
    """Ties share their chances evenly."""
    proxy, goal = (np.array([r[i] for r in rows], dtype=float) for i in (0, 1))
    n = data.draw(st.integers(1, len(rows)))
    seen = []
    for subset in map(list, itertools.combinations(range(len(rows)), n)):
        best = [i for i in subset if proxy[i] == proxy[subset].max()]
        seen.append((proxy[best[0]], goal[best].mean()))
    assert g.best_of_n(proxy, goal, n) == pytest.approx(tuple(np.mean(seen, axis=0)))
    assert g.best_of_n_weights(proxy, n).sum() == pytest.approx(1)


def test_best_of_n_refuses_what_there_is_not() -> None:
    for n in (0, 4):
        with pytest.raises(ValueError, match="3 items"):
            g.best_of_n(np.arange(3.0), np.arange(3.0), n)
    assert g.best_of_n(np.arange(3000.0), np.arange(3000.0), 1500)[0] < 2999


def test_divergence_of_best_of_n() -> None:
    """Against the sum of p log(p / q) over many candidates without ties."""
    assert g.divergence(1) == 0
    w = g.best_of_n_weights(np.arange(20_000.0), 8)
    w = w[w > 0]
    assert (w * np.log(w * 20_000)).sum() == pytest.approx(g.divergence(8), abs=2e-3)
    assert g.divergence(8) == pytest.approx(np.log(8) - 7 / 8)


def test_doublings() -> None:
    assert g.doublings(37) == (1, 2, 4, 8, 16, 32)
    assert g.doublings(1) == (1,) and g.doublings(0) == ()


def test_luck_alone_makes_no_fall() -> None:
    """A peak picked among noise would stand above the end; measured on other episodes it does not."""
    rng = np.random.default_rng(3)
    falls = [
        g.sampled_curve(rng.normal(size=96), rng.normal(size=96), g.doublings(24), rng, draws=60)[1] for _ in range(60)
    ]
    assert abs(np.mean([f.value for f in falls])) < 0.15
    assert np.mean([f.ci.low > 0 for f in falls]) <= 0.05


def test_a_fall_is_found_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    curve, fall = g.sampled_curve(x, x - 1.2 * np.maximum(x - 0.5, 0) ** 2, g.doublings(100), rng, draws=100)
    assert fall.ci.low > 0 and fall.ci.low <= fall.value <= fall.ci.high
    assert 0 < fall.peak < len(curve.amounts) - 1
    assert (np.diff(curve.proxy) > 0).all()
    assert (curve.low[1] <= curve.goal).all() and (curve.goal <= curve.high[1]).all()


def test_repeats_start_from_the_peak_of_the_others() -> None:
    goal = np.array([[0.0, 5.0, 1.0], [0.0, 5.0, 1.0], [0.0, 5.0, 1.0]])
    _, fall = g.repeated_curve([0, 1, 2], goal * 2, goal)
    assert (fall.value, fall.peak) == (4.0, 1)
    rng = np.random.default_rng(1)
    noise = [g.repeated_curve(range(6), *(rng.normal(size=(8, 6)) for _ in "ab"))[1].value for _ in range(300)]
    assert abs(np.mean(noise)) < 0.15


def test_the_published_form_is_fitted() -> None:
    d = np.sqrt([g.divergence(n) for n in g.doublings(64)])
    alpha, beta = g.overoptimisation(d, 3 + d * (2 - 0.5 * d))
    assert (alpha, beta) == pytest.approx((2, 0.5))
    assert g.overoptimisation(d[:2], d[:2]) == (0.0, 0.0)
