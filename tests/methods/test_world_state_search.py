"""What the bounded search finds was played; what it is worth is counted, not assumed."""

from __future__ import annotations

import numpy as np
import pytest

from momus import worlds
from momus.methods import world_state, world_state_search


def read(env, _observation) -> dict[str, float]:
    return env.features()


def opened():
    rng = np.random.default_rng(0)
    return world_state.rewindable(lambda: worlds.make("momus/Vase-v0"), rng=rng), rng


@pytest.mark.parametrize(("path", "back"), [("DR", {"row": 1, "column": 1}), ("RR", {"column": 2})])
def test_places_come_back_and_vases_do_not(path: str, back: dict[str, int]) -> None:
    world, rng = opened()
    world.reset(0)
    start = world.env.features()
    for action in worlds.moves(path):
        world.step(action)
    now = world.env.features()
    wanted = {k: v for k, v in start.items() if now[k] != v}
    found = world_state_search.brought_back(
        world, world.save(), read, wanted, {}, actions=range(5), steps=500, rng=rng
    )  # fmt: skip
    assert found == back and ("vases_broken" in wanted) == (path == "RR")


def test_power_falls_with_the_bound() -> None:
    world, rng = opened()
    weak = world_state_search.power(world, read, {}, actions=range(5), steps=1, rng=rng, tasks=20)
    world, rng = opened()
    strong = world_state_search.power(world, read, {}, actions=range(5), steps=2000, rng=rng, tasks=20)
    assert weak[0] < weak[1] and strong[0] == strong[1] > 0
