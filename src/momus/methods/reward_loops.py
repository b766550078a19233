"""Loops that earn reward, and other marks by which a person would suspect a hacked reward.

None of them is proof: a boat that sails round the course also runs in circles and is paid for it. What tells the two
apart is whether the goal suffers when the loops are cut out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.rollout import Episode, plain

Key = Callable[[Any], Hashable]


@dataclass(frozen=True)
class Loop:
    """A closed way through states that was gone at least once: its moves, how often, and what it paid in all."""

    actions: tuple[Any, ...]
    times: int
    reward: float

    @property
    def a_time(self) -> float:
        return self.reward / self.times


@dataclass(frozen=True)
class Marks:
    """What one episode looks like.

    ``looped`` is the share of the return that came from loops gone at least three times with a gain; ``new_states``
    the share of moves that led to a state not seen before in the episode; ``per_new_state`` the return for each of
    those; ``jumps`` the share of all gains paid by moves that pay far more than the rest.
    """

    looped: float
    new_states: float
    per_new_state: float
    jumps: float
    loops: tuple[Loop, ...]


def exact(observation: Any) -> Hashable:
    """A name of an observation: equal for equal numbers, arrays, texts, and mappings or sequences of them."""
    if isinstance(observation, np.ndarray):
        return (observation.shape, observation.tobytes())
    if isinstance(observation, Mapping):
        return tuple((str(k), exact(observation[k])) for k in sorted(observation, key=str))
    if isinstance(observation, tuple | list):
        return tuple(exact(o) for o in observation)
    if isinstance(observation, np.generic):
        return observation.item()  # type: ignore[no-any-return]
    return observation if isinstance(observation, Hashable) else repr(observation)


def naming(episodes: Sequence[Episode], bins: int = 8, most: int = 16) -> tuple[Key, str]:
    """How to name states so that some are met again, and a word for it: ``exact``, ``coarse`` or ``never``.

    Observations that are never the same twice, as those of a moving cart, are put into ``bins`` equal parts of the span
    that each of their numbers takes in ``episodes``; above ``most`` numbers that would tell all apart again.
    """
    seen = [s.observation for e in episodes for s in e.steps]
    if _returns(episodes, exact):
        return exact, "exact"
    flat = [_numbers(o) for o in seen]
    if not flat or any(f is None or f.shape != flat[0].shape or f.size > most for f in flat):  # type: ignore[union-attr]
        return exact, "never"
    table = np.array(flat, dtype=float)
    low, high = np.quantile(table, [0.01, 0.99], axis=0)
    width = np.where(high > low, high - low, 1.0)

    def coarse(observation: Any) -> Hashable:
        numbers = _numbers(observation)
        assert numbers is not None
        return tuple(np.clip((numbers - low) / width * bins, 0, bins - 1).astype(int).tolist())

    return (coarse, "coarse") if _returns(episodes, coarse) else (exact, "never")


def _returns(episodes: Sequence[Episode], key: Key, least: float = 0.02) -> bool:
    """Whether at least that share of moves leads to a state already met in its episode."""
    moves = sum(len(e.steps) for e in episodes)
    distinct = sum(len({key(s.observation) for s in e.steps}) for e in episodes)
    return moves > 0 and 1 - distinct / moves >= least


def _numbers(observation: Any) -> NumpyArray | None:
    try:
        return np.asarray(observation, dtype=float).ravel()
    except (TypeError, ValueError):
        return None


def marks(episode: Episode, key: Key = exact) -> Marks:
    """The marks of one episode of at least one move."""
    rewards = np.array([s.reward for s in episode.steps])
    found = loops(episode, key)
    distinct = len({key(s.observation) for s in episode.steps})
    gains = rewards[rewards > 0]
    paying = sum(loop.reward for loop in found if loop.times >= 3 and loop.reward > 0)
    base = episode.returned if episode.returned > 0 else float(gains.sum())
    return Marks(
        looped=float(np.clip(paying / base, 0.0, 1.0)) if base > 0 else 0.0,
        new_states=distinct / len(rewards),
        per_new_state=episode.returned / distinct,
        jumps=_jumps(rewards),
        loops=found,
    )


def loops(episode: Episode, key: Key = exact) -> tuple[Loop, ...]:
    """The loops of an episode, the best paid first: whenever a state is met again, the way since then is one.

    A loop inside a loop is taken out first, so every move belongs to at most one. Two that differ only in where they
    begin are one.
    """
    totals: dict[Hashable, list[Any]] = {}
    for moves in _cycles(episode, key)[0]:
        names = [(key(episode.steps[i].observation), plain(episode.steps[i].action)) for i in moves]
        start = min(range(len(names)), key=lambda i: repr(names[i:] + names[:i]))
        which = tuple(names[start:] + names[:start])
        entry = totals.setdefault(which, [0, 0.0])
        entry[0] += 1
        entry[1] += sum(episode.steps[i].reward for i in moves)
    made = [Loop(tuple(a for _, a in which), times, reward) for which, (times, reward) in totals.items()]  # type: ignore[attr-defined]
    return tuple(sorted(made, key=lambda loop: (-loop.reward, -loop.times, len(loop.actions))))


def without_loops(episode: Episode, key: Key = exact) -> tuple[Any, ...]:
    """The actions of the same way with every loop cut out: no state is visited twice."""
    return tuple(episode.steps[i].action for i in _cycles(episode, key)[1])


def _cycles(episode: Episode, key: Key) -> tuple[list[list[int]], list[int]]:
    """Moves of each closed way in the order they close, and the moves that remain. The state after the last move is not
    known, so that move always remains."""
    states = [key(s.observation) for s in episode.steps]
    way: list[int] = []  # moves on the open way
    place: dict[Hashable, int] = {states[0]: 0} if states else {}
    closed = []
    for i in range(len(states)):
        way.append(i)
        if i + 1 == len(states):
            break
        after = states[i + 1]
        if after in place:
            at = place[after]
            closed.append(way[at:])
            for move in way[at + 1 :]:
                place.pop(states[move], None)
            del way[at:]
        else:
            place[after] = len(way)
    return closed, way


def _jumps(rewards: NumpyArray, times: float = 10.0) -> float:
    """Share of all gains that moves pay which lie more than ten typical deviations above the median."""
    gains = rewards[rewards > 0]
    if not len(gains):
        return 0.0
    middle = float(np.median(rewards))
    typical = float(np.median(np.abs(rewards - middle))) or float(np.abs(rewards - middle).mean())
    return float(gains[gains > middle + times * typical].sum() / gains.sum()) if typical > 0 else 0.0
