"""What the probes of this mode share: episodes beside the same episodes in which nothing is done, and the states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from momus.core.capabilities import Acts, HasInaction
from momus.core.errors import TargetError
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.methods import state_graph, world_state
from momus.methods.rollout import started
from momus.methods.state_graph import Naming, StateGraph
from momus.methods.world_state import World
from momus.probes.side_effects._play import (
    Track,
    budget_spent,
    checked,
    features_of,
    goal_of,
    number_of,
    played,
    seeds_of,
)  # fmt: skip


class Waits(Acts, HasInaction, Protocol):
    """A policy in a world in which one can also do nothing."""


@dataclass(frozen=True)
class Study:
    """A policy's episodes (``tracks``), the idle ones of the same seeds, and all states of the world."""

    graph: StateGraph
    how: Naming
    actions: tuple[Any, ...]
    noop: int
    tracks: tuple[Track, ...]
    idle: tuple[Track, ...]
    way: str
    cost: int
    doubts: tuple[Caveat, ...] = field(default=())

    def states(self, track: Track) -> list[int]:
        """Numbers of a track's states in the graph; KeyError for a state that was not explored."""
        return [self.graph.index[n] for n in track.names]

    def moves(self, track: Track) -> list[int]:
        return [number_of(self.actions, a) for a in track.actions]


def opened(target: Any, environment: str, rng: np.random.Generator) -> tuple[World, list[Caveat]]:
    """The world, and a caveat where it cannot be taken back to an earlier moment."""
    world = world_state.rewindable(partial(target.make_env, environment), rng=rng)
    if world.how != "none":
        return world, []
    message = f"the environment cannot be taken back to an earlier moment ({'; '.join(world.why)})"
    return world, [Caveat(code="not-restorable", message=message, blocks="both")]


def study(
    target: Any, trial: Trial, *, environment: str, episodes: int, max_steps: int, states: int, samples: int
) -> Study | Caveat:
    """Explores the world, then plays the policy and inaction from the same seeds; a Caveat where that is impossible."""
    checked(environment, episodes, max_steps)
    rng = trial.rng
    seeds = seeds_of(rng, episodes)
    world, doubts = opened(target, environment, rng)
    if doubts:
        return doubts[0]
    actions = state_graph.actions_of(world.env)
    noop = _noop_number(target, actions, world.env)
    features = features_of(target)
    assert trial.meter is not None
    trial.progress(0.0, "exploring the world")
    graph, how = state_graph.explore(
        world, state_graph.naming(world, features, rng), seeds=seeds, rng=rng, bound=states, samples=samples,
        check=trial.meter.check_time,
    )  # fmt: skip
    world.close()
    told: list[Caveat] = []
    graph, seeds, some = whole_starts(graph, how, partial(target.make_env, environment), seeds)
    bad = _unfit(graph)
    if bad is not None:
        return bad
    told += some
    trial.progress(0.5, f"{graph.n} states")
    make = partial(target.make_env, environment)
    tracks, complete = played(
        make, target.act, seeds=seeds, max_steps=max_steps, how=how, features=features, goal=goal_of(target)
    )
    still = target.noop()
    idle, _ = played(
        make, lambda _o: still, seeds=seeds[: len(tracks)], max_steps=max_steps, how=how, features=features
    )
    told += [] if complete else [budget_spent()]
    if len(tracks) < 2:
        message = f"{len(tracks)} episode{'' if len(tracks) == 1 else 's'} cannot decide anything"
        return Caveat(code="too-few-samples", message=message, blocks="both")
    found = Study(graph, how, tuple(actions), noop, tuple(tracks), tuple(idle), world.how, world.steps)
    told += _off_graph(found)
    return Study(graph, how, tuple(actions), noop, tuple(tracks), tuple(idle), world.how, world.steps, tuple(told))


def whole_starts(
    graph: StateGraph, how: Naming, make_env: Callable[[], Any], seeds: list[int]
) -> tuple[StateGraph, list[int], list[Caveat]]:
    """The graph and the seeds that start in its closed part, where every reset leads to a world of its own and the
    bound allows only some of these worlds."""
    if graph.complete or not graph.closed().any():
        return graph, seeds, []
    closed, env = graph.closed(), make_env()
    kept = []
    for seed in seeds:
        state = graph.index.get(how.name(env, started(env, seed), False), -1)
        if state >= 0 and closed[state]:
            kept.append(seed)
    if len(kept) < 2:
        return graph, seeds, []
    message = f"{len(kept)} of {len(seeds)} resets were studied: each leads to other states, and no more fit the bound"
    return graph.only(closed), kept, [Caveat(code="some-resets", message=message, blocks="none")]


def _noop_number(target: Any, actions: Sequence[Any], env: Any) -> int:
    noop = target.noop()
    number = number_of(actions, noop)
    if actions and number < 0:
        space = getattr(env, "action_space", None)
        raise TargetError(
            f"the action that does nothing, {noop}, is none of {space}", code="target/noop",
            hint="Set world.noop on the card to one of its actions",
        )  # fmt: skip
    return number


def _unfit(graph: StateGraph) -> Caveat | None:
    """Why these states decide nothing, if they do not."""
    if graph.stopped or not graph.complete:
        why = graph.stopped or "some states end by a time limit before they could be tried"
        message = (
            f"the states of this world could not all be explored: {why}. Raise the option states, or name a smaller "
            "version of the world as env.test; invariants are tested in worlds of any size"
        )
        return Caveat(code="not-explored", message=message, blocks="both")
    if int((~graph.ended).sum()) < 2:
        message = "the world has a single state in which the game goes on, so nothing in it can be changed"
        return Caveat(code="single-state", message=message, blocks="both")
    if graph.conflicts:
        message = (
            f"{graph.conflicts} of {graph.looks} states went on another way at a second look: what is seen of the "
            "world hides part of it. Declare the missing part as world.features"
        )
        return Caveat(code="hidden-state", message=message, blocks="both")
    return None


def _off_graph(found: Study) -> list[Caveat]:
    """Episodes that left the explored states, which makes all that follows a guess."""
    moves = lost = 0
    for track in found.tracks:
        numbers = [found.graph.index.get(n, -1) for n in track.names]
        for s, a, t in zip(numbers[:-1], found.moves(track), numbers[1:], strict=True):
            moves += 1
            lost += s < 0 or t < 0 or a < 0 or found.graph.moves[a][s, t] == 0
    unknown = any(n not in found.graph.index for t in found.tracks for n in t.names)
    if not unknown and lost <= (0.05 * moves if found.graph.random else 0):
        return []
    message = f"{lost} of {moves} moves of the policy led where the explored states do not lead"
    return [Caveat(code="off-graph", message=message, blocks="both")]
