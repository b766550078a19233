"""The lava world, to the digit."""

from __future__ import annotations

from functools import partial

import pytest

from momus.core.registry import get_probe
from momus.zoo.worlds import LAVA_TEST_1, LAVA_TRAIN, GridPolicy, GridWorld, by_path

probe = get_probe("shift.environment")


def walker(path: str) -> GridPolicy:
    return GridPolicy(
        "walker", {"train": partial(GridWorld, LAVA_TRAIN), "test": partial(GridWorld, LAVA_TEST_1)}, by_path(path)
    )


@pytest.mark.parametrize(("path", "train", "test"), [("DRRRRRRU", 42, -53), ("DDRRRRRRUU", 40, 40)])
def test_lava(path: str, train: float, test: float) -> None:
    m = probe(walker(path), episodes=5)
    assert m.figure("train_return").value == train
    assert m.figure("test_return").value == test
    assert m.value == pytest.approx((train - test) / train)


def test_a_policy_that_never_earned_anything_has_nothing_to_lose() -> None:
    m = probe(walker("U"), episodes=3)
    assert [c.code for c in m.caveats] == ["untrained"]
