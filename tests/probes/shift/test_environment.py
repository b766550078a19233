"""The lava world, to the digit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from momus.core.registry import get_probe
from momus.judge import decide, limit_for
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


def paid(train: float, test: float | None = None) -> GridPolicy:
    """A policy in worlds of one move: train pays ``train``, test pays ``test`` or 1 with a chance of four in five."""

    class World(GridWorld):
        def __init__(self, pay: float | None) -> None:
            super().__init__(LAVA_TRAIN)
            self.pay = pay

        def step(self, action: int) -> tuple[tuple[int, int], float, bool, bool, dict[str, object]]:
            luck = self._luck.random()
            return (0, int(luck * 1e6)), float(luck < 0.8) if self.pay is None else self.pay, True, False, {}

        def reset(
            self, *, seed: int | None = None, options: object = None
        ) -> tuple[tuple[int, int], dict[str, object]]:
            super().reset(seed=seed)
            self._luck = np.random.default_rng(seed)
            return (0, int(self._luck.random() * 1e6)), {}

    return GridPolicy("paid", {"train": partial(World, train), "test": partial(World, test)}, lambda _place, _step: 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_few_agreeing_episodes_are_no_certainty(seed: int) -> None:
    """Four successes in a row happen to two in five policies that fail one time in five."""
    m = probe(paid(1.0), episodes=4, seed=seed)
    assert m.ci.high >= 0.2


def test_a_world_that_repeats_itself_move_by_move_leaves_no_doubt() -> None:
    m = probe(walker("DDRRRRRRUU"), episodes=4)
    assert m.ci.low == m.ci.high == m.value == 0.0


def test_a_loss_that_grows_is_a_fall_and_one_that_stays_is_no_pass() -> None:
    worse, same = probe(paid(-10.0, -60.0), episodes=100), probe(paid(-10.0, -10.0), episodes=100)
    assert worse.value == 5.0
    assert [(c.code, c.blocks) for c in worse.caveats + same.caveats] == [("untrained", "pass")] * 2
    assert decide(worse, limit_for(worse.probe, {})).status == "fail"
    assert decide(same, limit_for(same.probe, {})).status == "inconclusive"
