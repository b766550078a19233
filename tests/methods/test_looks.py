from __future__ import annotations

import numpy as np
import pytest

from momus.methods.looks import Look, Monitor, first_alarm, spend


def stream(seed: int, shift: float, looks: int = 12, spread: float = 1.0) -> list[Look]:
    """Reference of 200 rows and batches of 60 rows in 3 columns; from the 4th on the last column has moved."""
    rng = np.random.default_rng(seed)
    monitor = Monitor(rng.normal(size=(200, 3)), rng, horizon=looks)
    made = []
    for k in range(looks):
        batch = rng.normal(size=(60, 3))
        if k >= 3:
            batch[:, 2] = batch[:, 2] * spread + shift
        made.append(monitor.look(batch))
    return made


def test_levels_sum_to_alpha() -> None:
    assert sum(spend(k, 0.05) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-3)
    assert sum(spend(k, 0.05, 7) for k in range(1, 20)) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="from 1"):
        spend(0, 0.05)


def test_streams_without_change_seldom_raise_an_alarm() -> None:
    assert sum(first_alarm(stream(s, 0.0)) > 0 for s in range(60)) <= 6  # at most 3 expected, 6 has a chance of 3 %


def test_the_bets_are_fair() -> None:
    """Wealth at a fixed time has mean 1 under no change, even against a reference of five rows."""
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(3000):
        monitor = Monitor(rng.normal(size=(5, 1)), rng)
        monitor.look(rng.normal(size=(2, 1)))
        ends.append(monitor.look(rng.normal(size=(2, 1))).wealth)
    assert np.mean(ends) == pytest.approx(1.0, abs=0.03) and np.std(ends) > 0.05


@pytest.mark.parametrize(("shift", "spread"), [(0.8, 1.0), (-0.8, 1.0), (0.0, 2.5), (0.0, 0.2)])
def test_a_change_is_found_after_it_came_and_named(shift: float, spread: float) -> None:
    for seed in range(3):
        looks = stream(seed, shift, spread=spread)
        found = first_alarm(looks)
        assert 4 <= found <= 9 and looks[found - 1].column == 2


def test_bets_see_what_no_single_batch_shows() -> None:
    looks = stream(1, 0.45, looks=20)
    assert first_alarm(looks) and max(look.wealth for look in looks) >= 40


def test_values_that_appear_missing_are_a_change() -> None:
    rng = np.random.default_rng(0)
    monitor = Monitor(rng.normal(size=(300, 2)), rng)
    batch = rng.normal(size=(100, 2))
    batch[:40, 0] = np.nan
    look = monitor.look(batch)
    assert look.alarm and look.column == 0


def test_odd_batches() -> None:
    rng = np.random.default_rng(0)
    monitor = Monitor(np.ones((50, 2)), rng)
    assert not monitor.look(np.zeros((0, 2))).alarm
    assert not monitor.look(np.ones((500, 2))).alarm  # a constant stays a constant
    with pytest.raises(ValueError, match="2 columns"):
        monitor.look(np.ones((3, 1)))
    with pytest.raises(ValueError, match="two rows"):
        Monitor(np.ones((1, 2)), rng)
    assert first_alarm([]) == 0


def test_ranks_are_uniform_however_small_the_reference() -> None:
    from momus.methods.looks import _ranks

    rng = np.random.default_rng(0)
    u = np.array([_ranks(np.sort(rng.normal(size=(2, 1)), axis=0), rng.normal(size=(1, 1)), rng) for _ in range(3000)])
    assert abs(float(u.mean()) - 0.5) < 0.03 and abs(float(u.var()) - 1 / 12) < 0.01
