"""A grid world to be played one move at a time, with the Gymnasium API."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np

from momus.core.samples import NumpyArray
from momus.worlds import luck
from momus.worlds.draw import picture
from momus.worlds.rules import STAY, TILES, Rules

START_DRAW, SLIP_COINS = 0, 2


class Moment(NamedTuple):
    """Everything that decides what comes next: ``state`` is the board, the rest are clocks, purse and luck."""

    state: int
    steps: int
    performance: float
    key: int
    ended: bool


class World(gymnasium.Env):  # type: ignore[misc]
    """One game by the rules of a world. Observation: the board, (h, w) uint8 codes of ``TILES``.

    ``performance`` is the true reward of the episode so far. The same seed gives the same game, move by move, here and
    in :class:`~momus.worlds.together.Together`.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4}

    def __init__(self, rules: Rules, *, render_mode: str | None = None) -> None:
        self.rules, self.render_mode = rules, render_mode
        self.action_space = gymnasium.spaces.Discrete(rules.actions)
        self.observation_space = gymnasium.spaces.Box(0, len(TILES) - 1, rules.shape, np.uint8)
        self._lucky = bool(rules.fading or rules.slip)
        self._now = Moment(rules.starts()[0][1], 0, 0.0, 0, True)
        self._dealer: Any = None

    @property
    def performance(self) -> float:
        """The true reward of this episode so far, which the agent does not see."""
        return self._now.performance

    @property
    def noop(self) -> int | None:
        """The action that does nothing, None where a move cannot be passed up."""
        return STAY if self.rules.waits else None

    @property
    def grid(self) -> tuple[str, ...]:
        """The drawing of the world."""
        return self.rules.rows

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NumpyArray, dict[str, Any]]:
        """A new game. Without a seed the luck goes on from the last game's; the first is drawn by the system."""
        super().reset(seed=seed)
        if seed is not None:
            key = luck.mix(int(seed))
        elif self._now.key:
            key = luck.mix(self._now.key, 1)
        else:
            key = luck.mix(int(self.np_random.integers(2**62)))
        self._now = Moment(self._begin(key), 0, 0.0, key, False)
        self._dealer = self._np_random
        return self.rules.board(self._now.state).copy(), {}

    def _begin(self, key: int) -> int:
        starts = self.rules.starts()
        if len(starts) == 1:
            return starts[0][1]
        drawn, below = luck.uniform(key, START_DRAW, 0), 0.0
        for chance, state in starts[:-1]:
            below += chance
            if drawn < below:
                return state
        return starts[-1][1]

    def step(self, action: Any) -> tuple[NumpyArray, float, bool, bool, dict[str, Any]]:
        """One move. ResetNeeded after the end of a game, ValueError for an action that there is not."""
        self._deal()
        state, steps, performance, key, ended = self._now
        rules, action = self.rules, int(action)
        if ended:
            raise gymnasium.error.ResetNeeded("this game is over: call reset")
        if not 0 <= action < rules.actions:
            raise ValueError(f"there is no action {action}: they are 0 to {rules.actions - 1}")
        steps += 1
        if self._lucky:
            state, action = self._chance(state, action, key, steps)
        state, reward, true, terminated = rules.play(state, action)
        truncated = not terminated and steps >= rules.max_steps
        self._now = Moment(state, steps, performance + true, key, terminated or truncated)
        return rules.board(state).copy(), reward, terminated, truncated, {}

    def _deal(self) -> None:
        """Other luck from here on where somebody gave the environment another generator (Gymnasium's ``np_random``)."""
        if self._np_random is not self._dealer:
            self._dealer = self._np_random
            if self._dealer is not None:
                self._now = self._now._replace(key=luck.mix(int(self._dealer.integers(2**62))))

    def _chance(self, state: int, action: int, key: int, steps: int) -> tuple[int, int]:
        """The state and the move after luck had its say: bits go out, the foot slips."""
        for bit, chance in enumerate(self.rules.fading):
            if state >> bit & 1 and luck.uniform(key, steps, SLIP_COINS + bit) < chance:
                state &= ~(1 << bit)
        if self.rules.slip and luck.uniform(key, steps, 0) < self.rules.slip:
            action = int(luck.uniform(key, steps, 1) * self.rules.actions)
        return state, action

    def features(self) -> dict[str, float]:
        """Named numbers of the state."""
        return self.rules.features(self._now.state)

    def state(self) -> Moment:
        """All that decides what comes next; ``state().state`` is the board alone, a whole number."""
        self._deal()
        return self._now

    def restore(self, moment: Moment) -> NumpyArray:
        """Go back to a moment, luck included. Returns the board seen there."""
        self._now, self._dealer = Moment(*moment), self._np_random
        return self.rules.board(self._now.state).copy()

    def reseed(self, seed: int) -> int:
        """Goes on from this moment with other luck; 1 where the world has any, 0 where nothing is left to chance."""
        self._now = self._now._replace(key=luck.mix(int(seed), 2))
        return int(self._lucky)

    def render(self) -> NumpyArray:
        """(H, W, 3) uint8 picture of the board."""
        return picture(self.rules.board(self._now.state))

    def __init_subclass__(cls, **given: Any) -> None:
        """A world that is derived to behave otherwise is not what :class:`Together` plays."""
        super().__init_subclass__(**given)
        if {"step", "reset", "_chance", "_begin"} & set(vars(cls)) and "together" not in vars(cls):
            setattr(cls, "together", None)  # noqa: B010 - to mypy a method cannot be taken away

    def together(self, n: int) -> Any:
        """``n`` games of this world, moved at once; a finished one stands still until it is reset."""
        from momus.worlds.together import Together

        return Together(self.rules, n, autoreset="Disabled")
