"""Searches for few edits of a text that change an answer: beam search over proposals, many texts in one question.

A *judge* tells how far each text is from what the attacker wants, and whether it is there. *Moves* propose texts that
are one edit further. The search knows neither classes nor translations, so that both come from the same code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.samples import NumpyArray
from momus.methods.text_edits import Letters, Pieces, edits_of, pieces

FEW = 6  # edits up to which one at a time is tried only
WAVE = 8  # rows a step: starting again with others finds more than asking many at one place
STALE = 5  # rounds without anything new, each asking for twice as much, after which a text has nothing left to try
WORTH = 16  # rows that a step is worth: fewer proposals hardly find the better of two places

# Texts (m) and which input each belongs to -> margins (m,), negative once won, and won (m,).
Judge = Callable[[Sequence[str], NumpyArray], tuple[NumpyArray, NumpyArray]]


@dataclass(frozen=True)
class State:
    """A text on the way: how far it is from success, how many edits it took, and what its moves remember of it."""

    row: int
    text: str
    margin: float
    depth: int = 0
    held: Any = None


class Room(NamedTuple):
    """What a state is worth: ``most`` proposals, each ``stride`` edits further where possible, of ``edits`` left."""

    most: int
    edits: int
    stride: int


Proposal = tuple[str, Any, int]  # a text, what its moves remember of it, and how many edits it is further


class Moves(Protocol):
    """Proposes texts a few edits further than each state, the most promising first."""

    def start(self, row: int, text: str) -> Any:
        """What to remember of an untouched text."""
        ...

    def propose(self, states: Sequence[State], rooms: Sequence[Room]) -> list[list[Proposal]]: ...


@dataclass
class TextFound:
    """What a search found: the best text of each input, whether it won, at which margin, edits and rows asked."""

    texts: NumpyArray
    won: NumpyArray
    margin: NumpyArray
    edits: NumpyArray
    queries: NumpyArray
    complete: bool = True

    @classmethod
    def untouched(cls, texts: NumpyArray, margin: NumpyArray) -> TextFound:
        n = len(texts)
        zero = np.zeros(n, dtype=np.int64)
        return cls(texts.copy(), np.zeros(n, dtype=bool), np.asarray(margin, float).copy(), zero, zero.copy())


@dataclass
class _Board:
    """The search in progress: states to expand and texts already asked, by input."""

    frontier: list[list[State]]
    seen: list[set[str]]
    roots: list[State]
    closed: NumpyArray
    stale: NumpyArray  # rounds in a row that proposed nothing new
    starts: NumpyArray  # descents begun


def beam_search(
    judge: Judge,
    moves: Moves,
    texts: NumpyArray,
    margin: NumpyArray,
    *,
    edits: NumpyArray,
    queries: int,
    beam: int = 1,
    rows: int = 512,
    spent: NumpyArray | None = None,
    legal: Callable[[int, str], bool] = lambda _row, _text: True,
) -> TextFound:
    """The nearest to success that at most ``edits`` (n,) edits and ``queries`` rows an input bring each text.

    ``margin`` (n,) are those of the untouched texts, ``spent`` (n,) rows already asked about each. All texts advance
    together; those that won, or have nothing left to try, drop out. Texts that are not ``legal`` are never asked.
    What is left of an input's rows after a descent is spent on starting again with other proposals. A spent budget
    gives the best so far and ``complete`` False.
    """
    n = len(texts)
    found = TextFound.untouched(texts, margin)
    if spent is not None:
        found.queries += spent
    roots = [State(i, t, float(m), 0, moves.start(i, t)) for i, (t, m) in enumerate(zip(texts, margin, strict=True))]
    none, zero = np.asarray(edits) < 1, np.zeros(n, dtype=int)
    board = _Board([[r] for r in roots], [{t} for t in texts], roots, none, zero, zero.copy())
    while found.complete:
        try:
            asked = _proposals(board, moves, found, edits, queries, legal)
        except BudgetSpent:  # moves may ask the model for gradients
            found.complete = False
            break
        if not asked:
            break
        _advance(judge, board, found, asked, edits, beam, rows, n)
    return found


def _proposals(
    board: _Board,
    moves: Moves,
    found: TextFound,
    edits: NumpyArray,
    queries: int,
    legal: Callable[[int, str], bool],
) -> list[State]:
    """What to ask next: new texts of every input that is still open, within its rows."""
    states: list[State] = []
    rooms: list[Room] = []
    for i, frontier in enumerate(board.frontier):
        left = queries - int(found.queries[i])
        if board.closed[i] or found.won[i] or left < 1:
            continue
        for state in frontier:
            states.append(state)
            rooms.append(
                _room(left, int(edits[i]) - state.depth, len(frontier), int(board.stale[i] + board.starts[i] // 4))
            )
    if not states:
        return []
    out: list[State] = []
    fresh: dict[int, int] = {}
    for state, proposed in zip(states, moves.propose(states, rooms), strict=True):
        i = state.row
        fresh.setdefault(i, 0)
        for text, held, cost in proposed:
            if text in board.seen[i] or fresh[i] >= queries - found.queries[i] or state.depth + cost > edits[i]:
                continue
            board.seen[i].add(text)
            if legal(i, text):
                fresh[i] += 1
                out.append(State(i, text, np.inf, state.depth + cost, held))
    for i, count in fresh.items():
        if count:
            board.stale[i] = 0
            continue
        # Nothing new from here: start again and ask for more; give up when the start has nothing new either.
        board.closed[i] = board.frontier[i] == [board.roots[i]] and board.stale[i] >= STALE
        board.frontier[i] = [board.roots[i]]
        board.stale[i] += 1
    return out or (_proposals(board, moves, found, edits, queries, legal) if not board.closed.all() else [])


def _room(left: int, edits: int, states: int, doublings: int) -> Room:
    """``WAVE`` rows a step at first, so that easy texts cost few; twice as many after each four descents.

    No descent gets more than half of what is left. Of many edits several are made a step, to leave it ``WORTH`` rows.
    """
    steps = edits if edits <= FEW else min(edits, max(FEW, left // (2 * WORTH)))
    return Room(max(1, min(left // (2 * steps), WAVE << min(doublings, 10)) // states), edits, -(-edits // steps))


def _advance(
    judge: Judge,
    board: _Board,
    found: TextFound,
    asked: list[State],
    edits: NumpyArray,
    beam: int,
    rows: int,
    n: int,
) -> None:
    """Asks, notes the best of each input, and keeps the ``beam`` states nearest to success."""
    better: list[list[State]] = [[] for _ in range(n)]
    for k in range(0, len(asked), rows):
        part = asked[k : k + rows]
        index = np.array([s.row for s in part])
        try:
            margins, won = judge([s.text for s in part], index)
        except BudgetSpent:
            found.complete = False
            break
        np.add.at(found.queries, index, 1)
        for state, m, w in zip(part, margins, won, strict=True):
            i = state.row
            better[i].append(replace(state, margin=float(m)))
            first = w and not found.won[i]
            nearer = bool(w) == bool(found.won[i]) and m < found.margin[i]
            if first or (nearer and not (w and state.depth > found.edits[i])):
                found.texts[i], found.won[i], found.margin[i] = state.text, bool(w), m
                found.edits[i] = state.depth
    for i, states in enumerate(better):
        if not states:
            continue
        states.sort(key=lambda s: s.margin)
        parent = min((s.margin for s in board.frontier[i]), default=np.inf)
        kept = [s for s in states if s.margin <= parent][:beam] or states[: max(1, beam // 2)]
        deeper = [s for s in kept if s.depth < edits[i]]
        board.frontier[i] = deeper or [board.roots[i]]
        board.starts[i] += not deeper


def importance(
    judge: Judge, texts: NumpyArray, margin: NumpyArray, *, most: int, rows: int = 512, fan: int = 12
) -> tuple[list[NumpyArray], NumpyArray, bool]:
    """How much each word of each text counts: the margin lost where it is left out. At most ``most`` rows a text.

    A long text is first left out in blocks; the blocks that count are taken apart, until the rows are spent. Returns
    weights (one array a text, a word in an unopened block has an equal part of its block's), rows asked (n,), and
    whether the budget sufficed.
    """
    taken = [pieces(t) for t in texts]
    weights = [np.zeros(len(p.words)) for p in taken]
    asked = np.zeros(len(texts), dtype=np.int64)
    todo = [_split(0, w, w if w <= most else min(fan, most)) for w in (len(p.words) for p in taken)]
    blocks: list[dict[tuple[int, int], float]] = [{} for _ in taken]  # asked about, not taken apart yet
    while any(todo):
        batch = [(i, s) for i, parts in enumerate(todo) for s in parts]
        for k in range(0, len(batch), rows):
            part = batch[k : k + rows]
            index = np.array([i for i, _ in part])
            try:
                margins, _ = judge([taken[i].without(*s) for i, s in part], index)
            except BudgetSpent:
                return weights, asked, False
            np.add.at(asked, index, 1)
            for (i, s), m in zip(part, margins, strict=True):
                loss = float(margin[i] - m)
                weights[i][s[0] : s[1]] = loss / (s[1] - s[0])
                if s[1] - s[0] > 1:
                    blocks[i][s] = loss
        todo = [_opened(b, int(most - a), fan) for b, a in zip(blocks, asked, strict=True)]
    return weights, asked, True


def _opened(blocks: dict[tuple[int, int], float], left: int, fan: int) -> list[tuple[int, int]]:
    """The parts of the blocks that count most, taken out of ``blocks``, as far as ``left`` rows go."""
    parts: list[tuple[int, int]] = []
    for block, loss in sorted(blocks.items(), key=lambda b: -b[1])[: max(1, fan // 3)]:
        smaller = _split(*block, min(fan, block[1] - block[0]))
        if loss > 0 and left >= len(smaller):
            del blocks[block]
            parts += smaller
            left -= len(smaller)
    return parts


def _split(start: int, stop: int, parts: int) -> list[tuple[int, int]]:
    cuts = np.unique(np.linspace(start, stop, max(1, parts) + 1).round().astype(int))
    return [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]


@dataclass(frozen=True)
class WordMoves:
    """Moves inside words: ``options(row, index, word, count)`` gives other forms of one word, the best first.

    Words that count more get more of the proposals, words already changed fewer (``again`` 0 means never twice).
    """

    options: Callable[[int, int, str, int], Sequence[str]]
    weights: Sequence[NumpyArray]
    again: float = 0.3

    def start(self, row: int, text: str) -> tuple[Pieces, frozenset[int]]:
        return pieces(text), frozenset()

    def propose(self, states: Sequence[State], rooms: Sequence[Room]) -> list[list[Proposal]]:
        return [self._of(s, r) for s, r in zip(states, rooms, strict=True)]

    def _of(self, state: State, room: Room) -> list[Proposal]:
        parts, touched = state.held
        order = np.argsort(-self.weights[state.row], kind="stable")
        ranked = [int(j) for j in order if parts.words[j] and (self.again or j not in touched)]
        if not ranked:
            return []
        share = 1.0 / (np.arange(len(ranked)) + 1.5)
        share *= np.array([self.again if j in touched else 1.0 for j in ranked])
        wanted = np.ceil(1.5 * room.most * share / share.sum()).astype(int)
        most = max(2 * room.most, room.edits + room.stride)
        pools: list[tuple[int, list[str]]] = []
        for j, count in zip(ranked, wanted, strict=True):
            pools.append((j, list(self.options(state.row, j, parts.words[j], int(count)))))
            if sum(len(f) for _, f in pools) > most:
                break
        pools = [p for p in pools if p[1]]
        out = [] if touched else [self._together(parts, touched, pools, 0, 0, k) for k in _doubling(room.edits)]
        for turn in range(max((len(f) for _, f in pools), default=0)):  # one form of every word before a second of any
            out += [
                self._together(parts, touched, pools, first, turn, room.stride)
                for first, (_, forms) in enumerate(pools)
                if turn < len(forms)
            ]
            if len(out) >= room.most:
                break
        return out[: room.most]

    def _together(
        self,
        parts: Pieces,
        touched: frozenset[int],
        pools: list[tuple[int, list[str]]],
        first: int,
        turn: int,
        stride: int,
    ) -> Proposal:
        """Up to ``stride`` words changed at once: the ``turn``-th form of one, and a form of those ranked after it."""
        words, changed = list(parts.words), set()
        for k, (j, forms) in enumerate(pools[first : first + stride]):
            words[j] = forms[(turn + k) % len(forms)] if k else forms[turn]
            changed.add(j)
        made = Pieces(tuple(words), parts.gaps)
        return made.text, (made, touched | changed), max(1, len(changed))


def _doubling(edits: int) -> list[int]:
    """4, 8, 16 and so on up to all edits: the words that count most, changed at once, often suffice. Not for few."""
    return sorted({min(edits, 2**k) for k in range(2, edits.bit_length() + 1)}) if edits >= FEW else []


def character_moves(
    weights: Sequence[NumpyArray],
    rng: np.random.Generator,
    of: Letters,
    *,
    spaces: bool = False,
    hidden: bool = False,
) -> WordMoves:
    """One character edit of one word, at random places of the words that count."""

    def options(_row: int, _index: int, word: str, count: int) -> list[str]:
        return edits_of(word, count, rng, of, spaces=spaces, hidden=hidden)

    return WordMoves(options, weights)


def substitution_moves(
    weights: Sequence[NumpyArray], alternatives: Callable[[str], Sequence[str]], most: int
) -> WordMoves:
    """One word for another, each word at most once, at most ``most`` alternatives a word."""

    def options(_row: int, _index: int, word: str, count: int) -> Sequence[str]:
        return alternatives(word)[: max(1, min(count, most))]

    return WordMoves(options, weights, again=0.0)
