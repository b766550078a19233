from __future__ import annotations

import numpy as np
import pytest

from momus.stats import paired


def test_a_gain_is_the_difference_of_the_shares() -> None:
    value, ci = paired.gain(30, 10, 200)
    assert value == pytest.approx(0.1) and ci.low < 0.1 < ci.high
    assert paired.gain(0, 0, 100)[0] == 0.0 and paired.gain(0, 0, 100)[1].high < 0.05
    assert paired.gain(5, 0, 5)[1].high <= 1.0 and paired.gain(0, 0, 0)[1].low == -1.0


def test_every_kind_weighs_the_same() -> None:
    value, ci = paired.mean_gain([50, 0], [0, 0], [100, 10_000])
    assert value == pytest.approx(0.25) and ci.low > 0.19
    assert paired.mean_gain([50, 0, 0], [0, 0, 0], [100, 10_000, 0])[0] == pytest.approx(0.25)


@pytest.mark.parametrize(("p", "q", "n"), [(0.1, 0.05, 80), (0.3, 0.3, 60), (0.02, 0.02, 200)])
def test_the_interval_covers(p: float, q: float, n: int) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1500):
        one, two = rng.multinomial(n, [p, q, 1 - p - q])[:2], rng.multinomial(2 * n, [q, p, 1 - p - q])[:2]
        _, ci = paired.mean_gain([one[0], two[0]], [one[1], two[1]], [n, 2 * n])
        held += ci.low <= 0.0 <= ci.high
    assert held / 1500 > 0.935
