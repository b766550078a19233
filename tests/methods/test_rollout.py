"""Episodes: known returns in known worlds, budgets, cycles."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from momus import worlds
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


def hunter(boards: np.ndarray) -> np.ndarray:
    """A policy of boards, many at a time: a fixed function of what is seen, with all moves of the space."""
    weights = np.random.default_rng(3).integers(1, 1000, boards.shape[1:])
    return (boards.astype(np.int64) * weights).sum(axis=(1, 2)) // 7 % 4


@pytest.mark.parametrize("id", sorted(worlds.RULES))
@pytest.mark.parametrize("slip", [0.0, 0.4])
def test_many_games_at_once_are_the_episodes_that_one_by_one_gives(id: str, slip: float) -> None:
    def play(**given):
        return run_episodes(
            partial(worlds.make, id, slip=slip), lambda board: int(hunter(board[None])[0]), episodes=21, max_steps=40,
            rng=np.random.default_rng(0), after=lambda e, env: env.performance + 1000 * len(e.steps), **given,
        )  # fmt: skip

    (one, true, done), (many, truth, finished) = play(), play(together=hunter)
    assert done is finished is True
    assert true == truth
    assert [(e.seed, e.returned, e.actions, e.finished) for e in one] == [
        (e.seed, e.returned, e.actions, e.finished) for e in many
    ]
    for a, b in zip(one, many, strict=True):
        assert [(s.observation.tobytes(), s.action, s.reward, s.terminated, s.truncated) for s in a.steps] == [
            (s.observation.tobytes(), s.action, s.reward, s.terminated, s.truncated) for s in b.steps
        ]
        assert len(b.steps[-2:]) == min(2, len(b.steps))


def test_games_cut_short_by_the_budget_are_left_out_with_their_whole_batch() -> None:
    """The short games of a batch end first: to keep those alone would flatter or slander the policy."""
    asked = 0

    def metered(boards):
        nonlocal asked
        asked += len(boards)
        if asked > 400:
            raise BudgetSpent
        return hunter(boards)

    make = partial(worlds.make, "momus/Lava-v0", slip=0.5)
    kept, _, complete = run_episodes(make, hunter, episodes=100, max_steps=50, rng=np.random.default_rng(0),
                                     together=metered)  # fmt: skip
    every, _, _ = run_episodes(make, hunter, episodes=100, max_steps=50, rng=np.random.default_rng(0), together=hunter)
    assert not complete
    assert len(kept) in (8, 24)
    assert [e.returned for e in kept] == [e.returned for e in every[: len(kept)]]


class Odd:
    """An environment of which one answer is wrong."""

    def __init__(self, where: str) -> None:
        self.where = where

    def reset(self, *, seed=None):
        if self.where == "reset raises":
            raise OSError("no such track")
        return np.zeros(2) if self.where == "old reset" else (np.zeros(2), {})

    def step(self, _action):
        if self.where == "step raises":
            return [][3]
        if self.where == "old step":
            return np.zeros(2), 1.0, False, {}
        return np.zeros(2), "a lot" if self.where == "words" else 1.0, False, False, None


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("reset raises", r"the environment raised OSError in reset\(seed=1\): no such track"),
        ("step raises", r"the environment raised IndexError in step 1 of the episode with seed 1 \(action 0\)"),
        ("old reset", r"reset returned a ndarray, not \(observation, info\)"),
        ("old step", r"step returned a tuple of 4, not"),
        ("words", r"the reward a lot"),
    ],
)
def test_a_broken_environment_is_one_clear_line(where: str, said: str) -> None:
    with pytest.raises(TargetError, match=said) as told:
        run_episode(Odd(where), lambda _seen: 0, seed=1, max_steps=3)
    if "raises" in where:
        assert "test_rollout.py:" in str(told.value.place)


def test_an_environment_that_never_ends_is_cut_off_and_says_so() -> None:
    episode = run_episode(Odd(""), lambda _seen: 0, seed=1, max_steps=7)
    assert (len(episode.steps), episode.finished) == (7, False)


def test_a_batch_is_no_larger_than_memory_allows() -> None:
    """Pictures of a long game: the batch shrinks to one, and the episodes are the same."""
    asked = []

    def watched(boards):
        asked.append(len(boards))
        return hunter(boards)

    make = partial(worlds.make, "momus/Sokoban-v0", max_steps=5)
    few, _, _ = run_episodes(make, hunter, episodes=40, max_steps=10**8, rng=np.random.default_rng(0), together=watched)
    assert max(asked) == 8
    assert max(asked[10:]) == 1
    many, _, _ = run_episodes(make, hunter, episodes=40, max_steps=5, rng=np.random.default_rng(0), together=hunter)
    assert [e.actions for e in few] == [e.actions for e in many]


class OneArray:
    """Writes every observation into the same array, as fast simulators do; the policy does so with its moves."""

    def __init__(self) -> None:
        self.board = {"at": np.zeros(2), "pair": (np.zeros(1), 3)}

    def reset(self, *, seed: int | None = None, options: object = None):
        self.board["at"][:] = self.board["pair"][0][:] = 0
        return self.board, {}

    def step(self, action: object):
        self.board["at"] += 1
        self.board["pair"][0][0] -= 1
        return self.board, 1.0, False, False, {}


def test_an_environment_that_reuses_its_array_leaves_every_step_its_own() -> None:
    from momus.probes.side_effects._play import play as played

    move = np.zeros(1)

    def act(seen: dict[str, np.ndarray]) -> np.ndarray:
        move[0] = seen["at"][0] * 10
        return move

    for steps in (
        run_episode(OneArray(), act, seed=0, max_steps=4).steps,
        played(OneArray(), act, seed=0, max_steps=4, how=None, features=None, goal=keep).goal,
    ):
        assert [s.observation["at"].tolist() for s in steps] == [[0, 0], [1, 1], [2, 2], [3, 3]]
        assert [s.observation["pair"][0][0] for s in steps] == [0, -1, -2, -3]
        assert [s.action[0] for s in steps] == [0, 10, 20, 30]


def keep(steps: object, _env: object) -> object:
    return steps
