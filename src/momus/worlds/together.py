"""Many games of one grid world at once: every move of all boards is a few look-ups in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from momus.core.samples import NumpyArray
from momus.worlds import luck
from momus.worlds.draw import picture
from momus.worlds.rules import TILES, Rules
from momus.worlds.world import SLIP_COINS, START_DRAW, Moment, World


class Together(gymnasium.vector.VectorEnv):  # type: ignore[misc]
    """``n`` games, one step of NumPy for all. Game i with seed s plays what a single world with seed s plays.

    ``performance`` (n,) is the true reward of each game so far. With ``autoreset`` DISABLED (what rollouts use) a
    finished game stands still and pays nothing until it is reset; NEXT_STEP and SAME_STEP are Gymnasium's.
    """

    def __init__(
        self, rules: Rules, num_envs: int, *, autoreset: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:  # fmt: skip
        if num_envs < 1:
            raise ValueError(f"at least one game is needed, not {num_envs}")
        self.rules, self.num_envs, self.render_mode = rules, int(num_envs), render_mode
        self.autoreset = AutoresetMode(autoreset)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 4, "autoreset_mode": self.autoreset}
        self.single_action_space = gymnasium.spaces.Discrete(rules.actions)
        self.single_observation_space = gymnasium.spaces.Box(0, len(TILES) - 1, rules.shape, np.uint8)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.tables = rules.tables
        self._starts = rules.starts()
        self.codes = np.full(self.num_envs, self._starts[0][1], dtype=np.int64)
        self.steps = np.zeros(self.num_envs, dtype=np.int64)
        self.performance = np.zeros(self.num_envs)
        self.over = np.ones(self.num_envs, dtype=bool)
        self._keys = np.zeros(self.num_envs, dtype=np.uint64)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NumpyArray, dict[str, Any]]:
        """New games; ``options={"reset_mask": (n,) bool}`` for some of them. Seeds are s, s + 1 ... or one a game."""
        mask = np.ones(self.num_envs, dtype=bool)
        if options and options.get("reset_mask") is not None:
            mask = np.asarray(options["reset_mask"], dtype=bool)
        seeds: list[int | None]
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = [None if s is None else int(s) for s in seed]
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} games")
        given = np.array([s is not None for s in seeds])
        wanted = np.array([s or 0 for s in seeds], dtype=np.uint64)
        self._keys = np.where(mask & given, luck.mix_many(wanted, np.zeros_like(wanted)), self._keys)
        self._again(mask & ~given)
        self._begin(mask)
        return self._seen(), {}

    def _again(self, mask: NumpyArray) -> None:
        """New keys for games without a seed: what follows their last key, or the system's luck."""
        fresh = mask & (self._keys == 0)
        if fresh.any():
            drawn = np.random.default_rng().integers(0, 2**62, self.num_envs, dtype=np.uint64)
            self._keys = np.where(fresh, luck.mix_many(drawn, np.zeros_like(drawn)), self._keys)
        rest = mask & ~fresh
        self._keys = np.where(rest, luck.mix_many(self._keys, np.ones_like(self._keys)), self._keys)

    def _begin(self, mask: NumpyArray) -> None:
        states = np.array([s for _, s in self._starts], dtype=np.int64)
        which = np.zeros(self.num_envs, dtype=np.int64)
        if len(states) > 1:
            drawn = luck.uniforms(self._keys, np.full(self.num_envs, START_DRAW), 1)[:, 0]
            edges = np.cumsum([chance for chance, _ in self._starts[:-1]])
            which = np.searchsorted(edges, drawn, side="right")
        self.codes = np.where(mask, states[which], self.codes)
        self.steps = np.where(mask, 0, self.steps)
        self.performance = np.where(mask, 0.0, self.performance)
        self.over = self.over & ~mask

    def step(self, actions: Any) -> tuple[NumpyArray, NumpyArray, NumpyArray, NumpyArray, dict[str, Any]]:
        """One move of every game: boards (n, h, w), rewards (n,), ended (n,), cut off (n,), info."""
        moves = np.asarray(actions, dtype=np.int64).reshape(self.num_envs)
        if moves.min() < 0 or moves.max() >= self.rules.actions:
            raise ValueError(f"there is an action outside 0 to {self.rules.actions - 1}")
        renewed = self.over if self.autoreset is AutoresetMode.NEXT_STEP else np.zeros(self.num_envs, dtype=bool)
        idle = self.over.copy()
        if renewed.any():
            self._again(renewed)
            self._begin(renewed)
        steps = self.steps + 1
        codes, moves = self._chance(self.codes, moves, steps)
        t, rows = self.tables, self.tables.row[codes]
        live = ~idle
        reward = np.where(live, t.reward[rows, moves], 0.0)
        ended = live & t.ended[rows, moves]
        cut = live & ~ended & (steps >= self.rules.max_steps)
        self.codes = np.where(live, t.after[rows, moves], self.codes)
        self.steps = np.where(live, steps, self.steps)
        self.performance = self.performance + np.where(live, t.true[rows, moves], 0.0)
        self.over = self.over | ended | cut
        info: dict[str, Any] = {}
        if self.autoreset is AutoresetMode.SAME_STEP and self.over.any():
            done = self.over.copy()
            info = {"final_obs": self._seen(), "_final_obs": done, "final_performance": self.performance.copy()}
            self._again(done)
            self._begin(done)
        return self._seen(), reward, ended, cut, info

    def _chance(self, codes: NumpyArray, moves: NumpyArray, steps: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        fading, slip = self.rules.fading, self.rules.slip
        if fading:
            out = luck.uniforms(self._keys, steps, len(fading), SLIP_COINS) < np.array(fading)
            codes = codes & ~(out @ (1 << np.arange(len(fading))))
        if slip:
            drawn = luck.uniforms(self._keys, steps, 2)
            moves = np.where(drawn[:, 0] < slip, (drawn[:, 1] * self.rules.actions).astype(np.int64), moves)
        return codes, moves

    def _seen(self) -> NumpyArray:
        return self.tables.board[self.tables.row[self.codes]]

    def seat(self, i: int) -> World:
        """A single world at the moment where game ``i`` stands."""
        world = World(self.rules)
        moment = Moment(
            int(self.codes[i]), int(self.steps[i]), float(self.performance[i]), int(self._keys[i]), bool(self.over[i])
        )
        world.restore(moment)
        return world

    def render(self) -> tuple[NumpyArray, ...]:
        """A (H, W, 3) uint8 picture of each board."""
        return tuple(picture(board) for board in self._seen())
