from __future__ import annotations

import pytest

from momus.stats.intervals import wilson
from momus.stats.power import least_n_to_pass


@pytest.mark.parametrize(("limit", "n"), [(0.2, 16), (0.1, 35), (0.05, 73), (0.01, 381)])
def test_known_values(limit: float, n: int) -> None:
    assert least_n_to_pass(limit) == n


@pytest.mark.parametrize("limit", [0.003, 0.02, 0.3, 0.6])
def test_it_is_the_least(limit: float) -> None:
    n = least_n_to_pass(limit)
    assert wilson(0, n).high <= limit < wilson(0, n - 1).high


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.1])
def test_limits_outside_are_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        least_n_to_pass(limit)
