from __future__ import annotations

import numpy as np

from momus.methods.slices import sweep


def planted(n: int, d: int, seed: int, rate: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, (n, d))
    wrong = rng.random(n) < 0.1
    hit = (codes[:, 0] == 1) & (codes[:, 1] == 2)
    wrong[hit] = rng.random(int(hit.sum())) < rate
    return codes, wrong


def test_a_planted_pair_is_found_alone() -> None:
    codes, wrong = planted(5000, 8, 0)
    found = sweep(codes, [5] * 8, wrong)
    assert [(s.columns, s.codes) for s in found.worst] == [((0, 1), (1, 2))]
    s = found.worst[0]
    assert s.p < 1e-6 and s.rate > 0.4 and 0.08 < s.rest_rate < 0.12
    assert s.n == np.sum((codes[:, 0] == 1) & (codes[:, 1] == 2))


def test_a_single_column_is_named_as_such() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, (4000, 6))
    wrong = rng.random(4000) < np.where(codes[:, 3] == 2, 0.3, 0.1)
    assert [(s.columns, s.codes) for s in sweep(codes, [4] * 6, wrong).worst] == [((3,), (2,))]


def test_two_separate_slices_are_both_found() -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (6000, 6))
    bad = (codes[:, 3] == 2) | ((codes[:, 0] == 1) & (codes[:, 5] == 0))
    wrong = rng.random(6000) < np.where(bad, 0.4, 0.1)
    assert {s.columns for s in sweep(codes, [4] * 6, wrong).worst} == {(3,), (0, 5)}


def test_chance_alone_is_seldom_called() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        alarms += bool(sweep(rng.integers(0, 4, (1500, 10)), [4] * 10, rng.random(1500) < 0.15).worst)
    assert alarms <= 6  # 5 % of 60 is 3


def test_nothing_to_find() -> None:
    codes = np.zeros((500, 2), int)
    assert sweep(codes, [1, 1], np.zeros(500, bool)).worst == ()
    assert sweep(codes, [1, 1], np.ones(500, bool)).worst == ()
    assert sweep(codes[:3], [1, 1], np.array([True, False, True])).looked == 0


def test_a_planted_slice_among_100_000_rows_and_20_columns() -> None:
    codes, wrong = planted(100_000, 20, 3)
    found = sweep(codes, [5] * 20, wrong)
    assert found.worst[0].columns == (0, 1)
