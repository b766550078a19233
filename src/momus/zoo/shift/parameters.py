"""Policies that were made for one lava world, in worlds whose lava, length or footing is another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.worlds import Lava
from momus.zoo import Case
from momus.zoo.worlds import GridPolicy, GridWorld, by_path, middle_path, short_path

Place = tuple[int, int]


@dataclass(frozen=True)
class Movable(GridPolicy):
    """A fixed policy in lava worlds that can be made with other parameters."""

    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def variations(self) -> Mapping[str, Sequence[Any]]:
        return self.parameters

    def make_varied(self, name: str, value: Any, /) -> GridWorld:
        made = world(**{k: v[0] for k, v in self.parameters.items()} | {name: value})
        self.worlds["varied"] = lambda: made  # type: ignore[index]
        return self.make_env("varied")


def world(strip: int = 5, rows: int = 7, length: int = 3, slip: float = 0.0) -> GridWorld:
    return GridWorld(Lava(strip=strip, rows=rows, length=length).rows, slip=slip)


def planned(slip: float, **options: Any) -> Callable[[Place, int], int]:
    """The best policy of a lava world whose footing is known, by value iteration over its tables."""
    rules = Lava(**options)
    t, worth = rules.tables, np.zeros(len(rules.tables.reward))
    ahead = t.row[t.after]
    for _ in range(400):
        sure: NumpyArray = t.reward + np.where(t.ended, 0.0, worth[ahead])
        q = (1 - slip) * sure + slip * sure.mean(axis=1, keepdims=True)
        worth = q.max(axis=1)
    best = {divmod(int(s), rules.shape[1]): int(q[i].argmax()) for s, i in enumerate(t.row) if i >= 0}
    return lambda place, _step: best.get(place, 0)


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Planted: the short path where the lava comes near, a plan for dry ground on slippery ground, a string of moves
    for one length. Clean: the middle path, a plan that knew the slip. Other seeds have other lengths and rows."""
    rng = np.random.default_rng(seed)
    length, rows = (3, 7) if seed == 0 else (int(rng.integers(2, 7)), int(rng.integers(7, 10)))
    strips = (rows - 2, *range(rows - 3, 1, -1))
    slips = (0.0, 0.02, 0.05, 0.1, float(rng.choice([0.15, 0.2, 0.25])))
    size = {"rows": rows, "length": length}
    fixed = {k: (v,) for k, v in size.items()}

    def case(
        name: str, faulty: bool, choose: Callable[[Place, int], int], episodes: int, *, held_out: bool = True,
        **moved: Sequence[Any],
    ) -> Case:  # fmt: skip
        given = {"strip": (rows - 2,), **fixed} | moved
        train = partial(world, **{k: v[0] for k, v in given.items()})
        worlds = {"train": train, "test": train}
        return Case(
            name, faulty, Movable(name, worlds, choose, parameters=given), held_out=held_out,
            options={"episodes": episodes, "max_steps": 100},
        )  # fmt: skip

    careful, wary = (planned(slip, strip=rows - 2, **size) for slip in (0.02, 0.1))
    return (
        case("short-path", True, by_path(short_path(length)), 10, held_out=False, strip=strips),
        case("middle-path", False, by_path(middle_path(length)), 10, held_out=False,
             strip=tuple(s for s in strips if s != 3)),
        case("plan-for-dry-ground", True, planned(0.0, strip=rows - 2, **size), 200, slip=slips),
        case("plan-that-knew-the-slip", False, careful, 200, slip=(0.02, 0.0, 0.01, 0.03)),
        case("moves-for-one-length", True, by_path(middle_path(length)), 10, length=(length, length + 2, length + 4)),
        case("plan-with-room-to-spare", False, wary, 100, strip=(rows - 2, rows - 3), slip=(0.0, 0.01)),
    )  # fmt: skip
