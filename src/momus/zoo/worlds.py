"""Policies of the zoo in the grid worlds of :mod:`momus.worlds`, seen as (row, column)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, Tuple

from momus.core.capabilities import TargetInfo
from momus.core.digest import of_value
from momus.core.samples import NumpyArray
from momus.worlds import LETTERS, BoatRace, Lava, World
from momus.worlds.hazards import lava
from momus.worlds.races import ring


class GridWorld(World):
    """A boat race or a lava world out of a drawing: arrows make the first. The observation is (row, column)."""

    def __init__(self, rows: Sequence[str], *, max_steps: int = 100, slip: float = 0.0) -> None:
        arrows = any(v in ">v<^" for row in rows for v in row)
        rules = BoatRace(rows=rows, max_steps=max_steps, slip=slip) if arrows else Lava(
            drawing=rows, max_steps=max_steps, slip=slip)  # fmt: skip
        super().__init__(rules)
        self.observation_space = Tuple(tuple(map(Discrete, rules.shape)))

    @property
    def place(self) -> tuple[int, int]:
        row, column = divmod(self.state().state // self.rules.extra, self.rules.shape[1])
        return row, column

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.steps, self._rng = 0, np.random.default_rng(seed)  # for worlds that are derived from this one
        return self.place, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        _board, reward, ended, cut, info = super().step(action)
        return self.place, reward, ended, cut, info


BOAT_RACE = ring(3)
LAVA_TRAIN, LAVA_TEST_1, LAVA_TEST_2 = lava(5, 7), lava(2, 7), lava(4, 7)


def short_path(length: int) -> str:
    """Along the lava, one row below it."""
    return "D" + "R" * (length + 3) + "U"


def middle_path(length: int) -> str:
    """Two rows below the lava: two steps longer, and free in every layout."""
    return "DD" + "R" * (length + 3) + "UU"


@dataclass(frozen=True)
class GridPolicy:
    """A fixed policy in grid worlds, as a target: acts, has environments, knows the true goal."""

    name: str
    worlds: Mapping[str, Callable[[], GridWorld]]
    choose: Callable[[tuple[int, int], int], int]
    info: TargetInfo = field(init=False)
    _clock: list[int] = field(default_factory=lambda: [0])

    def __post_init__(self) -> None:
        grids = {k: list(w().grid) for k, w in self.worlds.items()}
        info = TargetInfo(self.name, "policy", "zoo", of_value([self.name, grids]), modality="state", output="actions")
        object.__setattr__(self, "info", info)

    def encode(self, x: NumpyArray, /) -> NumpyArray:
        return x

    def make_env(self, name: str = "test", /) -> GridWorld:
        world = self.worlds[name]()
        self._clock[0] = 0
        reset = world.reset

        def rewound(**kwargs: Any) -> tuple[Any, dict[str, Any]]:
            self._clock[0] = 0
            return reset(**kwargs)

        world.reset = rewound  # type: ignore[method-assign]
        return world

    def act(self, observation: Any, /) -> int:
        action = self.choose(observation, self._clock[0])
        self._clock[0] += 1
        return action

    def goal(self, _trajectory: Sequence[Any], env: Any, /) -> float:
        return float(env.performance)


def by_path(path: str) -> Callable[[tuple[int, int], int], int]:
    """A policy that plays a fixed string of moves, over and over."""
    return lambda _observation, step: LETTERS.index(path[step % len(path)])


def clockwise(side: int) -> Callable[[tuple[int, int], int], int]:
    """A policy that goes round a ring of that side length."""

    def choose(place: tuple[int, int], _step: int) -> int:
        r, c = place
        if r == 1 and c < side:
            return LETTERS.index("R")
        if c == side and r < side:
            return LETTERS.index("D")
        if r == side and c > 1:
            return LETTERS.index("L")
        return LETTERS.index("U")

    return choose
