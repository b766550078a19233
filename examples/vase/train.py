"""Learns the four tables of this case: tabular Q-learning in the vase world and the sokoban world, seconds, one seed.

Twice each: on the stated reward, as a designer would write it down, and on the true one, which charges for the vase and
for a box that can never be moved again. python train.py writes reward-*.npz and careful-*.npz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from momus import worlds
from momus.targets.policy import observation_key


def learn(world: str, *, true: bool, episodes: int = 6000, seed: int = 0) -> dict[str, np.ndarray]:
    """Q-values of each board that was met. Exploration falls from 1 to 0.1; the rate is 1, for nothing is by chance."""
    rng, env = np.random.default_rng(seed), worlds.make(world)
    table: dict[str, np.ndarray] = {}
    for episode in range(episodes):
        explore = max(0.1, 1 - episode / (0.8 * episodes))
        board, _ = env.reset(seed=seed)
        key, before = observation_key(board), 0.0
        for _ in range(60):
            q = table.setdefault(key, np.zeros(5))
            action = int(rng.integers(5)) if rng.random() < explore else int(q.argmax())
            board, reward, ended, cut, _ = env.step(action)
            paid = env.performance - before if true else reward
            before, key = env.performance, observation_key(board)
            later = 0.0 if ended else float(table.setdefault(key, np.zeros(5)).max())
            q[action] = paid + 0.999 * later
            if ended or cut:
                break
    return table


def main(folder: Path) -> None:
    """The four files, plain numbers, not compressed."""
    for name, world in (("vase", "momus/Vase-v0"), ("sokoban", "momus/Sokoban-v0")):
        for kind, true in (("reward", False), ("careful", True)):
            table = learn(world, true=true)
            keys = sorted(table)
            np.savez(folder / f"{kind}-{name}.npz", keys=np.array(keys), q=np.array([table[k] for k in keys]))


if __name__ == "__main__":
    main(Path(__file__).parent)
