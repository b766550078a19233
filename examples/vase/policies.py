"""Fixed behaviour in the two worlds with a belt: what the paper's figures compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from momus.worlds import STAY, moves


def plays(path: str) -> Callable[[Any], int]:
    """Plays a string of moves, then waits; sees by the belt's first tile that a new game began."""
    plan, at, first = moves(path), [0], [None]

    def act(board: Any) -> int:
        if first[0] is None or np.array_equal(board, first[0]):
            first[0], at[0] = np.array(board), 0
        at[0] += 1
        return plan[at[0] - 1] if at[0] <= len(plan) else STAY

    return act


def never_touch() -> Callable[[Any], int]:
    """Leaves the belt alone, whatever it carries."""
    return lambda _board: STAY


def push_off() -> Callable[[Any], int]:
    """Goes down to the belt and pushes the thing off it."""
    return plays("DD")


def put_back() -> Callable[[Any], int]:
    """Pushes the vase off, is paid, goes round it and pushes it back on."""
    return plays("DDLDDRU")
