"""Empty fields: refused as a rule, read as missing values where the target's card says that it answers such rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from momus.card import DataCard
from momus.core.errors import DataError
from momus.data import read_data

TEXT = "age,job,member,label\n30,clerk,1,0\n,nurse,0,1\n41,,1,0\n52,nurse,,1\n"


@pytest.fixture
def card(tmp_path: Path) -> tuple[DataCard, Path]:
    (tmp_path / "rows.csv").write_text(TEXT)
    return DataCard(path="rows.csv", label="label"), tmp_path


def test_an_empty_field_is_refused_unless_the_target_answers_it(card: tuple[DataCard, Path]) -> None:
    with pytest.raises(DataError, match="missing"):
        read_data(card[0], card[1])


def test_an_empty_field_is_a_missing_value_where_the_card_says_so(card: tuple[DataCard, Path]) -> None:
    samples = read_data(card[0], card[1], missing=True)
    nan = np.nan
    np.testing.assert_array_equal(samples.x, [[30, 0, 1], [nan, 1, 0], [41, nan, 1], [52, 1, nan]])
    age, job, member = samples.columns
    assert (age.low, age.high) == (30, 52)
    assert job.categories == ("clerk", "nurse")
    assert member.kind == "binary"


def test_infinity_and_unknown_categories_are_refused_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,label\n30,0\ninf,1\n")
    with pytest.raises(DataError):
        read_data(DataCard(path="rows.csv", label="label"), tmp_path, missing=True)
    (tmp_path / "jobs.csv").write_text("job,label\nclerk,0\nsmith,1\n")
    told = DataCard.model_validate(
        {"path": "jobs.csv", "label": "label", "columns": {"job": {"categories": ["clerk", "nurse"]}}}
    )
    with pytest.raises(DataError, match="smith"):
        read_data(told, tmp_path, missing=True)


def test_arrays_with_missing_values(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.array([[1.5, np.nan], [2.5, 3.0]]), y=np.array([0, 1]))
    with pytest.raises(DataError, match="missing"):
        read_data(DataCard(path="rows.npz"), tmp_path)
    samples = read_data(DataCard(path="rows.npz"), tmp_path, missing=True)
    assert np.isnan(samples.x[0, 1]) and samples.columns[1].low == 3.0
