"""Worlds that are broken in one way each, and a policy for any world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from momus.core.capabilities import TargetInfo


class Actions:
    n = 3

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def seed(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def sample(self) -> int:
        return int(self._rng.integers(3))

    def contains(self, action) -> bool:
        return action in (0, 1, 2)

    def __repr__(self) -> str:
        return "three moves"


class Line:
    """A line of nine places. Action 2 goes right, 0 left, 1 stays; each place to the right pays 1, once an episode."""

    limit: int | None = 30

    def __init__(self) -> None:
        self.action_space = Actions()
        self.reset(seed=0)

    def reset(self, *, seed=None, options=None):
        self.place, self.best, self.steps = 0, 0, 0
        return self.place, {}

    def step(self, action):
        self.steps += 1
        self.place = int(np.clip(self.place + action - 1, 0, 8))
        paid = float(max(0, self.place - self.best))
        self.best = max(self.best, self.place)
        return self.place, self.paid(paid), False, self.limit is not None and self.steps >= self.limit, {}

    def paid(self, reward: float) -> float:
        return reward


class Constant(Line):
    def paid(self, reward: float) -> float:
        return 1.0


class Endless(Line):
    limit = None


class Broken(Line):
    def step(self, action):
        if self.steps == 7:
            raise RuntimeError("the pole fell over")
        return super().step(action)


class Bodiless(Line):
    def paid(self, reward: float) -> float:
        return float("nan")


@dataclass(frozen=True)
class Player:
    """Always the same action; no goal is stated."""

    make: type
    action: int = 2
    name: str = "player"

    @property
    def info(self) -> TargetInfo:
        return TargetInfo(self.name, "policy", "test", f"{self.make}{self.action}", modality="state", output="actions")

    def encode(self, x):
        return x

    def make_env(self, _name="test", /):
        return self.make()

    def act(self, _observation, /):
        return self.action


class WithGoal(Player):
    def goal(self, _trajectory, env, /):
        return float(env.place)


@pytest.fixture
def worlds():
    return {"line": Line, "constant": Constant, "endless": Endless, "broken": Broken, "bodiless": Bodiless}


@pytest.fixture
def player():
    return Player


@pytest.fixture
def judged():
    return WithGoal
