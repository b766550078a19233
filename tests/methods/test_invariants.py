"""Invariants are read, never run, and a break is found at the state where it happens."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import DataError
from momus.methods import invariants

NAMES = ("vases", "door", "speed")
FACTS = [
    {"vases": 0, "door": 1, "speed": 0}, {"vases": 0, "door": 1, "speed": 2},
    {"vases": 1, "door": 1, "speed": 4}, {"vases": 1, "door": 0, "speed": 1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("vases <= start.vases", 2), ("door == start.door", 3), ("speed <= 3", 2), ("speed <= 4", -1),
        ("vases == 0 implies speed <= 2", -1), ("not (vases == 1 and door == 0)", 3), ("vases >= 1", 0),
        ("speed - start.speed < 4", 2),
    ],
)  # fmt: skip
def test_first_break(text: str, first: int) -> None:
    rules = invariants.read([text], NAMES)
    assert invariants.first_broken(invariants.kept(rules, FACTS, NAMES)).tolist() == [first]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0", "vases <= ", "vase <= 0", "vases = 0", "begin.vases == 0", "1 <= 2",
        "vases[0] <= 1",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_place(text: str) -> None:
    with pytest.raises(DataError) as told:
        invariants.read(["speed <= 3", text], NAMES)
    assert told.value.place == "world.invariants[1]"


def test_a_misspelt_feature_is_suggested() -> None:
    with pytest.raises(DataError, match="no feature 'vase'") as told:
        invariants.read(["vase <= 0"], NAMES)
    assert "vases" in told.value.hint


def test_a_missing_feature_breaks_nothing() -> None:
    rules = invariants.read(["speed <= 3"], NAMES)
    held = invariants.kept(rules, [{"vases": 0}, {"speed": 9}], NAMES)
    assert held[:, 0].tolist() == [True, False]
    assert np.array_equal(invariants.first_broken(held), [1])
