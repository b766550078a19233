"""Character edits that a gradient suggests (HotFlip, arXiv 1712.06751; for translation arXiv 1806.09030).

A gradient by the symbols of a text foretells how the loss changes where a symbol is replaced. An insertion is foretold
as the replacement of what follows in the word, moved one place on, a deletion as the same moved one place back, a swap
as two replacements. All four are estimates: what they propose is asked of the model afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.text_edits import Letters, clusters
from momus.methods.text_search import Proposal, Room, State

# Texts (m) and their inputs -> symbols of each text and slopes (symbols, alphabet): what replacing gains an attacker.
Slopes = Callable[[Sequence[str], NumpyArray], tuple[Sequence[Sequence[str]], Sequence[NumpyArray]]]
REACH = 8  # symbols moved by an insertion or deletion that are counted


Edit = tuple[str, int, str]  # kind, place, symbol


@dataclass
class GradientMoves:
    """Edits of single symbols, most gain foretold first, the four kinds in turn; asked again, the next best ones.

    ``of`` gives the symbols that one may become; only letters and digits are edited unless ``spaces``.
    Texts that are not ``legal`` are not proposed.
    """

    slopes: Slopes
    alphabet: Sequence[str]
    of: Letters
    spaces: bool = False
    legal: Callable[[int, str], bool] = lambda _row, _text: True
    given: Counter[tuple[int, str]] = field(default_factory=Counter)
    options: dict[str, NumpyArray] = field(default_factory=dict)

    def start(self, row: int, text: str) -> None:
        return None

    def propose(self, states: Sequence[State], rooms: Sequence[Room]) -> list[list[Proposal]]:
        index = {s: j for j, s in enumerate(self.alphabet)}
        read, slopes = self.slopes([s.text for s in states], np.array([s.row for s in states]))
        out = []
        for state, parts, slope, room in zip(states, read, slopes, rooms, strict=True):
            first = self.given[state.row, state.text]
            edits = self._ranked(list(parts), slope, index, 4 * (first + room.most) + 20 * room.stride)
            chosen: list[Proposal] = []
            while first < len(edits) and len(chosen) < room.most:
                made = _together(parts, edits, first, room.stride)
                first += 1
                if self.legal(state.row, made[0]):
                    chosen.append(made)
            self.given[state.row, state.text] = first
            out.append(chosen)
        return out

    def editable(self, symbol: str) -> bool:
        return len(clusters(symbol)) == 1 and (symbol.isalnum() or (self.spaces and not symbol.isspace()))

    def _ranked(self, parts: list[str], slope: NumpyArray, index: dict[str, int], most: int) -> list[Edit]:
        """Up to about ``most`` edits: the best of each kind in turn, as their estimates differ by kind and by model."""
        at = [i for i, s in enumerate(parts) if self.editable(s)]
        ends = {i: _end(parts, i, self.editable) for i in at}
        options = [self._options(parts[i], index) for i in at]
        rows = np.repeat(np.array(at, dtype=np.int64), [len(o) for o in options])
        columns = np.concatenate([*options, np.zeros(0, dtype=np.int64)])
        gains = slope[rows, columns] if len(rows) else np.zeros(0)
        later = np.zeros(len(parts))
        for i in at:
            later[i] = _shift(parts, slope, index, slice(i, min(ends[i], i + REACH)), -1)
        pools: list[list[Edit]] = []
        for kind, gain in (("flip", gains), ("insert", gains + later[rows] if len(rows) else gains)):
            best = np.argsort(-gain, kind="stable")[:most]
            pools.append([(kind, int(rows[k]), self.alphabet[columns[k]]) for k in best])
        dropped = [(_shift(parts, slope, index, slice(i, min(ends[i], i + REACH)), 1), i) for i in at]
        pools.append([("delete", i, "") for _, i in sorted(dropped, key=lambda d: -d[0])])
        pairs = [i for i in at if i + 1 < ends[i] and parts[i + 1] != parts[i]]
        swapped = [(_gain(slope, index, i, parts[i + 1]) + _gain(slope, index, i + 1, parts[i]), i) for i in pairs]
        pools.append([("swap", i, "") for _, i in sorted(swapped, key=lambda d: -d[0])])
        turns = range(max(map(len, pools), default=0))
        return [pool[turn] for turn in turns for pool in pools if turn < len(pool)]

    def _options(self, symbol: str, index: dict[str, int]) -> NumpyArray:
        """Numbers of the symbols that one may become."""
        if symbol not in self.options:
            found = [index[d] for d in self.of(symbol) if d in index]
            self.options[symbol] = np.array(found, dtype=np.int64)
        return self.options[symbol]


def _together(parts: Sequence[str], edits: list[Edit], first: int, stride: int) -> Proposal:
    """The edit ``first`` and the next best ones at other places, ``stride`` in all, applied from the end backwards."""
    chosen = [edits[first]]
    for edit in edits[first + 1 : first + 1 + 20 * (stride - 1)]:
        if len(chosen) >= stride:
            break
        if all(abs(edit[1] - e[1]) > 1 for e in chosen):
            chosen.append(edit)
    made = list(parts)
    for edit in sorted(chosen, key=lambda e: -e[1]):
        _applied(made, edit)
    return "".join(made), None, len(chosen)


def _applied(parts: list[str], edit: Edit) -> list[str]:
    kind, i, d = edit
    if kind == "flip":
        parts[i] = d
    elif kind == "insert":
        parts.insert(i, d)
    elif kind == "delete":
        del parts[i]
    else:
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
    return parts


def _end(parts: list[str], i: int, editable: Callable[[str], bool]) -> int:
    """Where the word around ``i`` ends."""
    while i < len(parts) and editable(parts[i]):
        i += 1
    return i


def _gain(slope: NumpyArray, index: dict[str, int], i: int, to: str) -> float:
    return float(slope[i, index[to]]) if to in index and i < len(slope) else 0.0


def _shift(parts: list[str], slope: NumpyArray, index: dict[str, int], moved: slice, by: int) -> float:
    """What it gains when symbols of a word move one place: each becomes its right (1) or left (-1) neighbour."""
    start = moved.start + (by < 0)
    ends = range(start, moved.stop)
    return sum(_gain(slope, index, i, parts[i + by]) for i in ends if 0 <= i + by < len(parts))
