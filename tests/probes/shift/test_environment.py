"""The lava world, to the digit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from gymnasium.spaces import Discrete, Tuple

from momus.core.errors import TargetError
from momus.core.registry import get_probe
from momus.judge import decide, limit_for
from momus.methods.rollout import Episode, Step
from momus.probes.shift._returns import drop_interval
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
            self.observation_space = Tuple((Discrete(1), Discrete(10**6)))
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
    assert [(c.code, c.blocks) for c in worse.caveats] == [("untrained", "pass")]
    assert [(c.code, c.blocks) for c in same.caveats] == [("untrained", "pass"), ("constant-reward", "both")]
    assert decide(worse, limit_for(worse.probe, {})).status == "fail"
    assert decide(same, limit_for(same.probe, {})).status == "inconclusive"


def habit(**kinds: object) -> GridPolicy:
    """The middle path in lava worlds with a bad habit: ``raises`` at a step, ``ends`` never, ``leaks`` its luck."""

    class World(GridWorld):
        def step(self, action: int) -> tuple[object, float, bool, bool, dict[str, object]]:
            if kinds.get("raises") and self.steps == kinds["raises"]:
                raise ZeroDivisionError("no road")
            self.steps += 1
            if kinds.get("leaks"):
                np.random.seed(int(self.steps))  # noqa: NPY002
            place, reward, ended, cut, info = super().step(action)
            return place, reward, ended and not kinds.get("endless"), cut and not kinds.get("endless"), info

        def reset(self, *, seed: int | None = None, options: object = None) -> tuple[object, dict[str, object]]:
            found = super().reset(seed=seed)
            if kinds.get("grows"):
                self.action_space = Discrete(2 + (seed or 0) % 3)
            return found

    make = partial(World, LAVA_TRAIN, max_steps=100)
    return GridPolicy("odd", {"train": partial(GridWorld, LAVA_TRAIN), "test": make}, by_path("DDRRRRRRUU"))


def test_a_world_that_raises_is_named_with_its_line() -> None:
    with pytest.raises(TargetError, match="the environment raised ZeroDivisionError in step 4 of the episode") as told:
        probe(habit(raises=3), episodes=3)
    assert "test_environment.py:" in str(told.value.place)


def test_a_world_that_leaks_its_luck_is_named() -> None:
    m = probe(habit(leaks=True), episodes=3)
    assert [(c.code, c.message[:5]) for c in m.caveats] == [("global-random", "test:")]


def test_a_world_that_changes_its_spaces_leaves_the_verdict_open() -> None:
    m = probe(habit(grows=True), episodes=3)
    assert [c.code for c in m.caveats] == ["spaces-change"]
    assert decide(m, limit_for(m.probe, {})).status == "inconclusive"


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_few_episodes_cover_what_they_should(n: int, paired: bool) -> None:
    """Two worlds alike: nothing is lost, and an interval of two episodes must say so as often as one of twenty."""
    rng, outside = np.random.default_rng(n), 0
    for _ in range(200):
        a, b = rng.normal(10, 3, n), rng.normal(10, 3, n)
        played = [Episode((Step(0, 0, float(v), True, False, {}),), i) for i, v in enumerate(b)]
        ci = drop_interval(a, b, played, rng, paired=paired)
        outside += not ci.low <= 0 <= ci.high
    assert outside <= 200 * 0.1


def test_one_episode_is_too_few() -> None:
    m = probe(walker("DDRRRRRRUU"), episodes=1)
    assert m.caveats[0].code == "too-few-samples"
    assert decide(m, limit_for(m.probe, {})).status == "inconclusive"


class Endless(GridWorld):
    """The goal is no end."""

    def step(self, action: int) -> tuple[object, float, bool, bool, dict[str, object]]:
        self.steps += 1
        return self.place, float(action == 3), False, False, {}


def test_a_world_that_never_ends_is_cut_off_and_counted() -> None:
    policy = GridPolicy("p", dict.fromkeys(("train", "test"), partial(Endless, LAVA_TRAIN)), by_path("RU"))
    m = probe(policy, episodes=3, max_steps=20)
    assert m.figure("cut_share_test").value == 1.0
    assert [c.code for c in m.caveats] == ["episodes-cut", "episodes-cut"]
    assert m.value == 0
