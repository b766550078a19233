"""What happened in an episode, as a row of numbers from which a goal can be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.reward_loops import exact
from momus.methods.rollout import Episode

MOST_NUMBERS = 64


@dataclass(frozen=True)
class Reader:
    """Turns episodes into rows of named numbers; the same names for all of them.

    The mean of what was observed (where that is at most 64 numbers), how often each action was chosen, how many states
    were met, how long it took, whether it ended by itself, and the world's named features at its end. Never the reward:
    a goal that leaned on it could not be held against it.
    """

    actions: tuple[Any, ...]
    width: int
    named: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        seen = [f"mean of observation {i}" for i in range(self.width)]
        chosen = [f"share of action {a}" for a in self.actions]
        return (*seen, *chosen, "states met", "moves", "ended by itself", *(f"{n} at the end" for n in self.named))

    def row(self, episode: Episode, features: Mapping[str, float]) -> NumpyArray:
        states = [s.observation for s in episode.steps]
        counts = Counter(exact(a) for a in episode.actions)
        mean = np.mean([_flat(s)[: self.width] for s in states], axis=0) if self.width else np.zeros(0)
        shares = [counts[a] / len(states) for a in self.actions]
        rest = [len({exact(s) for s in states}), len(states), float(episode.steps[-1].terminated)]
        return np.concatenate([mean, shares, rest, [float(features.get(n, 0.0)) for n in self.named]])


def _flat(observation: Any) -> NumpyArray:
    try:
        return np.asarray(observation, dtype=float).ravel()
    except (TypeError, ValueError):  # texts, dictionaries: told apart, not averaged
        return np.zeros(0)


def read(episodes: Sequence[Episode], features: Sequence[Mapping[str, float]]) -> tuple[Reader, NumpyArray]:
    """A reader that fits these episodes, and their rows (m, p)."""
    actions = Counter(exact(a) for e in episodes for a in e.actions)
    width = _flat(episodes[0].steps[0].observation).size
    reader = Reader(
        tuple(sorted(actions, key=repr)) if len(actions) <= 16 else (),
        width if width <= MOST_NUMBERS else 0,
        tuple(sorted(features[0])),
    )
    return reader, np.array([reader.row(e, f) for e, f in zip(episodes, features, strict=True)])
