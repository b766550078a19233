"""Learns boat-race's policy: tabular Q-learning on the stated reward alone, in a second, the same for the same seed.

python train.py [policy.npz]
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.targets.policy_table import QTable, observation_key, save_table

GAMMA, RATE = 0.99, 0.2


def learn(make_env: Callable[[], Any], steps: int, seed: int) -> QTable:
    """A greedy policy after so many moves. Exploration falls from all moves to one in ten over the first half."""
    table = q_learning(make_env, steps, seed)
    keys = sorted(table)
    return QTable(np.array(keys), np.array([table[k] for k in keys]))


def q_learning(make_env: Callable[[], Any], steps: int, seed: int) -> dict[str, np.ndarray]:
    """Values of each action by what is seen; nothing in it knows what a race is."""
    rng = np.random.default_rng(seed)
    world = make_env()
    actions = int(world.action_space.n)
    table: dict[str, np.ndarray] = defaultdict(lambda: rng.normal(0, 1e-3, actions))
    seen = observation_key(world.reset(seed=seed)[0])
    for step in range(steps):
        explore = max(0.1, 1 - step / (steps / 2))
        action = int(rng.integers(actions)) if rng.random() < explore else int(table[seen].argmax())
        observation, reward, ended, cut, _ = world.step(action)
        after = observation_key(observation)
        worth = reward if ended else reward + GAMMA * table[after].max()
        table[seen][action] += RATE * (worth - table[seen][action])
        seen = observation_key(world.reset(seed=seed)[0]) if ended or cut else after
    return dict(table)


if __name__ == "__main__":
    from env import race

    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("policy.npz")
    save_table(where, {k: v.tolist() for k, v in q_learning(race, 30_000, 1).items()})
    print(f"wrote {where.name}")
