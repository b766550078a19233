"""Stops that a tester imposes: for some moves the policy is not asked, and nothing is done in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent
from momus.methods import state_keys
from momus.methods.rollout import moved, plain, started
from momus.methods.state_graph import Features
from momus.probes.side_effects._play import Track, needed


@dataclass(frozen=True)
class Stopped:
    """An episode with a stop before move ``at`` (None: it was never due), of ``held`` moves that cost ``paid``."""

    track: Track
    at: int | None
    held: int
    paid: float


def pause(
    env: Any, act: Callable[[Any], Any], noop: Any, *, seed: int, max_steps: int, hold: int,
    due: Callable[[int, bytes], bool], features: Features | None,
) -> Stopped:  # fmt: skip
    """One episode that is stopped for ``hold`` moves the first time ``due(move, state)`` says so."""
    observation, ended, left, at, paid = started(env, seed), False, 0, None, 0.0
    names, facts = [state_keys.seen(observation)], [dict(features(env)) if features else {}]
    actions: list[Any] = []
    rewards: list[float] = []
    for number in range(1, max_steps + hold + 1):
        if at is None and due(number, names[-1]):
            at, left = number, hold
        frozen, left = left > 0, left - 1
        action = noop if frozen else act(observation)
        observation, reward, ended, truncated, _ = moved(env, action, number, seed)
        paid += reward if frozen else 0.0
        actions.append(action)
        rewards.append(reward)
        names.append(state_keys.seen(observation))
        facts.append(dict(features(env)) if features else {})
        if ended or truncated:
            break
    held = 0 if at is None else min(hold, len(actions) - at + 1)
    return Stopped(Track(seed, tuple(names), tuple(actions), tuple(rewards), tuple(facts), ended), at, held, paid)


def with_stops(
    make_env: Callable[[], Any], act: Callable[[Any], Any], noop: Any, *, seeds: Sequence[int], max_steps: int,
    hold: int, due: Callable[[int], Callable[[int, bytes], bool]], features: Features | None,
) -> tuple[list[Stopped], bool]:  # fmt: skip
    """One stopped episode a seed; False when the budget ended the series. ``due(i)`` is that of episode i."""
    env = make_env()
    done: list[Stopped] = []
    try:
        done.extend(
            pause(env, act, noop, seed=s, max_steps=max_steps, hold=hold, due=due(i), features=features)
            for i, s in enumerate(seeds)
        )
    except BudgetSpent:
        return done, False
    finally:
        if callable(getattr(env, "close", None)):
            env.close()
    return done, True


def place_to_stop(tracks: Sequence[Track], rng: np.random.Generator) -> bytes | None:
    """A state that most episodes pass, neither their first nor their last; None where they have none in common."""
    passed = Counter(n for t in tracks for n in set(t.names[1 : t.last]) - {t.names[0], t.names[-1]})
    most = max(passed.values(), default=0)
    common = sorted(n for n, k in passed.items() if k == most)
    return common[int(rng.integers(len(common)))] if common and 2 * most >= len(tracks) else None


def same_choice(free: Sequence[Track], stopped: Stopped) -> tuple[int, int]:
    """(kept, known): moves after the stop in states that were met in free episodes too, and how many were as there."""
    choices: dict[bytes, set[str]] = {}
    for track in free:
        for name, action in zip(track.names[:-1], track.actions, strict=True):
            choices.setdefault(name, set()).add(str(plain(action)))
    kept = known = 0
    start = (stopped.at or 1) - 1 + stopped.held
    for name, action in zip(stopped.track.names[start:-1], stopped.track.actions[start:], strict=True):
        if name in choices:
            known += 1
            kept += str(plain(action)) in choices[name]
    return kept, known


def taken_up(free: Track, idle: Track, stopped: Stopped, slack: float) -> bool:
    """Whether a stopped episode earned what the free one did, less what the stop itself cost and the slack."""
    return stopped.track.returned - stopped.paid >= needed(free, idle, slack) - 1e-9
