"""A world that was taken back goes on as it did the first time, or it is said that it cannot be."""

from __future__ import annotations

import random
from functools import partial

import gymnasium as gym
import minigrid  # noqa: F401 - registers its worlds
import numpy as np
import pytest

from momus.core.errors import TargetError
from momus.methods import world_state as ws


class Walk(gym.Env):
    """A walk on ten places with luck from a generator of its own."""

    observation_space = gym.spaces.Discrete(10)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.place, self.luck = 0, random.Random(seed)
        return self.place, {}

    def step(self, action):
        self.place = (self.place + int(action) + self.luck.randrange(3)) % 10
        return self.place, float(self.place), False, False, {}


class Global(Walk):
    """Its luck comes from a source that nobody can seed or copy."""

    def step(self, action):
        self.place = (self.place + random.SystemRandom().randrange(10)) % 10
        return self.place, 0.0, False, False, {}


class Forgetful(Walk):
    """Its own state leaves the luck out."""

    def state(self):
        return self.place

    def restore(self, state):
        self.place = state


class Own(Forgetful):
    def state(self):
        return self.place, self.luck.getstate()

    def restore(self, state):
        self.place = state[0]
        self.luck.setstate(state[1])


class Uncopied(Walk):
    """Holds something that can be neither pickled nor copied, as simulators do."""

    def __init__(self):
        self.engine = self

    def __getstate__(self):
        raise TypeError("cannot pickle the engine")

    def __deepcopy__(self, memo):
        raise TypeError("cannot copy the engine")


class Handle:
    def __reduce__(self):
        raise TypeError("cannot pickle 'Handle'")


class Held(Walk):
    def __init__(self):
        self.handle = Handle()


def opened(make):
    return ws.rewindable(make, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("make", "how"),
    [(Walk, "copy"), (Own, "state"), (Forgetful, "copy"), (Held, "replay"), (Uncopied, "replay"), (Global, "none")],
)
def test_the_first_way_that_reproduces_the_future_is_taken(make, how) -> None:
    world = opened(make)
    assert world.how == how
    if make is Forgetful:
        assert "another way" in world.why[0]
    if how == "none":
        world.reset(0)
        moment = world.save()
        assert len(world.why) == 2
        with pytest.raises(TargetError, match="cannot be taken back"):
            world.restore(moment)


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Taxi-v4", "CartPole-v1", "MiniGrid-DoorKey-5x5-v0", "Blackjack-v1"])
@pytest.mark.parametrize("how", ["copy", "replay"])
def test_known_environments_go_on_to_the_bit(name: str, how: str) -> None:
    world = ws.rewindable(partial(gym.make, name), rng=np.random.default_rng(1), ways=(how,))
    assert world.how == how
    assert ws.goes_on_equally(world, rng=np.random.default_rng(2), trials=5) == ""


def test_a_moment_can_be_returned_to_often_and_from_another_episode() -> None:
    world = opened(Walk)
    world.reset(3)
    world.step(1)
    moment = world.save()
    futures = []
    for other in (7, 8, 9):
        world.restore(moment)
        futures.append([world.step(1).observation for _ in range(5)])
        world.reset(other)
    assert futures[0] == futures[1] == futures[2]


def test_replay_counts_what_it_costs_and_repeats_new_seeds() -> None:
    world = opened(Uncopied)
    world.reset(3)
    world.step(1)
    world.reseed(5)
    moment = world.save()
    after = [world.step(0).observation for _ in range(6)]
    world.restore(moment)
    assert [world.step(0).observation for _ in range(6)] == after
    assert (world.steps, world.replayed) == (14, 1)


def test_a_new_seed_gives_another_future_and_the_same_seed_the_same() -> None:
    world = opened(Walk)
    world.reset(3)
    moment = world.save()

    def future(seed: int) -> list[int]:
        world.restore(moment)
        assert world.reseed(seed) == 1
        return [world.step(0).observation for _ in range(8)]

    assert future(1) == future(1) != future(2)


def test_restoring_keeps_the_object_that_others_hold() -> None:
    world = ws.rewindable(partial(gym.make, "CliffWalking-v1"), rng=np.random.default_rng(0))
    world.reset(0)
    inner = world.env.unwrapped
    moment, place = world.save(), inner.s
    world.step(0)
    world.restore(moment)
    assert inner.s == place and world.env.unwrapped is inner


def test_an_environment_that_raises_is_one_clear_line() -> None:
    class Broken(Walk):
        def step(self, action):
            raise RuntimeError("motor\n  on fire")

    with pytest.raises(TargetError, match=r"raised RuntimeError in step 1 of .*: motor on fire"):
        opened(Broken)


def test_a_reward_that_is_no_number_is_refused() -> None:
    class Priceless(Walk):
        def step(self, action):
            return 0, float("nan"), False, False, {}

    with pytest.raises(TargetError, match="the reward nan"):
        opened(Priceless)


def test_no_action_space_is_said() -> None:
    class Bare:
        def reset(self, *, seed=None):
            return 0, {}

        def step(self, action):
            return 0, 0.0, False, False, {}

    with pytest.raises(TargetError, match="no action_space"):
        opened(Bare)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.zeros(2), np.zeros((2, 1)), False),
        (np.zeros(2, np.uint8), np.zeros(2), False),
        ({"a": (1, np.ones(2))}, {"a": (1, np.ones(2))}, True),
        ({"a": 1}, {"b": 1}, False),
        (float("nan"), float("nan"), True),
        ("up", "up", True),
        ((1, 2), (1, 2, 3), False),
    ],
)
def test_equality_of_what_is_seen(a, b, same: bool) -> None:
    assert ws.equal(a, b) is same
