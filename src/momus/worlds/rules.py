"""What a grid world is: a drawing, states that are whole numbers, and what every move does in every state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from momus.core.samples import NumpyArray

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))
LETTERS = "UDLRS"  # up, down, left, right, stay
STAY = 4
TILES = " #AGLXVIBOTt><^v=E"


class Outcome(NamedTuple):
    """What one move leads to: the state after it, the stated reward, the true one, and whether the game ends."""

    state: int
    reward: float
    performance: float
    ended: bool


class Rules:
    """Base of every world's rules. A state is ``cell * extra + rest``: where the agent is, and all else that changes.

    ``fading``: chance that each of the lowest bits of a state goes out before a move. ``slip``: chance that a move is
    replaced by one drawn evenly from all. ``starts``: chance and state of each beginning.
    """

    waits = False
    extra = 1
    fading: tuple[float, ...] = ()

    def __init__(self, rows: Sequence[str], *, max_steps: int = 100, slip: float = 0.0) -> None:
        if len({len(r) for r in rows}) != 1:
            raise ValueError("every row of a drawing must have the same length")
        if not 0 <= slip <= 1:
            raise ValueError(f"slip is a chance from 0 to 1, not {slip}")
        if max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, not {max_steps}")
        self.rows, self.max_steps, self.slip = tuple(rows), int(max_steps), float(slip)
        self.shape = (len(rows), len(rows[0]))
        self.cells = self.shape[0] * self.shape[1]
        self.tiles = "".join(rows)
        self.home = self.find("A")[0]
        self._outcomes: dict[int, Outcome] = {}
        self._boards: dict[int, NumpyArray] = {}

    @property
    def actions(self) -> int:
        """4 moves, and staying where the world lets one wait."""
        return 5 if self.waits else 4

    @property
    def states(self) -> int:
        return self.cells * self.extra

    def find(self, tile: str) -> list[int]:
        """Cells of the drawing that hold one of these characters, in reading order."""
        return [i for i, t in enumerate(self.tiles) if t in tile]

    @cached_property
    def tables(self) -> Tables:
        """Every state and move written out, made once."""
        return Tables(self)

    def towards(self, cell: int, action: int) -> int:
        """The cell next to this one; walls close every drawing, so there is always one."""
        r, c = MOVES[action]
        return cell + r * self.shape[1] + c

    def wall(self, cell: int) -> bool:
        return self.tiles[cell] == "#"

    def starts(self) -> tuple[tuple[float, int], ...]:
        return ((1.0, self.home * self.extra),)

    def play(self, state: int, action: int) -> Outcome:
        """The outcome of a move in a state, kept once found."""
        key = state * 5 + action
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = self.move(state // self.extra, state % self.extra, action)
        return found

    def move(self, cell: int, rest: int, action: int) -> Outcome:
        """What this world does; the cell is never a wall."""
        raise TypeError(f"{type(self).__name__} does not say what a move does")

    def board(self, state: int) -> NumpyArray:
        """(h, w) uint8 codes of TILES, read-only."""
        found = self._boards.get(state)
        if found is None:
            tiles = self.seen(*divmod(state, self.extra))
            found = np.array([TILES.index(t) for t in tiles], dtype=np.uint8).reshape(self.shape)
            found.flags.writeable = False
            self._boards[state] = found
        return found

    def seen(self, cell: int, rest: int) -> str:
        """The drawing as the agent sees it in this state, one character a cell."""
        return put(self.ground(rest), cell, "A")

    def ground(self, rest: int) -> str:
        """The drawing without the agent."""
        return self.tiles.replace("A", " ")

    def features(self, state: int) -> dict[str, float]:
        """Named numbers of a state."""
        cell, rest = divmod(state, self.extra)
        row, column = divmod(cell, self.shape[1])
        return {"row": float(row), "column": float(column)} | self.facts(cell, rest)

    def facts(self, cell: int, rest: int) -> dict[str, float]:
        return {}


def put(tiles: str, cell: int, tile: str) -> str:
    return tiles[:cell] + tile + tiles[cell + 1 :]


class Tables:
    """The rules written out for every state that can be reached: what each move leads to and what it pays."""

    def __init__(self, rules: Rules) -> None:
        known = _reachable(rules)
        self.row = np.full(rules.states, -1, dtype=np.int64)
        self.row[known] = np.arange(len(known))
        played = [[rules.play(s, a) for a in range(rules.actions)] for s in known]
        self.after = np.array([[o.state for o in row] for row in played], dtype=np.int64)
        self.reward = np.array([[o.reward for o in row] for row in played], dtype=np.float64)
        self.true = np.array([[o.performance for o in row] for row in played], dtype=np.float64)
        self.ended = np.array([[o.ended for o in row] for row in played], dtype=bool)
        self.board = np.stack([rules.board(s) for s in known])


def _reachable(rules: Rules) -> list[int]:
    """Every state that some game can come to, fading included."""
    seen = {s for _, s in rules.starts()}
    ahead = list(seen)
    bits = [1 << i for i, chance in enumerate(rules.fading) if chance > 0]
    while ahead:
        state = ahead.pop()
        found = [rules.play(state, a).state for a in range(rules.actions)]
        found += [state & ~bit for bit in bits]
        for after in found:
            if after not in seen:
                seen.add(after)
                ahead.append(after)
    return sorted(seen)
