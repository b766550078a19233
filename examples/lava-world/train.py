"""Learns lava-world's policy: tabular Q-learning in DistShift2, a few seconds, the same table for the same seed.

python train.py [policy.npz]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from env import ACTIONS, train


def learn(episodes: int = 1500, seed: int = 0, gamma: float = 0.97, rate: float = 0.5) -> np.ndarray:
    """Q-table (places x headings, actions). Exploration falls from 1 to 0.05 over the first two thirds."""
    rng = np.random.default_rng(seed)
    world = train()
    q = np.full((world.observation_space.n, ACTIONS), 0.5)
    for episode in range(episodes):
        explore = max(0.05, 1 - episode / (episodes * 2 / 3))
        place, _ = world.reset(seed=seed)
        for _ in range(100):
            action = int(rng.integers(ACTIONS)) if rng.random() < explore else int(q[place].argmax())
            after, reward, ended, cut, _ = world.step(action)
            # Being burnt ends the episode with reward 0; without a price the table could not tell it from a wait.
            worth = float(reward) if ended and reward > 0 else (-1.0 if ended else gamma * q[after].max())
            q[place, action] += rate * (worth - q[place, action])
            place = after
            if ended or cut:
                break
    return q


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("policy.npz")
    np.savez(where, q=learn())
    print(f"wrote {where.name}")
