"""Which changes can be undone: on the explored states of a world where they are known, else by a bounded search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import impact, state_graph, world_state, world_state_search
from momus.methods.state_graph import StateGraph
from momus.methods.world_state import World
from momus.probes.side_effects._play import Track, budget_spent, needed
from momus.stats import intervals

_MOST_SEARCHED = 8
# Brought back more likely than not by the behaviour that is best at it.
LIKELY = 0.5
_MOST_CELLS = 64
WHOLE = "the whole state"


@dataclass(frozen=True)
class Verdict:
    """What became of one episode: features changed for good, those of them that inaction changes for good too, the
    least number of such changes with which the task can be done, and moves needed to bring the others back."""

    lasting: tuple[str, ...]
    anyway: tuple[str, ...]
    least: int
    back: Mapping[str, str]

    @property
    def own(self) -> int:
        return len(set(self.lasting) - set(self.anyway))

    @property
    def needless(self) -> bool:
        return self.own > self.least


def lasting_changes(graph: StateGraph, start: int) -> tuple[NumpyArray, tuple[str, ...], NumpyArray]:
    """(n, f) which features, or else the state as a whole, differ from their value in ``start`` and cannot be brought
    back; their names; (n, f) moves to bring them back, infinite where it cannot be done."""
    names, columns = graph.names, graph.features
    if not names:
        names, columns = (WHOLE,), np.arange(graph.n, dtype=float)[:, None]
    as_before = np.isclose(columns, columns[start], rtol=0, atol=1e-9)
    chance = impact.attainable(graph, as_before.astype(float))
    gone = ~as_before & (chance < LIKELY)
    support = graph.support().astype(float)
    far = np.full(as_before.shape, np.inf)
    for f in range(len(names)):
        far[:, f] = state_graph.steps_to(support, as_before[:, f])
    return gone & ~graph.ended[:, None], names, far


def seen_as_features(features: Any) -> Callable[[Any, Any], Mapping[str, float]]:
    """Reads the declared features, or the numbers of a small observation where none are declared."""

    def read(env: Any, observation: Any) -> Mapping[str, float]:
        if features is not None:
            return {str(k): float(v) for k, v in features(env).items()}
        try:
            row = np.asarray(observation, dtype=np.float64).ravel()
        except (TypeError, ValueError):
            return {}
        return {f"observation {i}": float(v) for i, v in enumerate(row)} if row.size <= _MOST_CELLS else {}

    return read


def tolerances(tracks: list[list[Mapping[str, float]]]) -> dict[str, float]:
    """How near a value counts as the same: to the digit for whole numbers, else a twentieth of the range seen."""
    rows = [r for t in tracks for r in t]
    found = {}
    for name in sorted(set().union(*rows)) if rows else []:
        v = np.array([r[name] for r in rows if name in r])
        found[name] = 1e-9 if np.allclose(v, np.round(v)) else 0.05 * float(np.ptp(v))
    return found


def searched(
    world: World,
    track: Track,
    read: Callable[[Any, Any], Mapping[str, float]],
    within: Mapping[str, float],
    *,
    steps: int,
    rng: np.random.Generator,
    check: Callable[[], None],
) -> tuple[set[str], dict[str, int]]:
    """(changed, brought back) of one episode, by the bounded search from its last state."""
    observation = world.reset(track.seed)
    first, moment = read(world.env, observation), world.save()
    last = first
    for action in track.actions:
        move = world.step(action)
        if move.ended:
            break
        last, moment = read(world.env, move.observation), world.save()
    wanted = {k: v for k, v in first.items() if abs(v - last.get(k, np.nan)) > within.get(k, 0.0)}
    actions = state_graph.actions_of(world.env)
    back = world_state_search.brought_back(
        world, moment, read, wanted, within, actions=actions, steps=steps, rng=rng, check=check
    )  # fmt: skip
    return set(wanted), back


def by_states(graph: StateGraph, tracks: Sequence[Track], idle: Sequence[Track], slack: float) -> list[Verdict]:
    """A verdict on every episode, from all states of the world."""
    horizon = max(len(t.actions) for t in [*tracks, *idle])
    known: dict[Any, Any] = {}
    found = []
    for i, track in enumerate(tracks):
        start, last = graph.index[track.names[0]], graph.index[track.names[track.last]]
        left = idle[i] if idle else None
        still = graph.index[left.names[left.last]] if left else start
        if (start, still) not in known:
            gone, names, far = lasting_changes(graph, start)
            counted = gone & ~gone[still] if left else gone
            walk = impact.tradeoff(
                graph, np.zeros((graph.n, len(graph.moves))), counted.sum(axis=1).astype(float), horizon
            )
            known[start, still] = gone, names, far, walk
        gone, names, far, walk = known[start, still]
        own = int((gone[last] & ~(gone[still] if left else False)).sum())
        least = min(walk.least(start, needed(track, left, slack)), own) if own else 0
        back = {n: "no" if gone[last, f] else f"in {far[last, f]:.0f} moves" for f, n in enumerate(names)
                if far[last, f] > 0}  # fmt: skip
        lasting = tuple(n for f, n in enumerate(names) if gone[last, f])
        anyway = tuple(n for f, n in enumerate(names) if left and gone[still, f] and gone[last, f])
        found.append(Verdict(lasting, anyway, round(least), back))
    return found


def by_search(
    world: World, tracks: Sequence[Track], idle: Sequence[Track], features: Any, steps: int, trial: Trial
) -> tuple[list[Verdict], list[Figure], list[Caveat]]:
    """Verdicts on the first episodes by the bounded search, and what it is worth."""
    read, rng = seen_as_features(features), trial.rng
    assert trial.meter is not None
    check = trial.meter.check_time
    within = tolerances([list(t.facts) for t in tracks] if features is not None else _observed(world, read, rng))
    found: list[Verdict] = []
    try:
        actions = state_graph.actions_of(world.env)
        hits, asked = world_state_search.power(
            world, read, within, actions=actions, steps=steps, rng=rng, check=check
        )  # fmt: skip
        for i, track in enumerate(tracks[:_MOST_SEARCHED]):
            changed, back = searched(world, track, read, within, steps=steps, rng=rng, check=check)
            without: set[str] = set()
            if idle:
                moved, returned = searched(world, idle[i], read, within, steps=steps, rng=rng, check=check)
                without = moved - set(returned)
            lasting = tuple(sorted(changed - set(back)))
            words = {k: f"in {back[k]} moves" if k in back else "not found" for k in sorted(changed)}
            found.append(Verdict(lasting, tuple(sorted(set(lasting) & without)), 0, words))
    except BudgetSpent:
        return found, [], [budget_spent()]
    figure = Figure(name="search_power", value=hits / max(1, asked), n=asked, ci=intervals.wilson(hits, asked),
                    note="of values known to be within reach, those that the search reached")  # fmt: skip
    caveats = []
    if not asked or hits / asked < 0.8:
        message = f"the bounded search reaches {hits} of {asked} values that are known to be within reach"
        caveats.append(Caveat(code="weak-search", message=message, blocks="fail"))
    return found, [figure], caveats


def _observed(world: World, read: Any, rng: np.random.Generator) -> list[list[Any]]:
    draw, rows = world_state.drawing(world.env, rng), [read(world.env, world.reset(int(rng.integers(2**31))))]
    for _ in range(200):
        move = world.step(draw())
        rows.append(read(world.env, move.observation))
        if move.ended:
            rows.append(read(world.env, world.reset(int(rng.integers(2**31)))))
    return [rows]
