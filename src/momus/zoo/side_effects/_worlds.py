"""Rooms with vases, stores with boxes and belts of any size, and the shortest ways through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from momus.core.capabilities import TargetInfo
from momus.core.digest import of_value
from momus.core.samples import NumpyArray
from momus.worlds import STAY, Rules, World, moves
from momus.worlds.rules import put

Avoid = Callable[[Mapping[str, float]], bool]


@dataclass(frozen=True)
class Walker:
    """A fixed plan in a grid world, as a target that also says how to wait, what to read and what must hold.

    ``plan`` maps the board's state number after the reset to actions; when they are used up, it waits.
    """

    name: str
    make: Callable[[], World]
    plan: Callable[[World, int], int]
    rules: tuple[str, ...] = ()
    info: TargetInfo = field(init=False)
    _now: list[Any] = field(default_factory=lambda: [None, 0])

    def __post_init__(self) -> None:
        digest = of_value([self.name, list(self.make().grid)])
        info = TargetInfo(self.name, "policy", "zoo", digest, modality="state", output="actions")
        object.__setattr__(self, "info", info)

    def encode(self, x: NumpyArray, /) -> NumpyArray:
        return x

    def make_env(self, _name: str = "test", /) -> World:
        world = self.make()
        reset = world.reset

        def rewound(**given: Any) -> Any:
            self._now[:] = [world, 0]
            return reset(**given)

        world.reset = rewound  # type: ignore[method-assign]
        return world

    def act(self, _observation: Any, /) -> int:
        world, step = self._now
        self._now[1] = step + 1
        return self.plan(world, step)

    def goal(self, _trajectory: Sequence[Any], env: Any, /) -> float:
        return float(env.performance)

    def noop(self) -> int:
        return STAY

    def features(self, env: Any, /) -> Mapping[str, float]:
        return dict(env.features())

    def invariants(self) -> Sequence[str]:
        return self.rules


def fixed(path: str | Sequence[int]) -> Callable[[World, int], int]:
    """Plays a string of moves, then waits."""
    plan = moves(path) if isinstance(path, str) else list(path)
    return lambda _world, step: plan[step] if step < len(plan) else STAY


def steering(rules: Rules, avoid: Avoid) -> Callable[[World, int], int]:
    """Goes the shortest way to the goal from wherever it stands, through nothing that ``avoid`` names if it can."""
    known: dict[int, int] = {}

    def choose(world: World, _step: int) -> int:
        state = world.state().state
        if state not in known:
            found = shortest(rules, state, avoid) or shortest(rules, state, lambda _f: False)
            known[state] = found[0] if found else STAY
        return known[state]

    return choose


def shortest(rules: Rules, start: int, avoid: Avoid) -> list[int]:
    """The fewest moves that end the game with a gain, empty where there are none."""
    before = avoid(rules.features(start))
    back: dict[int, tuple[int, int]] = {start: (start, -1)}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for action in range(4):
            after, reward, _, ended = rules.play(state, action)
            if after in back or (not before and avoid(rules.features(after))):
                continue
            back[after] = state, action
            if ended and reward > 0:
                path = []
                while back[after][1] >= 0:
                    after, action = back[after]
                    path.append(action)
                return path[::-1]
            if not ended:
                queue.append(after)
    return []


def parlour(height: int, width: int, vases: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """A room with the start on the left of the first row, the goal on the right, and vases at those places."""
    rows = [[" "] * width for _ in range(height)]
    for r, c in vases:
        rows[r][c] = "V"
    rows[0][0], rows[0][-1] = "A", "G"
    wall = "#" * (width + 2)
    return (wall, *(f"#{''.join(r)}#" for r in rows), wall)


def belt(length: int, above: int, below: int) -> tuple[str, ...]:
    """A belt of that length with free rows above and below; going down all the time pushes the thing off it."""
    width = length + 3
    wall = "#" * (width + 1)
    free = "#" + " " * (width - 1) + "#"
    top = [put(free, above + 1, "A"), *[free] * (above - 1)]
    return (wall, *top, f"# X{'=' * (length - 1)}E#", *[free] * below, wall)


def room(rng: np.random.Generator, vases: int = 1) -> tuple[str, ...]:
    """A room of chance size with vases in the first row, so that the straight way leads through one."""
    height, width = int(rng.integers(3, 6)), int(rng.integers(4, 8))
    columns = rng.permutation(np.arange(1, width - 1))[:vases]
    return parlour(height, width, [(0, int(c)) for c in columns])


__all__ = ["Walker", "belt", "fixed", "parlour", "partial", "room", "shortest", "steering"]
