"""Environments that misbehave are told from those that do not, and nobody's random numbers are touched."""

# ruff: noqa: NPY002 - the shared generators are what is looked at

from __future__ import annotations

import random

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from momus import worlds
from momus.core.errors import TargetError
from momus.methods.env_check import check, constant_reward, cut_off, same, too_alike
from momus.methods.rollout import run_episodes


class Walk:
    """Ten moves on a line; each habit is one keyword."""

    def __init__(self, *, luck: str = "own", raises: int = 0, odd: float = 0.0, grow: bool = False, pay: object = 1.0,
                 ends: bool = True) -> None:  # fmt: skip
        self.luck, self.raises, self.odd, self.grow, self.pay, self.ends = luck, raises, odd, grow, pay, ends
        self.action_space = Discrete(3)
        self.observation_space = Box(-1, 1, (2,), np.float64)
        self.rng, self.resets = np.random.default_rng(0), 0

    def reset(self, *, seed: int | None = None, options: object = None):
        self.rng, self.at, self.resets = np.random.default_rng(seed), 0, self.resets + 1
        if self.luck == "seeds":
            np.random.seed(seed)
        if self.luck == "python":
            random.seed(seed)
        if self.grow:
            self.action_space = Discrete(2 + self.resets)
        return self._see(), {}

    def _see(self):
        draw = {"own": self.rng.random, "global": np.random.random, "seeds": np.random.random, "python": random.random,
                "system": np.random.default_rng().random}[self.luck]  # fmt: skip
        return np.array([draw(), 0.0 + self.odd])

    def step(self, action):
        self.at += 1
        if self.raises and self.at == self.raises:
            raise KeyError("door")
        return self._see(), self.pay, self.ends and self.at == 10, False, {}


def found(**habits: object) -> list[str]:
    return [c.code for c in check(lambda: Walk(**habits), rng=np.random.default_rng(1))]


@pytest.mark.parametrize(
    ("habits", "codes"),
    [
        ({}, []),
        ({"luck": "global"}, ["not-reproducible", "global-random"]),
        ({"luck": "seeds"}, ["global-random"]),
        ({"luck": "python"}, ["global-random"]),
        ({"luck": "system"}, ["not-reproducible"]),
        ({"grow": True}, ["spaces-change"]),
        ({"odd": 3.0}, ["observation-outside-space"]),
    ],
)
def test_each_habit_has_its_caveat(habits: dict[str, object], codes: list[str]) -> None:
    assert found(**habits) == codes


def test_a_world_that_changes_its_spaces_blocks_both_verdicts() -> None:
    (caveat,) = check(lambda: Walk(grow=True), rng=np.random.default_rng(1), name="train")
    assert caveat.blocks == "both"
    assert caveat.message.startswith("train: the action space changes between resets: Discrete(3), then Discrete(4)")


def test_a_world_that_raises_is_one_line_that_names_the_line_of_whose_code() -> None:
    with pytest.raises(TargetError, match=r"the environment raised KeyError in step 4 .*\(action \d\): 'door'") as told:
        check(lambda: Walk(raises=4), rng=np.random.default_rng(1))
    assert "test_env_check.py:" in str(told.value.place)


def test_the_random_numbers_of_others_are_left_as_they_were() -> None:
    np.random.seed(5)
    random.seed(5)
    due = np.random.random(), random.random()
    np.random.seed(5)
    random.seed(5)
    for luck in ("own", "global", "seeds", "python"):
        found(luck=luck)
    assert (np.random.random(), random.random()) == due


@pytest.mark.parametrize("id", [*worlds.RULES, "FrozenLake-v1", "CartPole-v1"])
def test_sound_worlds_raise_no_doubt(id: str) -> None:
    assert check(lambda: gymnasium.make(id), rng=np.random.default_rng(0)) == []


@pytest.mark.parametrize("pay", [float("nan"), float("inf"), None, "much"])
def test_a_reward_that_is_no_number_is_refused(pay: object) -> None:
    with pytest.raises(TargetError, match="reward"):
        check(lambda: Walk(pay=pay), rng=np.random.default_rng(0))


def played(make, episodes: int = 4, max_steps: int = 30):
    return run_episodes(make, lambda _seen: 0, episodes=episodes, max_steps=max_steps, rng=np.random.default_rng(0))[0]


def test_episodes_that_never_end_are_counted_and_said() -> None:
    figures, caveats = cut_off(played(lambda: Walk(ends=False)), 30, "train")
    assert (figures[0].name, figures[0].value, figures[0].n) == ("cut_share_train", 1.0, 4)
    assert caveats[0].code == "episodes-cut"
    assert "4 of 4 episodes of train were still going after 30 moves" in caveats[0].message
    assert cut_off(played(Walk), 30) == ([], [])


def constant(make) -> list[str]:
    given = {"max_steps": 30, "rng": np.random.default_rng(1)}
    return [c.code for c in constant_reward(played(make), make, **given)]


def test_a_reward_that_never_changes_tells_nothing() -> None:
    make = lambda: Walk(pay=0.5)  # noqa: E731
    (caveat,) = constant_reward(played(make), make, max_steps=30, rng=np.random.default_rng(1))
    assert (caveat.code, caveat.blocks) == ("constant-reward", "both")
    assert caveat.message.startswith("every move paid 0.5 and every episode lasted 10 moves, random ones too")


class Uneven(Walk):
    """A cost for every move: how many there are is what is learnt."""

    def step(self, action):
        self.at += 1
        return self._see(), -1.0, self.at > 10 * self.rng.random(), False, {}


class Pole(Walk):
    """Each move pays 1 until the wrong one is made: a perfect policy always earns the same."""

    def step(self, action):
        self.at += 1
        return self._see(), 1.0, action != 0 or self.at == 10, False, {}


@pytest.mark.parametrize("make", [Uneven, Pole])
def test_a_reward_for_every_move_may_still_tell_a_policy_from_chance(make) -> None:
    assert constant(make) == []
    assert constant_reward([], make, max_steps=3, rng=np.random.default_rng(0)) == []


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (float("nan"), float("nan"), True),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        ({"a": np.arange(3), "b": "text"}, {"a": np.arange(3), "b": "text"}, True),
        ({"a": np.arange(3)}, {"b": np.arange(3)}, False),
        ((1, np.zeros(2)), (1, np.zeros(2)), True),
        ((1, np.zeros(2)), (1, np.ones(2)), False),
        (np.zeros((1, 2)), np.zeros(2), False),
    ],
)
def test_same(a: object, b: object, equal: bool) -> None:
    assert same(a, b) is equal


HIGH = np.arange(3_000.0)
WIDE = Box(-1.0, HIGH, (3_000,), np.float64)
TALL = Box(-1.0, np.where(HIGH == 1_500, 9.0, HIGH), (3_000,), np.float64)  # the same text as WIDE


class Bare:
    """A space without == and without a text of its own: no change can be told."""

    def sample(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda w: setattr(w, "observation_space", TALL), "other bounds"),
        (lambda w: setattr(w.action_space, "n", 2 + w.resets), "Discrete(4)"),
        (lambda w: setattr(w, "observation_space", Box(-1, 1, (2,), np.float64)), ""),
        (lambda w: setattr(w, "action_space", Bare()), "Bare"),
    ],
    ids=["bounds of one entry", "in place", "an equal one each time", "another class"],
)
def test_spaces_are_compared_by_what_they_hold(change, found: str) -> None:
    class Odd(Walk):
        def __init__(self) -> None:
            super().__init__()
            self.observation_space = WIDE
            if not found:
                change(self)

        def reset(self, *, seed: int | None = None, options: object = None):
            answer = super().reset(seed=seed)
            if self.resets > 1:
                change(self)
            return answer

    told = [c.message for c in check(Odd, rng=np.random.default_rng(1)) if c.code == "spaces-change"]
    assert (len(told) == 1 and found in told[0]) if found else told == []


def test_spaces_without_equality_raise_no_doubt() -> None:
    class Odd(Walk):
        def __init__(self) -> None:
            super().__init__()
            self.action_space = Bare()

    assert check(Odd, rng=np.random.default_rng(1)) == []


@pytest.mark.parametrize(
    ("values", "repeated", "said"),
    [([0.0] * 2, False, True), ([0.0] * 11, False, True), ([0.0] * 12, False, False), ([0.0] * 2, True, False),
     ([0.0, 0.1], False, False)],
)  # fmt: skip
def test_a_few_equal_episodes_of_a_world_with_luck_prove_nothing(
    values: list[float], repeated: bool, said: bool
) -> None:
    found = too_alike(np.array(values), repeated=repeated)
    assert [c.blocks for c in found] == (["pass"] if said else [])
