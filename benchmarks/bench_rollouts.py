"""Moves per second of grid worlds: many at once, beside one at a time and beside Gymnasium's own vectorisation.

Random moves, CPU seconds of one thread, environments begun again when they end; the making of worlds and tables is
timed apart. Then whole rollouts of a policy of tables, which must give the same episodes either way.
Peers: gymnasium 1.4.0 (SyncVectorEnv, FrozenLake), minigrid 3.2.0.

python -m benchmarks.bench_rollouts
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

WORLDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("momus/BoatRace-v0", {}),
    ("momus/Lava-v0", {"slip": 0.1}),
    ("momus/Sokoban-v0", {}),
    ("momus/Tomato-v0", {}),
)
SINGLE, MANY = 20_000, 400_000


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of the quicker of two runs, and what it gave."""
    best, got = np.inf, None
    for _ in range(2):
        start = time.process_time()
        got = work()
        best = min(best, time.process_time() - start)
    return float(best), got


def one_by_one(env: Any, moves: int) -> float:
    """Moves a second of a bare loop."""
    actions = np.random.default_rng(0).integers(0, env.action_space.n, moves).tolist()

    def play() -> None:
        env.reset(seed=0)
        for action in actions:
            _seen, _reward, ended, cut, _info = env.step(action)
            if ended or cut:
                env.reset()

    return moves / timed(play)[0]


def at_once(games: Any, moves: int) -> float:
    """Moves a second of a vector environment, all games counted."""
    n = games.num_envs
    actions = np.random.default_rng(0).integers(0, games.single_action_space.n, (max(1, moves // n), n))

    def play() -> None:
        games.reset(seed=0)
        for row in actions:
            games.step(row)

    return actions.size / timed(play)[0]


def rows() -> list[dict[str, Any]]:
    return [*_speeds(), *_strangers(), _rollouts()]


def _speeds() -> list[dict[str, Any]]:
    import gymnasium

    from momus import worlds

    found = []
    for id, options in WORLDS:
        start = time.process_time()
        worlds.vector(id, 1, **options)
        made = time.process_time() - start
        bare = one_by_one(worlds.make(id, **options), SINGLE)
        sync = gymnasium.vector.SyncVectorEnv([partial(worlds.make, id, **options)] * 64)
        speeds = {n: at_once(worlds.vector(id, n, **options), MANY) for n in (64, 1024)}
        found.append(
            {
                "world": id + "".join(f", {k} {v}" for k, v in options.items()),
                "bare loop, moves/s": round(bare),
                "SyncVectorEnv of 64": round(at_once(sync, SINGLE)),
                "64 at once": round(speeds[64]),
                "1,024 at once": round(speeds[1024]),
                "times the bare loop": round(speeds[1024] / bare, 1),
                "tables made, s": round(made, 3),
            }
        )
    return found


def _strangers() -> list[dict[str, Any]]:
    import gymnasium
    import minigrid

    gymnasium.register_envs(minigrid)
    return [
        {"world": f"{id} (peer)", "bare loop, moves/s": round(one_by_one(gymnasium.make(id), SINGLE))}
        for id in ("FrozenLake-v1", "MiniGrid-DistShift1-v0")
    ]


def _rollouts() -> dict[str, Any]:
    """1,000 episodes of a policy of boards in the slippery lava world, as the probes play them."""
    from momus import worlds
    from momus.methods.rollout import run_episodes

    weights = np.random.default_rng(3).integers(1, 1000, (7, 9))

    def together(boards: np.ndarray) -> np.ndarray:
        return (boards.astype(np.int64) * weights).sum(axis=(1, 2)) // 7 % 4

    play = partial(
        run_episodes, partial(worlds.make, "momus/Lava-v0", slip=0.3), lambda board: int(together(board[None])[0]),
        episodes=1000, max_steps=100,
    )  # fmt: skip
    slow, a = timed(lambda: play(rng=np.random.default_rng(0)))
    fast, b = timed(lambda: play(rng=np.random.default_rng(0), together=together))
    if [(e.returned, e.actions) for e in a[0]] != [(e.returned, e.actions) for e in b[0]]:
        raise RuntimeError("episodes played at once differ from those played one by one")
    moves = sum(len(e.steps) for e in a[0])
    return {
        "world": "rollouts of a policy, 1,000 episodes, equal either way",
        "bare loop, moves/s": round(moves / slow),
        "1,024 at once": round(moves / fast),
        "times the bare loop": round(slow / fast, 1),
    }


if __name__ == "__main__":
    for row in rows():
        print(row)
