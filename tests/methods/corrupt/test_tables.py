"""Corruptions of tables: what each does to which cells, on what scale, and what it leaves alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.methods.corrupt import tables
from momus.methods.corrupt.tables import NAMES, SETTINGS, corrupt, reason, table_facts
from momus.methods.corrupt.tables_facts import TableFacts, folded
from momus.methods.corrupt.tables_ways import like_pairs, neighbour_pairs

COLUMNS = (
    Column("income", ColumnKind.NUMERIC),
    Column("spending", ColumnKind.NUMERIC),
    Column("visits", ColumnKind.INTEGER),
    Column("body temperature", ColumnKind.NUMERIC),
    Column("colour", ColumnKind.CATEGORICAL, 0, 4, ("red", "green", "blue", "other", "white")),
    *(Column(f"region_{w}", ColumnKind.BINARY, one_hot="region") for w in ("a", "b", "c")),
)
N = 2000


def people(n: int = N, seed: int = 0) -> NumpyArray:
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 3, n)[:, None] == np.arange(3)
    return np.column_stack([
        rng.normal(50, 10, n), rng.normal(48, 11, n), rng.integers(0, 30, n), rng.normal(37, 1, n),
        rng.choice(5, n, p=(0.4, 0.3, 0.2, 0.05, 0.05)), region,
    ]).astype(float)  # fmt: skip


X = people()
FACTS = table_facts(X, COLUMNS)


def changed(name: str, severity: int, facts: TableFacts = FACTS, x: NumpyArray = X) -> NumpyArray:
    """(n, f) booleans, fields that are not as they were."""
    a, b = folded(x, facts), folded(corrupt(x, name, severity, 7, facts), facts)
    return ~((a == b) | (np.isnan(a) & np.isnan(b)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_same_seed_same_bytes_in_any_batch(name: str, severity: int) -> None:
    whole = corrupt(X, name, severity, 3, FACTS)
    parts = [corrupt(X[i : i + 333], name, severity, 3, FACTS, rows=np.arange(i, min(i + 333, N)))
             for i in range(0, N, 333)]  # fmt: skip
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    assert whole.tobytes() == corrupt(X, name, severity, 3, FACTS).tobytes()
    if name not in ("rounding", "coarse_bins", "merged_categories"):  # these have no chance in them, or little
        assert whole.tobytes() != corrupt(X, name, severity, 4, FACTS).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_one_hot_groups_stay_valid_and_whole_numbers_whole(name: str) -> None:
    for severity in range(1, 6):
        made = corrupt(X, name, severity, 1, FACTS)
        assert np.isfinite(made).all()
        assert np.array_equal(np.sort(made[:, 5:], axis=1), np.tile([0.0, 0.0, 1.0], (N, 1)))
        assert np.array_equal(made[:, 2], np.rint(made[:, 2]))
        assert np.isin(made[:, 4], np.arange(5)).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("rounding", "coarse_bins")])
def test_what_is_damaged_stays_damaged(name: str) -> None:
    masks = [changed(name, s) for s in range(1, 6)]
    for mild, severe in pairwise(masks):
        assert (severe | ~mild).all() and severe.sum() >= mild.sum()
    assert masks[4].any()


@pytest.mark.parametrize(("name", "fields"), [
    ("unit_scale", [0, 1, 3]), ("sign_flip", [0, 1, 3]), ("sentinel", [0, 1, 3]), ("unit_convert", [3]),
    ("off_by_one", [2]), ("stale", [0, 1, 3]),
])  # fmt: skip
def test_shares_are_as_stated(name: str, fields: list[int]) -> None:
    for severity in range(1, 6):
        share = SETTINGS[name][1][severity - 1]
        assert changed(name, severity)[:, fields].mean() == pytest.approx(share, abs=0.03)


def test_lost_values_are_the_usual_ones_or_missing() -> None:
    made = corrupt(X, "missing_random", 5, 1, FACTS)
    hit = changed("missing_random", 5)
    made = corrupt(X, "missing_random", 5, 7, FACTS)
    assert (made[hit[:, 0], 0] == np.median(X[:, 0])).all()
    assert (made[hit[:, 4], 4] == 0).all()  # red is the commonest
    gaps = table_facts(X, COLUMNS, missing=True)
    made = corrupt(X, "missing_random", 5, 7, gaps)
    assert np.isnan(made[:, 0]).mean() == pytest.approx(0.4, abs=0.04)
    group = np.isnan(made[:, 5:])
    assert np.array_equal(group.all(axis=1), group.any(axis=1)) and group.any()


def test_a_block_takes_neighbours_for_ten_rows() -> None:
    gaps = table_facts(X, COLUMNS, missing=True)
    hit = changed("missing_block", 3, gaps)
    runs = hit.reshape(-1, 10, hit.shape[1])
    assert (runs == runs[:, :1]).all()
    rows = hit[hit.any(axis=1)]
    assert (rows.sum(axis=1) == 2).all()  # a third of six fields
    assert ((rows & np.roll(rows, -1, axis=1)).sum(axis=1) == 1).all()
    assert hit.any(axis=1).mean() == pytest.approx(0.4, abs=0.1)


def test_whole_columns_go_at_once() -> None:
    gaps = table_facts(X, COLUMNS, missing=True)
    hit = changed("missing_column", 5, gaps)
    assert (hit.sum(axis=1) == 3).all()  # four tenths of six, rounded up
    assert len(np.unique(hit, axis=0)) <= 16
    assert (changed("missing_column", 1, gaps).sum(axis=1) == 1).all()


def test_units_slip_by_their_own_factor() -> None:
    made = corrupt(X, "unit_convert", 5, 7, FACTS)
    hit = changed("unit_convert", 5)
    assert np.allclose(made[hit[:, 3], 3], X[hit[:, 3], 3] * 1.8 + 32)
    assert not hit[:, [0, 1, 2, 4, 5]].any()
    made = corrupt(X, "unit_scale", 5, 7, FACTS)
    ratio = made[changed("unit_scale", 5)[:, 0], 0] / X[changed("unit_scale", 5)[:, 0], 0]
    assert {float(r) for r in np.unique(ratio.round(4))} == {0.001, 10.0, 1000.0}


@pytest.mark.parametrize(("name", "low", "high", "factor"), [
    ("HeightCm", 150, 200, 2.54), ("body_weight", 40, 90, 2.2046), ("humidity", 0, 1, 100.0),
    ("interest rate", 0.0, 90.0, 0.01), ("pct_used", 0, 100, 0.01), ("speed", 0, 300, 1.6093), ("income", 0, 1, 1.0),
    ("age", 18, 80, 12.0), ("rated", 0, 5, 1.0), ("outside_temp", -10, 40, 1.8),
])  # fmt: skip
def test_a_name_tells_its_unit(name: str, low: float, high: float, factor: float) -> None:
    x = np.linspace(low, high, 50)[:, None] + 0.001 * np.array([[0.0]])
    facts = table_facts(x, (Column(name, ColumnKind.NUMERIC),))
    assert facts.fields[0].factor == pytest.approx(factor)
    assert bool(reason("unit_convert", facts)) == (factor == 1.0)


def test_swaps_exchange_two_cells_of_a_row() -> None:
    assert like_pairs(FACTS) == [(0, 1)] and neighbour_pairs(FACTS) == [(0, 1)]
    made = corrupt(X, "swapped_like", 5, 7, FACTS)
    hit = changed("swapped_like", 5)
    assert np.array_equal(hit[:, 0], hit[:, 1]) and not hit[:, 2:].any()
    assert np.array_equal(made[hit[:, 0]][:, [1, 0]], X[hit[:, 0]][:, :2])
    assert hit[:, 0].mean() == pytest.approx(0.5, abs=0.05)


def test_stale_values_are_older_where_rows_have_a_time() -> None:
    x = np.arange(1000.0)[:, None] + np.array([[0.25]])  # each value is its own time
    order = np.random.default_rng(0).permutation(1000)
    facts = table_facts(x[order], (Column("clock", ColumnKind.NUMERIC),), time=order.astype(float))
    made = corrupt(x, "stale", 5, 2, facts, time=np.arange(1000.0))
    hit = made != x
    assert hit.mean() == pytest.approx(0.5, abs=0.06)
    assert (made[hit] < x[hit]).all() and (x[hit] - made[hit]).max() <= 101
    plain = table_facts(x, (Column("clock", ColumnKind.NUMERIC),))
    made = corrupt(x, "stale", 5, 2, plain)
    assert (made > x).any() and np.isin(made, x).all()


def test_a_stuck_sensor_repeats_one_value_for_ten_rows() -> None:
    made, hit = corrupt(X, "stuck", 5, 7, FACTS), changed("stuck", 5)
    runs = made[:, 0].reshape(-1, 10)
    stuck = hit[:, 0].reshape(-1, 10).any(axis=1)
    assert stuck.mean() == pytest.approx(0.5, abs=0.12)
    assert (runs[stuck] == runs[stuck][:, :1]).all() and np.isin(runs[stuck][:, 0], X[:, 0]).all()


def test_rounding_and_bins_coarsen() -> None:
    for severity in range(1, 6):
        made = corrupt(X, "rounding", severity, 1, FACTS)
        step = SETTINGS["rounding"][1][severity - 1] * FACTS.fields[0].spread
        assert np.abs(made[:, 0] - X[:, 0]).max() <= step / 2 + 1e-9
        bins = int(SETTINGS["coarse_bins"][1][severity - 1])
        made = corrupt(X, "coarse_bins", severity, 1, FACTS)
        values, counts = np.unique(made[:, 0], return_counts=True)
        assert len(values) == bins and np.isin(values, X[:, 0]).all()
        assert counts.min() > 0.8 * N / bins and counts.max() < 1.2 * N / bins
    assert (np.diff(corrupt(X, "coarse_bins", 1, 1, FACTS)[np.argsort(X[:, 0]), 0]) >= 0).all()


def test_off_by_one_stays_inside_the_range() -> None:
    made = corrupt(X, "off_by_one", 5, 7, FACTS)
    assert (np.abs(made[:, 2] - X[:, 2]) == 1).all()
    assert made[:, 2].min() >= X[:, 2].min() and made[:, 2].max() <= X[:, 2].max()


def test_category_drift() -> None:
    unseen = corrupt(X, "unseen_category", 5, 7, FACTS)
    assert (unseen[changed("unseen_category", 5)[:, 4], 4] == 3).all()  # the level called other
    gaps = table_facts(X, COLUMNS, missing=True)
    assert np.isnan(corrupt(X, "unseen_category", 5, 7, gaps)[:, 4]).mean() == pytest.approx(0.5, abs=0.05)
    counts = [len(np.unique(corrupt(X, "merged_categories", s, 7, FACTS)[:, 4])) for s in range(1, 6)]
    assert counts == [4, 4, 3, 2, 1]
    moved = changed("recoded", 3)
    made = corrupt(X, "recoded", 3, 7, FACTS)
    assert np.array_equal(made[moved[:, 4], 4], (X[moved[:, 4], 4] + 1) % 5)
    assert np.array_equal(moved[:, 4], moved[:, 5])  # the whole row came from the other list
    even = corrupt(X, "moved_shares", 5, 7, FACTS)
    assert np.mean(even[:, 4] == 4) > np.mean(X[:, 4] == 4) + 0.03


def test_what_cannot_happen_is_said() -> None:
    numbers = table_facts(X[:, :1], COLUMNS[:1])
    assert reason("recoded", numbers) == "no column of categories"
    assert "like range" in reason("swapped_like", numbers)
    assert reason("missing_random", numbers) == ""
    constant = table_facts(np.ones((20, 2)), ())
    assert reason("unit_scale", constant) == "no numeric column that varies"
    assert not reason("missing_random", constant)


def test_empty_and_constant_columns_are_left_alone() -> None:
    x = np.column_stack([np.full(50, np.nan), np.ones(50), np.arange(50.0)])
    facts = table_facts(x, missing=True)
    assert facts.empty == ("column 0",)
    for name in NAMES:
        for severity in (1, 5):
            made = corrupt(x, name, severity, 0, facts)
            assert np.isnan(made[:, 0]).all()
    nothing = table_facts(np.full((5, 2), np.nan), missing=True)
    assert np.isnan(corrupt(np.full((5, 2), np.nan), "stale", 5, 0, nothing)).all()
    assert reason("stale", nothing) == "every column is empty"


def test_great_numbers_are_no_codes() -> None:
    x = np.array([[0.0, -1.0], [1e12, 2.5], [0.0, -1.0]])
    facts = table_facts(x, tuple(Column(n, ColumnKind.CATEGORICAL) for n in "ab"))
    assert [f.kind for f in facts.fields] == ["number", "number"]
    assert table_facts(np.array([[0.0], [1.0]])).fields[0].kind == "code"


@given(st.integers(0, 5), st.integers(1, 4), st.sampled_from(NAMES), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_any_small_table(n: int, d: int, name: str, severity: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([0.0, 1.0, -3.5, 1e12, np.nan], (n, d))
    before = x.copy()
    made = corrupt(x, name, severity, seed, table_facts(x, missing=bool(seed % 2)))
    assert made.shape == x.shape and not np.isinf(made).any()
    assert np.isnan(made[np.isnan(x)]).all() and np.array_equal(x, before, equal_nan=True)


def test_wrong_names_severities_and_shapes() -> None:
    with pytest.raises(DataError, match="no corruption 'fog'"):
        corrupt(X, "fog", 1, 0, FACTS)
    with pytest.raises(DataError, match="severity 6"):
        corrupt(X, "stale", 6, 0, FACTS)
    with pytest.raises(DataError, match="8 columns"):
        corrupt(X[:, :2], "stale", 1, 0, FACTS)
    assert set(SETTINGS) == set(NAMES) == {n for f in tables.FAMILIES.values() for n in f}
    assert all(len(numbers) == 5 for _, numbers in SETTINGS.values())
