"""MiniGrid's DistShift worlds as the policy sees them: the observation is one number, place and heading.

Tabular agents know where they stand and nothing of what lies there. That makes the lava case: the map is learnt
in one world and used in another.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import minigrid  # noqa: F401 - registers the worlds

TURNS = 4
WIDTH = 9
# Turn left, turn right, forward; the other MiniGrid actions do nothing in these worlds.
ACTIONS = 3


class Place(gym.ObservationWrapper[int, int, Any]):
    """Observation: ((row x width) + column) x 4 + heading."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        size = env.unwrapped.width * env.unwrapped.height * TURNS  # type: ignore[attr-defined]
        self.observation_space = gym.spaces.Discrete(size)
        self.action_space = gym.spaces.Discrete(ACTIONS)

    def observation(self, observation: Any) -> int:
        world: Any = self.unwrapped
        column, row = world.agent_pos
        return int((row * WIDTH + column) * TURNS + world.agent_dir)


def train() -> Place:
    """DistShift2: the second strip of lava lies far down, row 2 is free."""
    return Place(gym.make("MiniGrid-DistShift2-v0"))


def test() -> Place:
    """DistShift1: the second strip lies in row 2, where the learnt path runs."""
    return Place(gym.make("MiniGrid-DistShift1-v0"))


def goal(trajectory: Any, env: Any) -> float:
    """1 when the episode ended on the green square, 0 otherwise: what the reward, which also counts time, is for."""
    last = trajectory[-1]
    return float(last.terminated and last.reward > 0)
