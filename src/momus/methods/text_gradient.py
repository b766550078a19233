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
from momus.methods.text_edits import KINDS, Letters, clusters
from momus.methods.text_search import Proposal, Room, State

# Texts (m) and their inputs -> symbols of each text and slopes (symbols, alphabet): what replacing gains an attacker.
Slopes = Callable[[Sequence[str], NumpyArray], tuple[Sequence[Sequence[str]], Sequence[NumpyArray]]]
REACH = 8  # symbols moved by an insertion or deletion that are counted


Edit = tuple[str, int, str]  # kind, place, symbol


@dataclass
class GradientMoves:
    """Edits of single symbols, most gain foretold first, the four kinds in turn; asked again, the next best ones.

    ``of`` gives the symbols that one may become; only letters and digits are edited unless ``spaces``.
    """

    slopes: Slopes
    alphabet: Sequence[str]
    of: Letters
    spaces: bool = False
    given: Counter[tuple[int, str]] = field(default_factory=Counter)

    def start(self, row: int, text: str) -> None:
        return None

    def propose(self, states: Sequence[State], rooms: Sequence[Room]) -> list[list[Proposal]]:
        index = {s: j for j, s in enumerate(self.alphabet)}
        read, slopes = self.slopes([s.text for s in states], np.array([s.row for s in states]))
        out = []
        for state, parts, slope, room in zip(states, read, slopes, rooms, strict=True):
            edits = self._ranked(list(parts), slope, index)
            first = self.given[state.row, state.text]
            self.given[state.row, state.text] += room.most
            out.append([_together(parts, edits, k, room.stride) for k in range(len(edits))[first : first + room.most]])
        return out

    def editable(self, symbol: str) -> bool:
        return len(clusters(symbol)) == 1 and (symbol.isalnum() or (self.spaces and not symbol.isspace()))

    def _ranked(self, parts: list[str], slope: NumpyArray, index: dict[str, int]) -> list[Edit]:
        pools: dict[str, list[tuple[float, Edit]]] = {k: [] for k in KINDS}
        for i in (i for i, s in enumerate(parts) if self.editable(s)):
            c, end = parts[i], _end(parts, i, self.editable)
            moved = slice(i, min(end, i + REACH))
            later = _shift(parts, slope, index, moved, -1)
            for d in self.of(c):
                j = index.get(d)
                if j is not None:
                    pools["flip"].append((float(slope[i, j]), ("flip", i, d)))
                    pools["insert"].append((float(slope[i, j]) + later, ("insert", i, d)))
            pools["delete"].append((_shift(parts, slope, index, moved, 1), ("delete", i, "")))
            if i + 1 < end and parts[i + 1] != c:
                gain = _gain(slope, index, i, parts[i + 1]) + _gain(slope, index, i + 1, c)
                pools["swap"].append((gain, ("swap", i, "")))
        ranked = [sorted(p, key=lambda q: -q[0]) for p in pools.values() if p]
        turns = range(max(map(len, ranked), default=0))
        # The best of each kind in turn: how good the four estimates are differs by kind and by model.
        return [pool[turn][1] for turn in turns for pool in ranked if turn < len(pool)]


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
