"""The states an environment can be led into, found by trying every action in every state, as sparse arrays.

From them follow, without the environment: what can still be reached, how far away it is, and what can be undone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy

from momus.core.samples import NumpyArray
from momus.methods import state_keys, world_state
from momus.methods.world_state import Moment, World

Features = Callable[[Any], Mapping[str, float]]
# Above this many actions a state, trying each of them in each state is no search but a lottery.
MOST_ACTIONS = 64
_MOST_CELLS = 1024
_SECOND_LOOKS = 200
_WALKS, _WALK = 8, 40
# A world that asks for luck and never shows it in so many steps tried is taken for settled, and tried less.
_TRUSTED, _FEW = 15, 4


@dataclass(frozen=True)
class StateGraph:
    """Explored states, numbered in the order they were found.

    ``moves[a]`` is (n, n), row s the chances of what action a leads to; ended and unexplored states stay where they
    are. ``rewards`` is (n, actions), the mean. ``features`` is (n, f) with ``names``; ``cells`` (n, c) are flattened
    observations where they are numbers of one shape. ``conflicts`` of ``looks`` second looks at a state showed another
    outcome than the first: the name of the state hides something.
    """

    index: dict[bytes, int]
    moves: tuple[Any, ...]
    rewards: NumpyArray
    ended: NumpyArray
    explored: NumpyArray
    features: NumpyArray
    names: tuple[str, ...]
    cells: NumpyArray | None
    random: bool
    conflicts: int
    looks: int
    stopped: str

    @property
    def n(self) -> int:
        return len(self.ended)

    @property
    def complete(self) -> bool:
        """Whether every state that can be reached was found and tried."""
        return bool(self.explored.all()) and not self.stopped

    def support(self) -> Any:
        """(n, n) sparse booleans: what one action can lead to."""
        if not self.moves:
            return scipy.sparse.identity(self.n, dtype=bool, format="csr")
        return (sum(self.moves[1:], self.moves[0]) > 0).tocsr()

    def steps_between(self, sources: NumpyArray) -> NumpyArray:
        """(m, n) least number of moves from each source to every state, with luck; infinite where there is no way."""
        d = scipy.sparse.csgraph.dijkstra(self.support().astype(float), indices=sources, unweighted=True)
        return np.asarray(d, dtype=np.float64).reshape(len(sources), self.n)

    def closed(self) -> NumpyArray:
        """(n,) states from which only states can be reached that were found and tried."""
        if self.complete:
            return np.ones(self.n, dtype=bool)
        return np.asarray(~np.isfinite(steps_to(self.support().astype(float), ~self.explored)))

    def only(self, keep: NumpyArray) -> StateGraph:
        """The graph of some states alone, (n,) bool; none of them may lead to one that is left out."""
        old = np.flatnonzero(keep)
        new = {int(o): i for i, o in enumerate(old)}
        return replace(
            self, index={k: new[v] for k, v in self.index.items() if v in new},
            moves=tuple(p[old][:, old].tocsr() for p in self.moves), rewards=self.rewards[old], ended=self.ended[old],
            explored=self.explored[old], features=self.features[old],
            cells=None if self.cells is None else self.cells[old], stopped="",
        )  # fmt: skip

    def components(self) -> NumpyArray:
        """(n,) number of the strongly connected component of each state: within one, everything can be undone."""
        _, label = scipy.sparse.csgraph.connected_components(self.support(), directed=True, connection="strong")
        return np.asarray(label)


def steps_to(support: Any, targets: NumpyArray) -> NumpyArray:
    """(n,) least number of moves from each state to the nearest of the ``targets`` (n,) bool, infinite for no way."""
    where = np.flatnonzero(targets)
    if not len(where):
        return np.full(len(targets), np.inf)
    d = scipy.sparse.csgraph.dijkstra(support.T.tocsr(), indices=where, unweighted=True, min_only=True)
    return np.asarray(d, dtype=np.float64)


@dataclass
class Naming:
    """How states of one environment are named. ``name`` is asked right after reset, step or restore."""

    features: Features | None = None
    clocks: tuple[str, ...] = ()
    attribute_clocks: tuple[tuple[int, str], ...] = ()
    hidden: bool = False  # name by everything the environment remembers

    def facts(self, env: Any) -> dict[str, float]:
        """The declared features but those that tell the time."""
        if self.features is None:
            return {}
        return {k: float(v) for k, v in self.features(env).items() if k not in self.clocks}

    def name(self, env: Any, observation: Any, ended: bool) -> bytes:
        if self.hidden:
            return state_keys.whole(env, self.attribute_clocks, ended)
        return state_keys.seen(observation, self.facts(env), ended)


def actions_of(env: Any) -> list[Any]:
    """Every action of a discrete space, empty where there are infinitely or too many."""
    space = getattr(env, "action_space", None)
    n = getattr(space, "n", None)
    if n is not None and np.ndim(n) == 0:
        start = int(getattr(space, "start", 0))
        return [start + i for i in range(int(n))] if int(n) <= MOST_ACTIONS else []
    sizes = getattr(space, "nvec", None)
    if sizes is not None and np.prod(sizes) <= MOST_ACTIONS:
        return [np.array(i) for i in np.ndindex(*np.asarray(sizes).ravel().tolist())]
    return []


def naming(world: World, features: Features | None, rng: np.random.Generator) -> Naming:
    """How to name states: by observation and features, clocks among the features left out."""
    clocks = state_keys.clock_features(world, features, rng) if features is not None else ()
    return Naming(features, clocks)


def explore(
    world: World,
    how: Naming,
    *,
    seeds: Sequence[int],
    rng: np.random.Generator,
    bound: int = 2000,
    samples: int = 20,
    check: Callable[[], None] = lambda: None,
) -> tuple[StateGraph, Naming]:
    """States reachable after the reset with each of ``seeds``, every action tried in each, up to ``bound``.

    Where the reward of a move depends on the time (MiniGrid's goal), it is that of the shortest way there.
    Breadth first, one seed after another: what the first resets lead to is whole before the bound is met.

    Where a step asks for random numbers it is tried ``samples`` times with others, and the chances are shares. When
    second looks show that observation and features hide something of a world that is not random, it starts again
    naming states by all that the environment remembers. ``check`` is called before each state and may raise
    BudgetSpent to end the search; what was found stays, marked as incomplete.
    """
    graph = _Search(world, how, rng, samples).run(seeds, bound, check)
    if graph.conflicts and not how.hidden:
        clocks = state_keys.clock_attributes(world, rng)
        fuller = Naming(how.features, how.clocks, clocks, hidden=True)
        again = _Search(world, fuller, rng, samples).run(seeds, bound, check)
        if again.conflicts < graph.conflicts:
            return again, fuller
    return graph, how


@dataclass
class _Search:
    world: World
    how: Naming
    rng: np.random.Generator
    samples: int
    index: dict[bytes, int] = field(default_factory=dict)
    ended: list[bool] = field(default_factory=list)
    facts: list[dict[str, float]] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    entries: dict[tuple[int, int], dict[int, float]] = field(default_factory=dict)
    paid: dict[tuple[int, int], float] = field(default_factory=dict)
    queue: deque[tuple[int, Moment]] = field(default_factory=deque)
    looks: int = 0
    conflicts: int = 0
    random: bool = False
    lucky: bool = False
    unmoved: int = 0

    def run(self, seeds: Sequence[int], bound: int, check: Callable[[], None]) -> StateGraph:
        from momus.core.errors import BudgetSpent

        actions, stopped = actions_of(self.world.env), ""
        if not actions:
            stopped = "its actions cannot be counted"
        try:
            for seed in seeds:
                observation = self.world.reset(seed)
                self._arrive(observation, False, [])
                self.lucky = self.lucky or world_state.own_luck(self.world.env)
                while self.queue and not stopped:
                    check()
                    if len(self.ended) > bound:
                        stopped = f"there are more than {bound} states"
                        break
                    state, moment = self.queue.popleft()
                    for a, action in enumerate(actions):
                        self._try(state, moment, a, action, actions)
            if not stopped:
                self._walk_again(seeds, actions)
        except BudgetSpent:
            stopped = "the budget was spent"
        return self._graph(len(actions), stopped)

    def _arrive(self, observation: Any, ended: bool, actions: list[Any], *, cut: bool = False) -> int:
        """The number of the state the world is in; new ones are queued to be tried."""
        name = self.how.name(self.world.env, observation, ended)
        known = self.index.get(name)
        if known is not None:
            if not cut and not ended:
                self._second_look(known, actions)
            return known
        number = self.index[name] = len(self.ended)
        self.ended.append(ended)
        self.facts.append(self.how.facts(self.world.env))
        self.seen.append(_flat(observation))
        if not ended and not cut:
            self.queue.append((number, self.world.save()))
        return number

    def _try(self, state: int, moment: Moment, a: int, action: Any, actions: list[Any]) -> None:
        n: dict[int, int] = {}
        draws, rewards, done = 1, 0.0, 0
        while done < draws:
            self.world.restore(moment)
            if done:
                self.world.reseed(int(self.rng.integers(2**31)))
            before = world_state.luck_of(self.world.env)
            move = self.world.step(action)
            if not done and self._chancy(before):
                draws = self.samples if self.random or self.unmoved < _TRUSTED else min(_FEW, self.samples)
            after = self._arrive(move.observation, move.terminated, actions, cut=move.truncated)
            n[after] = n.get(after, 0) + 1
            rewards += move.reward
            done += 1
            if len(n) > 1 and not self.random:
                draws, self.random = self.samples, True
        self.unmoved += int(draws > 1 and len(n) == 1)
        self.entries[state, a] = {s: k / draws for s, k in n.items()}
        self.paid[state, a] = rewards / draws

    def _chancy(self, before: str) -> bool:
        """Whether the step just made asked for luck."""
        if world_state.luck_of(self.world.env) != before:
            return True
        return self.lucky

    def _second_look(self, state: int, actions: list[Any]) -> None:
        """Compare one action's outcome with what the state, reached another way, gave before."""
        if (
            self.looks >= _SECOND_LOOKS
            or self.random
            or self.lucky
            or not actions
            or (state, len(actions) - 1) not in self.entries
        ):
            return
        here, before = self.world.save(), world_state.luck_of(self.world.env)
        a = int(self.rng.integers(len(actions)))
        move = self.world.step(actions[a])
        if world_state.luck_of(self.world.env) != before:
            self.world.restore(here)
            return
        name = self.how.name(self.world.env, move.observation, move.terminated)
        self.looks += 1
        other = self.index.get(name) not in self.entries[state, a]
        self.conflicts += int(other and not move.truncated)
        self.world.restore(here)

    def _walk_again(self, seeds: Sequence[int], actions: list[Any]) -> None:
        """Random walks held against what was found: where states are named by too little, they lead elsewhere."""
        looks = odd = 0
        for i in range(_WALKS):
            seed = seeds[i % len(seeds)]
            here = self.index.get(self.how.name(self.world.env, self.world.reset(seed), False))
            for _ in range(_WALK):
                a = int(self.rng.integers(len(actions)))
                move = self.world.step(actions[a])
                after = self.index.get(self.how.name(self.world.env, move.observation, move.terminated))
                looks += 1
                known = None if here is None or self.random or self.lucky else self.entries.get((here, a))
                odd += after is None or (known is not None and after not in known)
                here = after
                if move.ended:
                    break
        self.looks += looks
        # Rare luck leads where no try did; what is hidden does so again and again.
        self.conflicts += odd if not self.random or odd > 0.05 * looks else 0

    def _graph(self, actions: int, stopped: str) -> StateGraph:
        n = len(self.ended)
        explored = np.array([e or (i, actions - 1) in self.entries for i, e in enumerate(self.ended)], dtype=bool)
        rewards = np.zeros((n, actions))
        moves = []
        for a in range(actions):
            rows, columns, chance = [], [], []
            for s in range(n):
                for t, p in self.entries.get((s, a), {s: 1.0}).items():
                    rows.append(s)
                    columns.append(t)
                    chance.append(p)
                rewards[s, a] = self.paid.get((s, a), 0.0)
            moves.append(scipy.sparse.csr_matrix((chance, (rows, columns)), shape=(n, n)))
        names = tuple(sorted(set().union(*self.facts))) if self.facts else ()
        features = np.array([[f.get(k, np.nan) for k in names] for f in self.facts]).reshape(n, len(names))
        sizes = {s.size for s in self.seen if s is not None}
        whole = len(sizes) == 1 and None not in [type(s) if s is not None else None for s in self.seen]
        cells = np.array(self.seen) if whole and sizes.pop() <= _MOST_CELLS else None
        return StateGraph(
            dict(self.index), tuple(moves), rewards, np.array(self.ended, dtype=bool), explored, features, names, cells,
            self.random, self.conflicts, self.looks, stopped,
        )  # fmt: skip


def _flat(observation: Any) -> NumpyArray | None:
    """An observation as one row of numbers; None where it is a mapping, a text or a ragged thing."""
    if isinstance(observation, dict) and "image" in observation:
        observation = observation["image"]
    try:
        row = np.asarray(observation, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    return row if row.size and np.isfinite(row).all() else None
