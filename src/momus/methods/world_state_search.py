"""A bounded search for a way to bring something back, for worlds whose states cannot all be explored.

What it finds is proof: a way was played. What it does not find may still be there; how good it is at finding is
measured on things that are known to be within reach.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from momus.methods import state_keys, world_state
from momus.methods.world_state import Moment, World

Read = Callable[[Any, Any], Mapping[str, float]]
_DRAWN = 6  # actions tried in each state where there are too many to try all


def brought_back(
    world: World,
    moment: Moment,
    read: Read,
    wanted: Mapping[str, float],
    within: Mapping[str, float],
    *,
    actions: Sequence[Any],
    steps: int,
    rng: np.random.Generator,
    check: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Which of the ``wanted`` values some way of at most ``steps`` moves in all reaches again: name -> moves needed.

    ``read(env, observation)`` gives the numbers; a value counts as reached ``within`` its tolerance while the game goes
    on. States nearest to all wanted values are tried first. ``actions`` empty: a few are drawn in each state.
    """
    draw = world_state.drawing(world.env, rng)
    found: dict[str, int] = {}
    heap: list[tuple[float, float, int, Moment]] = [(0.0, 0.0, 0, moment)]
    known: set[bytes] = set()
    spent = 0
    while heap and spent < steps and len(found) < len(wanted):
        check()
        _, _, depth, here = heapq.heappop(heap)
        for action in actions or [draw() for _ in range(_DRAWN)]:
            world.restore(here)
            move = world.step(action)
            spent += 1
            if move.ended:
                continue
            now = read(world.env, move.observation)
            name = state_keys.seen(move.observation, now)
            if name in known:
                continue
            known.add(name)
            for k, v in wanted.items():
                if k not in found and abs(now.get(k, np.inf) - v) <= within.get(k, 0.0):
                    found[k] = depth + 1
            heapq.heappush(
                heap, (_off(now, wanted, within) + 0.05 * depth, float(rng.random()), depth + 1, world.save())
            )
    return found


def power(
    world: World,
    read: Read,
    within: Mapping[str, float],
    *,
    actions: Sequence[Any],
    steps: int,
    rng: np.random.Generator,
    tasks: int = 10,
    walk: int = 12,
    check: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """(found, asked): of values that a random walk reached, how many the search reaches from where it began."""
    asked = hits = 0
    for _ in range(tasks):
        observation = world.reset(int(rng.integers(0, 2**31 - 1)))
        draw = world_state.drawing(world.env, rng)
        before, here = read(world.env, observation), world.save()
        after = before
        for _ in range(int(rng.integers(2, walk + 1))):
            move = world.step(draw())
            if move.ended:
                break
            after = read(world.env, move.observation)
        wanted = {k: v for k, v in after.items() if abs(v - before.get(k, np.nan)) > within.get(k, 0.0)}
        if not wanted:
            continue
        got = brought_back(
            world, here, read, wanted, within, actions=actions, steps=steps, rng=rng, check=check
        )  # fmt: skip
        asked += len(wanted)
        hits += len(got)
    return hits, asked


def _off(now: Mapping[str, float], wanted: Mapping[str, float], within: Mapping[str, float]) -> float:
    """How far a state is from the wanted values, each between 0 and 1."""
    apart = [max(0.0, abs(now.get(k, np.inf) - v) - within.get(k, 0.0)) for k, v in wanted.items()]
    return float(sum(d / (1 + d) if np.isfinite(d) else 1.0 for d in apart))
