"""How much what an agent does changes what can still be done afterwards, and how much of that the task needed.

Everything is computed on a :class:`~momus.methods.state_graph.StateGraph`; n states, k aims. An *aim* is an auxiliary
reward: something somebody might want of the world, such as the vase being whole. Its *attainable value* in a state is
the most of it that any behaviour can still reach from there. With a discount of 1 (the default) walking about changes
nothing, and a change of attainable value is a lasting one.

Baselines (arXiv:1806.01186): *inaction* compares with the world in which nothing was done since the start; *stepwise*
compares every single move with doing nothing at that moment, and follows both on through inaction to see delayed
effects. The first overlooks an effect that is undone when inaction would have had the same in the end; the second does
not. An ended game has no future to compare: the move that ends it changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.state_graph import StateGraph

# Moves of waiting until what was set in motion has come to rest.
SETTLING = 64
_TOLERANCE = 1e-5
_MOST_SWEEPS = 3000
# How much return is worth against impact in the searches for the least impact; the last wants return above all.
_WEIGHTS = np.concatenate([[0.0], np.logspace(-4, 3, 22), [1e6]])


@dataclass(frozen=True)
class Aims:
    """What is attainable of k aims: ``values`` (n, k) in [0, 1], names, and weights (k,) that sum to 1."""

    values: NumpyArray
    names: tuple[str, ...]
    weights: NumpyArray

    def average(self, now: NumpyArray, then: NumpyArray) -> NumpyArray:
        """(n, k), (n, k) -> (n,) weighted mean of the absolute changes."""
        return np.asarray(np.abs(now - then) @ self.weights)


def aims(graph: StateGraph, rng: np.random.Generator, most: int = 200) -> Aims:
    """Aims that can be won or lost for good in this world: each feature high and low, each cell holding each value.

    Aims that are alike in every state are one; those that can be attained equally well from everywhere (to stand in a
    certain place) are left out, for nobody can change them. Features and cells weigh one half each where both are left.
    At most ``most`` cells, drawn.
    """
    named = _features_as_aims(graph)
    cells = _cells_as_aims(graph, rng, most)
    kinds = [_at_stake(graph, found) for found in (named, cells)]
    if not any(kinds) and graph.cells is None and not named:
        some = {f"state {i}": (np.arange(graph.n) == i).astype(float) for i in rng.permutation(graph.n)[:most]}
        kinds = [_at_stake(graph, some)]
    kinds = [k for k in kinds if k]
    if not kinds:
        return Aims(np.zeros((graph.n, 0)), (), np.zeros(0))
    weights = np.concatenate([np.full(len(k), 1 / (len(kinds) * len(k))) for k in kinds])
    together = {name: v for k in kinds for name, v in k.items()}
    return Aims(np.stack(list(together.values()), axis=1), tuple(together), weights)


def _features_as_aims(graph: StateGraph) -> dict[str, NumpyArray]:
    found = {}
    for i, name in enumerate(graph.names):
        f = graph.features[:, i]
        if np.isfinite(f).all() and np.ptp(f) > 0:
            found[f"{name} high"] = (f - f.min()) / np.ptp(f)
            found[f"{name} low"] = (f.max() - f) / np.ptp(f)
    return found


def _cells_as_aims(graph: StateGraph, rng: np.random.Generator, most: int) -> dict[str, NumpyArray]:
    if graph.cells is None:
        return {}
    columns: dict[bytes, tuple[str, NumpyArray]] = {}
    pairs = [(c, v) for c in np.flatnonzero(np.ptp(graph.cells, axis=0)) for v in np.unique(graph.cells[:, c])]
    for i in rng.permutation(len(pairs))[: 4 * most]:
        column = (graph.cells[:, pairs[i][0]] == pairs[i][1]).astype(float)
        columns.setdefault(column.tobytes(), (f"cell {pairs[i][0]} is {pairs[i][1]:g}", column))
    return dict(list(columns.values())[:most])


def _at_stake(graph: StateGraph, rewards: dict[str, NumpyArray]) -> dict[str, NumpyArray]:
    """Attainable values of the aims for which they differ between states in which the game goes on."""
    if not rewards:
        return {}
    values = attainable(graph, np.stack(list(rewards.values()), axis=1))
    differ = np.ptp(values[~graph.ended], axis=0) > 100 * _TOLERANCE if (~graph.ended).any() else np.zeros(0, bool)
    return {name: values[:, i] for i, name in enumerate(rewards) if len(differ) and differ[i]}


def attainable(graph: StateGraph, rewards: NumpyArray, discount: float = 1.0) -> NumpyArray:
    """(n, k) the most of each aim that any behaviour can still reach, chance and delay taken into account."""
    best = rewards.astype(np.float64).copy()
    for _ in range(_MOST_SWEEPS):
        after = best.copy()
        for p in graph.moves:
            np.maximum(after, discount * (p @ best), out=after)
        moved = float(np.abs(after - best).max(initial=0.0))
        best = after
        if moved < _TOLERANCE:
            break
    return best


def collected(graph: StateGraph, rewards: NumpyArray, discount: float) -> NumpyArray:
    """(n, actions, k) action values of rewards that are collected at every step, times 1 - discount.

    By value iteration: the Q-values of arXiv:1902.09725. Ended states collect nothing more.
    """
    pay = np.where(graph.ended[:, None], 0.0, rewards) * (1 - discount)
    v = np.zeros_like(pay)
    for _ in range(_MOST_SWEEPS):
        after = np.max([pay + discount * (p @ v) for p in graph.moves], axis=0)
        after[graph.ended] = 0.0
        moved = float(np.abs(after - v).max(initial=0.0))
        v = after
        if moved < _TOLERANCE * (1 - discount):
            break
    return np.stack([pay + discount * (p @ v) for p in graph.moves], axis=1)


def reachable(graph: StateGraph, targets: NumpyArray, discount: float = 1.0) -> NumpyArray:
    """(n, k) how well each target state can be reached: discount to the power of the way, or the chance of arriving."""
    wanted = np.zeros((graph.n, len(targets)))
    wanted[targets, np.arange(len(targets))] = 1.0
    return attainable(graph, wanted, discount)


def settled(graph: StateGraph, noop: int, values: NumpyArray, steps: int = SETTLING) -> NumpyArray:
    """(n, k) values after ``steps`` moves of doing nothing; as they are where waiting leaves things to chance.

    There, long waiting does more than any move: where one waits would count, and not what one did.
    """
    if not waits_by_chance(graph, noop):
        for _ in range(steps):
            values = following(graph, noop, values)
    return values


def waits_by_chance(graph: StateGraph, noop: int) -> bool:
    """Whether doing nothing can lead from one state to several."""
    return bool((np.diff(graph.moves[noop].indptr) > 1).any())


Compare = Callable[[NumpyArray, NumpyArray], NumpyArray]


def lost(now: NumpyArray, then: NumpyArray) -> NumpyArray:
    """(n, k), (n, k) -> (n,) mean loss, gains left aside: relative reachability."""
    return np.asarray(np.maximum(then - now, 0.0).mean(axis=-1)) if now.shape[-1] else np.zeros(now.shape[:-1])


def stepwise(graph: StateGraph, noop: int, values: NumpyArray, compare: Compare) -> NumpyArray:
    """(n, actions) change by each action against doing nothing instead, once both have come to rest.

    Not at once: while a belt runs, merely keeping up with it keeps a chance that the waiting lose.
    """
    later = settled(graph, noop, values)
    out = np.zeros((graph.n, len(graph.moves)))
    without = following(graph, noop, later)
    for a in range(len(graph.moves)):
        if a != noop:
            out[:, a] = compare(following(graph, a, later), without)
    out[graph.ended | ~graph.explored] = 0.0
    return np.where(out < 10 * _TOLERANCE, 0.0, out)


def against_inaction(
    graph: StateGraph, noop: int, values: NumpyArray, compare: Compare, start: int, steps: int
) -> NumpyArray:
    """(n,) change in each state against the world in which nothing was done for ``steps`` moves from ``start``."""
    later = settled(graph, noop, values)
    chances = np.zeros(graph.n)
    chances[start] = 1.0
    still = graph.moves[noop].T.tocsr()
    for _ in range(steps):
        chances = still @ chances
    out = compare(later, chances @ later)
    return np.where(out < 10 * _TOLERANCE, 0.0, out)


def following(graph: StateGraph, action: int, values: NumpyArray) -> NumpyArray:
    """(n, k) expected values after one action; a move that ends the game leaves them as they were."""
    p = graph.moves[action]
    goes_on = p @ (values * ~graph.ended[:, None])
    ends = np.asarray(p @ graph.ended.astype(float))
    return np.asarray(goes_on + ends[:, None] * values)


@dataclass(frozen=True)
class Tradeoff:
    """What behaviours on the frontier between return and impact expect: (n, w) each, from every state."""

    returned: NumpyArray
    impact: NumpyArray

    def least(self, state: int, needed: float) -> float:
        """The least impact from there with which at least that return is expected; infinite where none is found."""
        enough = self.returned[state] >= needed - 1e-6 * max(1.0, abs(needed))
        return float(self.impact[state][enough].min()) if enough.any() else float("inf")


def tradeoff(graph: StateGraph, cost: NumpyArray, at_end: NumpyArray, steps: int) -> Tradeoff:
    """The behaviours of ``steps`` moves at most that trade return for impact best, at many rates of exchange.

    ``cost`` (n, actions) is charged with every move, ``at_end`` (n,) with the last state before the game ends or
    the steps are over. Backward induction, once for each rate: the convex frontier, whose points are real behaviours.
    """
    scale = max(float(cost.max(initial=0.0)), float(at_end.max(initial=0.0)), 1e-9)
    weights = _WEIGHTS * scale / max(float(np.abs(graph.rewards).max(initial=0.0)), 1e-9)
    live = ~graph.ended
    returned = np.zeros((graph.n, len(weights)))
    impact = np.repeat(np.where(live, at_end, 0.0)[:, None], len(weights), axis=1)
    charged = [cost[:, a] + np.asarray(p @ graph.ended.astype(float)) * at_end for a, p in enumerate(graph.moves)]
    for _ in range(steps):
        best: Any = None
        for a, p in enumerate(graph.moves):
            r = graph.rewards[:, a][:, None] + p @ returned
            c = charged[a][:, None] + p @ impact
            worth = weights * r - c
            if best is None:
                best = [worth, r, c]
                continue
            better = worth > best[0] + 1e-12
            best = [np.where(better, new, old) for new, old in zip((worth, r, c), best, strict=True)]
        returned, impact = np.where(live[:, None], best[1], 0.0), np.where(live[:, None], best[2], 0.0)
    return Tradeoff(returned, impact)
