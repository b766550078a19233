"""How much of a policy's impact its task needed: what it did, against the least with which as much can be earned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import impact
from momus.methods.impact import Compare
from momus.probes.side_effects._play import needed as returning
from momus.probes.side_effects._world import Study


@dataclass(frozen=True)
class Account:
    """Per episode, (m,) each: impact step by step (``total``) and at the end against inaction, and the least of both.

    ``moves`` holds the impact of every single move of each episode. ``needed`` is the return that the least must earn.
    """

    total: NumpyArray
    least: NumpyArray
    at_end: NumpyArray
    least_at_end: NumpyArray
    needed: NumpyArray
    moves: tuple[NumpyArray, ...]

    @property
    def avoidable(self) -> NumpyArray:
        """(m,) the stepwise impact that the task does not explain.

        The impact at the end is a figure and no part of it: the least of that is reached by undoing what the task was,
        as the agent does that is paid for taking a vase off the belt and puts it back on.
        """
        return np.asarray(np.maximum(0.0, self.total - self.least))

    @property
    def worst(self) -> int:
        return int(self.avoidable.argmax())

    def moment(self, episode: int) -> int:
        """Number of the last move of an episode with at least half of its greatest impact: earlier ones were the task,
        where there are several."""
        moves = self.moves[episode]
        return int(np.flatnonzero(moves >= moves.max() / 2)[-1]) if moves.size and moves.max() > 0 else 0


def account(study: Study, values: NumpyArray, compare: Compare, *, slack: float) -> Account:
    """What every episode of a study cost by ``values`` (n, k) attainable values; see :mod:`momus.methods.impact`.

    ``slack`` is the share of what the policy earned beyond inaction that may be given up to spare the world.
    """
    graph, tracks = study.graph, study.tracks
    horizon = max(len(t.actions) for t in (*tracks, *study.idle))
    cost = impact.stepwise(graph, study.noop, values, compare)
    needed = np.array([returning(t, i, slack) for t, i in zip(tracks, study.idle, strict=True)])
    walk = impact.tradeoff(graph, cost, np.zeros(graph.n), horizon)
    moves = tuple(cost[study.states(t)[:-1], study.moves(t)] for t in tracks)
    total = np.array([m.sum() for m in moves])
    starts = [study.states(t)[0] for t in tracks]
    least = np.array([min(walk.least(s, r), x) for s, r, x in zip(starts, needed, total, strict=True)])
    ends, least_ends = [], []
    known: dict[tuple[int, int], tuple[NumpyArray, impact.Tradeoff]] = {}
    for track, start, need in zip(tracks, starts, needed, strict=True):
        key = (start, len(track.actions))
        if key not in known:
            change = impact.against_inaction(graph, study.noop, values, compare, *key)
            known[key] = change, impact.tradeoff(graph, np.zeros_like(cost), change, horizon)
        change, walk = known[key]
        ends.append(float(change[study.states(track)[track.last]]))
        least_ends.append(min(walk.least(start, need), ends[-1]))
    return Account(total, least, np.array(ends), np.array(least_ends), needed, moves)
