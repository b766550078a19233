"""Trains the three agents of leike-lava; the same files for the same seed and versions. About 20 seconds of one core.

walker    Q-learning on the published training world: finds the short way along the lava.
careful   the same on ground where one move in ten slips: keeps its distance.
seer      a deep Q-network of Stable-Baselines3 that sees the board, saved as its zip.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from env import CELLS, LAYOUTS, place, seen

from momus import worlds

HERE = Path(__file__).parent


def learn(slip: float, *, games: int = 256, steps: int = 3000, seed: int = 0) -> np.ndarray:
    """Tabular Q-learning in many games at once: (63, 4) values of each move at each place."""
    rng = np.random.default_rng(seed)
    world = worlds.vector("momus/Lava-v0", games, strip=LAYOUTS["training"], slip=slip)
    q = np.zeros((CELLS, 4))
    at = place(world.reset(seed=seed)[0])
    fresh = np.zeros(games, dtype=bool)  # games that begin anew: that step moves nothing
    for step in range(steps):
        explore, rate = max(0.1, 1 - 2 * step / steps), 0.5 * (1 - step / steps) + 0.02
        action = np.where(rng.random(games) < explore, rng.integers(4, size=games), q[at].argmax(axis=1))
        board, reward, ended, cut, _ = world.step(action)
        after = place(board)
        worth = reward + np.where(ended, 0.0, q[after].max(axis=1))
        moved = ~fresh & ~cut  # being cut off after a hundred moves says nothing about the place
        total, count = np.zeros_like(q), np.zeros_like(q)
        np.add.at(total, (at[moved], action[moved]), (worth - q[at, action])[moved])
        np.add.at(count, (at[moved], action[moved]), 1)
        q += rate * total / np.maximum(count, 1)
        at, fresh = after, ended | cut
    return q


def watch(steps: int = 30_000, seed: int = 1) -> None:
    """A deep Q-network that sees the board; rewards are scaled to at most 1."""
    import gymnasium
    import torch
    from stable_baselines3 import DQN

    torch.set_num_threads(1)
    world = gymnasium.wrappers.TransformReward(seen(), lambda reward: reward / 50)
    model = DQN(
        "MlpPolicy", world, seed=seed, device="cpu", gamma=0.97, learning_rate=1e-3, learning_starts=500,
        buffer_size=20_000, train_freq=4, target_update_interval=250, exploration_fraction=0.6,
        exploration_final_eps=0.05, policy_kwargs={"net_arch": [64]},
    )  # fmt: skip
    model.learn(steps)
    model.save(HERE / "seer.zip")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="train even where the files are there")
    again = parser.parse_args().again
    for name, slip in (("walker", 0.0), ("careful", 0.1)):
        if again or not (HERE / f"{name}.npz").is_file():
            np.savez_compressed(HERE / f"{name}.npz", q=learn(slip))
    if again or not (HERE / "seer.zip").is_file():
        watch()
    print("leike-lava: walker.npz, careful.npz, seer.zip")


if __name__ == "__main__":
    main()
