from __future__ import annotations

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.describe import aligned, describe, filled, one_row_per_id, row_keys


def table() -> Samples:
    columns = (
        Column("age"),
        Column("town", ColumnKind.CATEGORICAL, categories=("a", "b", "c")),
        Column("pet_cat", ColumnKind.BINARY, one_hot="pet"),
        Column("pet_dog", ColumnKind.BINARY, one_hot="pet"),
    )
    x = np.array([[30.0, 0, 1, 0], [40.0, 2, 0, 1], [50.0, 1, 0, 0]])
    return Samples(x, np.array([0, 1, 1]), columns=columns)


def test_one_hot_columns_fold_into_one() -> None:
    d = describe(table())
    assert d.names == ("age", "town", "pet")
    assert d.labels == (None, ("a", "b", "c"), ("cat", "dog", "none"))
    assert d.values.tolist() == [[30, 0, 0], [40, 2, 1], [50, 1, 2]]


def test_categories_are_matched_by_name() -> None:
    one, two = table(), table()
    columns = (*two.columns[:1], Column("town", ColumnKind.CATEGORICAL, categories=("c", "a", "d")), *two.columns[2:])
    a, b = aligned(describe(one), describe(Samples(two.x, columns=columns)))
    assert a.labels[1] == b.labels[1] == ("a", "b", "c", "d")
    assert [b.labels[1][int(v)] for v in b.values[:, 1]] == ["c", "d", "a"]


def test_other_columns_are_an_error() -> None:
    other = Samples(np.zeros((2, 1)), columns=(Column("height"),))
    with pytest.raises(ValueError, match="height"):
        aligned(describe(table()), describe(other))


def test_categories_that_are_no_codes_count_as_numbers() -> None:
    s = Samples(np.array([[0.5], [1.5]]), columns=(Column("odd", ColumnKind.CATEGORICAL),))
    assert describe(s).labels == (None,)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_show_light_blur_and_colour(channels: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 9, 7, channels), dtype=np.uint8)
    sharp = describe(Samples(x))
    dark = describe(Samples(x // 2))
    flat = describe(Samples(np.full_like(x, 128)))
    at = sharp.names.index("sharpness")
    assert np.all(sharp.values[:, at] > flat.values[:, at]) and np.all(flat.values[:, at] == 0)
    assert np.all(dark.values[:, 0] < sharp.values[:, 0])
    assert np.isfinite(sharp.values).all() and len(sharp.names) == sharp.values.shape[1]
    assert ("saturation" in sharp.names) == (channels == 3)


def test_missing_values_become_the_reference_median() -> None:
    by = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert filled(np.array([[np.nan, np.nan], [9.0, 1.0]]), by).tolist() == [[2.0, 0.0], [9.0, 1.0]]


def test_row_keys_see_every_difference() -> None:
    x = np.array([[1.0, 2], [1, 2], [1, 3], [0.0, 2], [-0.0, 2]])
    keys = row_keys(Samples(x, np.array([0, 0, 0, 0, 0])))
    assert keys[0] == keys[1] and keys[3] == keys[4] and len(set(keys.tolist())) == 3
    assert row_keys(Samples(x[:1], np.array([1])))[0] != keys[0]


def test_one_row_a_person() -> None:
    ids = np.array(["a", "b", "a", "c", "a"])
    s = Samples(np.zeros((5, 1)), ids=ids)
    rows = [one_row_per_id(s, np.random.default_rng(i)) for i in range(20)]
    assert all(sorted(ids[r]) == ["a", "b", "c"] for r in rows)
    assert len({tuple(r) for r in rows}) > 1
    assert one_row_per_id(Samples(np.zeros((4, 1))), np.random.default_rng(0)).tolist() == [0, 1, 2, 3]
