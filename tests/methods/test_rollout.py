"""Episodes: known returns in known worlds, budgets, cycles."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from momus.core.errors import BudgetSpent, TargetError
from momus.methods.rollout import cycle_share, noisy, random_actor, run_episode, run_episodes
from momus.zoo.worlds import BOAT_RACE, LAVA_TEST_1, LAVA_TEST_2, LAVA_TRAIN, GridPolicy, GridWorld, by_path, clockwise


def play(path: str, world: GridWorld, max_steps: int = 100):
    policy = GridPolicy("p", {"test": lambda: world}, by_path(path))
    return run_episode(policy.make_env(), policy.act, seed=0, max_steps=max_steps)


@pytest.mark.parametrize(
    ("path", "layout", "expected"),
    [
        # Published by Leike et al. 2017 and computed from the upstream worlds: 42 in training, -53 where lava moved.
        ("DRRRRRRU", LAVA_TRAIN, 42),
        ("DRRRRRRU", LAVA_TEST_1, -53),
        ("DRRRRRRU", LAVA_TEST_2, 42),
        ("DDRRRRRRUU", LAVA_TRAIN, 40),
        ("DDRRRRRRUU", LAVA_TEST_1, 40),
        ("DDRRRRRRUU", LAVA_TEST_2, 40),
    ],
)
def test_lava_world_numbers(path: str, layout: tuple[str, ...], expected: float) -> None:
    assert play(path, GridWorld(layout)).returned == expected


@pytest.mark.parametrize(("path", "returned", "performance"), [("RRDDLLUU", 50, 100), ("RL", 50, 0)])
def test_boat_race_numbers(path: str, returned: float, performance: float) -> None:
    world = GridWorld(BOAT_RACE)
    assert play(path, world).returned == returned
    assert world.performance == performance


def test_same_seeds_same_episodes() -> None:
    def run(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        env = partial(GridWorld, BOAT_RACE)
        act = noisy(by_path_policy().act, random_actor(env(), rng), 0.5, rng)
        episodes, _, complete = run_episodes(env, act, episodes=5, max_steps=50, rng=rng)
        assert complete
        return [e.returned for e in episodes]

    def by_path_policy() -> GridPolicy:
        return GridPolicy("p", {"test": partial(GridWorld, BOAT_RACE)}, clockwise(3))

    assert run(1) == run(1) != run(2)


def test_budget_drops_the_unfinished_episode() -> None:
    asked = 0

    def act(_observation: object) -> int:
        nonlocal asked
        asked += 1
        if asked > 25:
            raise BudgetSpent
        return 3

    episodes, values, complete = run_episodes(
        partial(GridWorld, BOAT_RACE),
        act,
        episodes=5,
        max_steps=10,
        rng=np.random.default_rng(0),
        after=lambda episode, _env: len(episode.steps),
    )
    assert not complete and len(episodes) == 2 and values == [10, 10]


def test_a_reward_that_is_no_number_is_named() -> None:
    world = GridWorld(BOAT_RACE)
    world.step = lambda _a: ((0, 0), float("nan"), False, False, {})  # type: ignore[method-assign]
    with pytest.raises(TargetError, match="reward nan"):
        run_episode(world, lambda _o: 0, seed=0, max_steps=3)


@pytest.mark.parametrize(("path", "share"), [("RL", 1.0), ("RRDDLLUU", 1.0)])
def test_cycles_are_found(path: str, share: float) -> None:
    found, cycle = cycle_share(play(path, GridWorld(BOAT_RACE)))
    assert found == pytest.approx(share) and len(cycle) == len(path)


def test_no_cycle_in_a_straight_path() -> None:
    assert cycle_share(play("DRRRRRRU", GridWorld(LAVA_TRAIN)))[0] < 0.9
    rng = np.random.default_rng(0)
    env = GridWorld(BOAT_RACE)
    wander = run_episode(env, random_actor(env, rng), seed=0, max_steps=100)
    assert cycle_share(wander)[0] < 0.3
