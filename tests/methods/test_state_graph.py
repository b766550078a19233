"""The states of small worlds, known by hand; what was found is said to be whole only where it is."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from momus import worlds
from momus.core.errors import BudgetSpent, TargetError
from momus.methods import state_graph as sg
from momus.methods import state_keys, world_state


class Corridor(gym.Env):
    """Five places in a row and one beyond a step down, from which there is no way back. The last pays and ends."""

    action_space = gym.spaces.Discrete(3)  # left, right, stay
    observation_space = gym.spaces.Discrete(6)
    luck = 0.0
    limit = 10**9

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.steps = 0, 0
        return self.place, {}

    def step(self, action):
        self.steps += 1
        if self.luck and self.np_random.random() < self.luck:
            action = 1
        if action == 0 and self.place not in (0, 3):
            self.place -= 1
        elif action == 1:
            self.place += 1
        return self.place, float(self.place == 5), self.place == 5, self.steps >= self.limit, {}


class Slippery(Corridor):
    luck = 0.3


class Hidden(Corridor):
    """The place is not shown, only whether one has gone down."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        _, *rest = super().step(action)
        return int(self.place >= 3), *rest


class Timed(Corridor):
    limit = 3


def explored(make, features=None, **given):
    rng = np.random.default_rng(0)
    world = world_state.rewindable(make, rng=rng)
    return sg.explore(world, sg.naming(world, features, rng), seeds=[0], rng=rng, **given)


def test_a_corridor_is_known_to_the_last_place() -> None:
    graph, how = explored(Corridor)
    assert (graph.n, graph.complete, graph.random, graph.conflicts, how.hidden) == (6, True, False, 0, False)
    assert graph.ended.tolist() == [False] * 5 + [True]
    steps = graph.steps_between(np.array([0, 4]))
    assert steps[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert steps[1].tolist() == [np.inf, np.inf, np.inf, 1, 0, 1]
    assert len(set(graph.components().tolist())) == 3
    assert graph.rewards.sum() == graph.rewards[4, 1] == 1.0
    for p in graph.moves:
        assert np.allclose(p.sum(axis=1), 1)


def test_chances_are_estimated_and_add_up() -> None:
    graph, _ = explored(Slippery, samples=200)
    assert graph.random and graph.complete
    assert abs(graph.moves[2][0, 1] - 0.3) < 0.12
    assert np.allclose(graph.moves[2].sum(axis=1), 1)


def test_what_is_not_seen_is_found_in_what_the_world_remembers() -> None:
    graph, how = explored(Hidden)
    assert how.hidden and graph.complete and graph.n == 6
    assert [name for _, name in how.attribute_clocks] == ["steps"]


def test_a_bound_is_kept_and_said() -> None:
    graph, _ = explored(Corridor, bound=3)
    assert not graph.complete and "more than 3 states" in graph.stopped
    assert graph.n <= 6 and not graph.closed().any()


def test_a_time_limit_cuts_the_search_and_is_no_end() -> None:
    graph, _ = explored(Timed)
    assert not graph.complete and not graph.ended.any() and graph.n == 4


def test_the_closed_part_stands_alone() -> None:
    graph, _ = explored(Corridor)
    lower = np.arange(6) >= 3
    part = graph.only(lower)
    assert part.n == 3 and part.complete and all(p.shape == (3, 3) for p in part.moves)
    assert sorted(part.index.values()) == [0, 1, 2]


def test_a_spent_budget_ends_the_search() -> None:
    def spent() -> None:
        raise BudgetSpent

    graph, _ = explored(Corridor, check=spent)
    assert graph.stopped == "the budget was spent" and graph.n == 1


def test_continuous_actions_are_said_and_break_nothing() -> None:
    graph, _ = explored(lambda: gym.make("MountainCarContinuous-v0"))
    assert "cannot be counted" in graph.stopped
    assert graph.steps_between(np.array([0])).shape == (1, 1) and len(graph.components()) == 1


def test_an_environment_that_raises_in_a_far_corner_is_one_line() -> None:
    class Trap(Corridor):
        def step(self, action):
            if self.place == 4 and action == 2:
                raise ZeroDivisionError("corner")
            return super().step(action)

    with pytest.raises(TargetError, match="ZeroDivisionError"):
        explored(Trap)


@pytest.mark.parametrize(
    ("id", "states"), [("momus/Vase-v0", 19), ("momus/Sokoban-v0", 66), ("momus/ConveyorVase-v0", 324)]
)
def test_known_worlds(id: str, states: int) -> None:
    graph, _ = explored(lambda: worlds.make(id), lambda env: env.features())
    assert graph.complete and graph.n == states


def test_clocks_among_the_features_are_found() -> None:
    rng = np.random.default_rng(0)
    world = world_state.rewindable(Corridor, rng=rng)

    def features(env):
        return {"place": env.place, "steps": env.steps, "left": -2.0 * env.steps}

    assert state_keys.clock_features(world, features, rng) == ("steps", "left")
    graph, _ = explored(Corridor, features)
    assert graph.names == ("place",) and graph.n == 6


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (np.zeros(3, np.uint8), np.zeros(3, np.uint8), True),
        (np.zeros(3, np.uint8), np.zeros(3, np.int64), False),
        (np.zeros((2, 3)), np.zeros((3, 2)), False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ((1, 23), (12, 3), False),
        (1, 1.0, False),
        (True, 1, False),
        ("1", 1, False),
    ],
)
def test_names_tell_content_and_nothing_else(a, b, same: bool) -> None:
    assert (state_keys.seen(a) == state_keys.seen(b)) is same
    assert state_keys.seen(a) != state_keys.seen(a, ended=True)
