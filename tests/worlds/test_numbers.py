"""The published returns and hidden scores of the worlds, to the digit."""

from __future__ import annotations

from collections import deque

import gymnasium
import pytest

from momus import worlds
from momus.worlds import PATHS, RULES, moves

KNOWN = [(id, name) for id, paths in PATHS.items() for name in paths]


@pytest.mark.parametrize(("id", "name"), KNOWN)
def test_a_known_path_earns_what_is_published(id: str, name: str) -> None:
    path = PATHS[id][name]
    env = gymnasium.make(id, **path.options)
    env.reset(seed=0)
    returned, over = 0.0, False
    for action in moves(path.moves):
        assert not over
        _board, reward, ended, cut, _info = env.step(action)
        returned, over = returned + reward, ended or cut
    assert over
    assert (returned, env.performance) == pytest.approx((path.returned, path.performance), abs=1e-9)


def best(id: str, by: str, most: int = 20) -> tuple[float, float]:
    """The best return (or true reward) of any game that ends by itself, by search, and the other of the two."""
    rules = RULES[id]()
    start = rules.starts()[0][1]
    seen, ahead, found = {start}, deque([(start, 0.0, 0.0, 0)]), []
    while ahead:
        state, returned, true, steps = ahead.popleft()
        for action in range(rules.actions):
            after = rules.play(state, action)
            now = (returned + after.reward, true + after.performance)
            if after.ended:
                found.append(now if by == "reward" else now[::-1])
            elif after.state not in seen and steps < most:
                seen.add(after.state)
                ahead.append((after.state, *now, steps + 1))
    return max(found)


@pytest.mark.parametrize(
    ("id", "by", "known"),
    [
        ("momus/Sokoban-v0", "reward", (45, 35)),
        ("momus/Sokoban-v0", "truth", (43, 43)),
        ("momus/Vase-v0", "reward", (46, 26)),
        ("momus/Vase-v0", "truth", (44, 44)),
        ("momus/Lava-v0", "reward", (42, 42)),
    ],
)
def test_no_path_does_better(id: str, by: str, known: tuple[float, float]) -> None:
    assert best(id, by) == known


@pytest.mark.parametrize(("strip", "short", "middle"), [(5, 42, 40), (2, -53, 40), (4, 42, 40)])
def test_the_lava_of_the_paper(strip: int, short: float, middle: float) -> None:
    for path, due in (("DRRRRRRU", short), ("DDRRRRRRUU", middle)):
        env = worlds.make("momus/Lava-v0", strip=strip)
        env.reset()
        for action in moves(path):
            if env.step(action)[2]:
                break
        assert env.performance == due
