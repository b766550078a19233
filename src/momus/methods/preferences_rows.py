"""What happened in an episode, as a row of numbers from which a goal can be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.reward_loops import exact
from momus.methods.rollout import Episode

MOST_NUMBERS, MOST_MOVES, MOST_ACTIONS = 64, 128, 16


@dataclass(frozen=True)
class Reader:
    """Turns episodes into rows of named numbers; the same names for all of them.

    Where few different moves were seen (an action in a state, at most 128), how often each was made. Else the mean of
    what was observed (where that is at most 64 numbers) and how often each action was chosen. Beside them how many
    states were met, how long it took, whether it ended by itself, and the world's named features at its end. Never the
    reward: a goal that leaned on it could not be held against it.
    """

    moves: tuple[Hashable, ...]
    actions: tuple[Hashable, ...]
    width: int
    named: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        made = [f"move {i + 1}: action {m[1]}" for i, m in enumerate(self.moves)]  # type: ignore[index]
        seen = [f"mean of observation {i}" for i in range(self.width)]
        chosen = [f"share of action {a}" for a in self.actions]
        ends = [f"{n} at the end" for n in self.named]
        return (*made, *seen, *chosen, "states met", "moves", "ended by itself", *ends)

    def row(self, episode: Episode, features: Mapping[str, float]) -> NumpyArray:
        """(p,) for one episode and the world's features at its end."""
        steps = tuple(episode.steps)
        total = max(1, len(steps))
        made = Counter(_move(s) for s in steps) if self.moves else Counter[Hashable]()
        chosen = Counter(exact(s.action) for s in steps) if self.actions else Counter[Hashable]()
        mean = np.mean([_flat(s.observation)[: self.width] for s in steps], axis=0) if self.width else np.zeros(0)
        shares = [made[m] / total for m in self.moves] + [chosen[a] / total for a in self.actions]
        ended = float(bool(steps) and steps[-1].terminated)
        rest = [len({exact(s.observation) for s in steps}), len(steps), ended]
        split = len(self.moves)
        ends = [float(features.get(n, 0.0)) for n in self.named]
        return np.concatenate([shares[:split], mean, shares[split:], rest, ends]).astype(float)


def read(episodes: Sequence[Episode], features: Sequence[Mapping[str, float]]) -> tuple[Reader, NumpyArray]:
    """A reader that fits these episodes, each of at least one move, and their rows (m, p)."""
    moves = Counter(_move(s) for e in episodes for s in e.steps)
    actions = Counter(exact(a) for e in episodes for a in e.actions)
    width = _flat(episodes[0].steps[0].observation).size
    few = len(moves) <= MOST_MOVES
    reader = Reader(
        tuple(sorted(moves, key=repr)) if few else (),
        tuple(sorted(actions, key=repr)) if len(actions) <= MOST_ACTIONS and not few else (),
        width if width <= MOST_NUMBERS and not few else 0,
        tuple(sorted(features[0])),
    )
    return reader, np.array([reader.row(e, f) for e, f in zip(episodes, features, strict=True)])


def _move(step: Any) -> Hashable:
    return exact(step.observation), exact(step.action)


def _flat(observation: Any) -> NumpyArray:
    try:
        return np.asarray(observation, dtype=float).ravel()
    except (TypeError, ValueError):  # texts, dictionaries: told apart, not averaged
        return np.zeros(0)
