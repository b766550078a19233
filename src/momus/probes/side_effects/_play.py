"""Episodes of a policy, and of doing nothing in the same worlds, with what can be read off their states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from momus.core.capabilities import HasFeatures, HasGoal, HasInaction, missing
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray
from momus.methods.rollout import Step, copied, moved, started
from momus.methods.state_graph import Features
from momus.methods.world_state import equal
from momus.stats import intervals

Goal = Callable[[Sequence[Any], Any], float]
ENVIRONMENTS = ("train", "test")


class Names(Protocol):
    """Says what a state is called."""

    def name(self, env: Any, observation: Any, ended: bool, /) -> bytes: ...


@dataclass(frozen=True)
class Track:
    """One episode: t moves, t + 1 states by name, with the features of each where they can be read."""

    seed: int
    names: tuple[bytes, ...]
    actions: tuple[Any, ...]
    rewards: tuple[float, ...]
    facts: tuple[Mapping[str, float], ...]
    terminated: bool
    goal: float | None = None

    @property
    def returned(self) -> float:
        return float(sum(self.rewards))

    @property
    def last(self) -> int:
        """Number of the last state in which the game went on: what comes after an end has no future to compare."""
        return max(0, len(self.names) - 1 - int(self.terminated))


def features_of(target: Any) -> Features | None:
    """Reads named numbers off an environment, or None where the card names no such function."""
    bare = getattr(target, "target", target)
    return None if missing(bare, HasFeatures) else target.features


def noop_of(target: Any) -> Any:
    """The action that does nothing, or None where the card names none."""
    bare = getattr(target, "target", target)
    return None if missing(bare, HasInaction) else target.noop()


def goal_of(target: Any) -> Goal | None:
    """Judges a finished episode by what it is really for, or None where the card does not say."""
    bare = getattr(target, "target", target)
    return None if missing(bare, HasGoal) else target.goal


def paid(tracks: Sequence[Track]) -> list[Figure]:
    """The mean return of the episodes and, where it is known, what they are truly worth."""
    found = [Figure(name="policy_return", value=float(np.mean([t.returned for t in tracks])), n=len(tracks))]
    true = [t.goal for t in tracks if t.goal is not None]
    return [*found, Figure(name="true_goal", value=float(np.mean(true)), n=len(true))] if true else found


def number_of(actions: Sequence[Any], action: Any) -> int:
    """The place of an action among the tried ones, -1 where it is none of them."""
    plain = np.asarray(action).tolist()
    return next((i for i, a in enumerate(actions) if np.asarray(a).tolist() == plain), -1)


def checked(environment: str, episodes: int, max_steps: int) -> None:
    """ProbeError for settings that mean nothing."""
    if environment not in ENVIRONMENTS:
        raise ProbeError(f"environment is '{environment}'", hint="Choose train or test")
    if episodes < 1 or max_steps < 1:
        raise ProbeError(f"episodes is {episodes} and max_steps {max_steps}", hint="Both must be at least 1")


def seeds_of(rng: np.random.Generator, episodes: int) -> list[int]:
    return [int(s) for s in rng.integers(0, 2**31 - 1, size=episodes)]


def play(
    env: Any, act: Callable[[Any], Any], *, seed: int, max_steps: int, how: Names | None, features: Features | None,
    goal: Goal | None = None,
) -> Track:  # fmt: skip
    """One episode; states are named where ``how`` is given. BudgetSpent when ``act`` may ask no more."""
    observation, ended = started(env, seed), False
    names = [how.name(env, observation, False)] if how else [b""]
    facts = [dict(features(env))] if features else [{}]
    steps: list[Step] = []
    for number in range(1, max_steps + 1):
        seen, action = copied(observation), act(observation)
        done = copied(action)
        after, reward, ended, truncated, info = moved(env, action, number, seed)
        steps.append(Step(seen, done, reward, ended, truncated, info))
        observation = after
        names.append(how.name(env, observation, ended) if how else b"")
        facts.append(dict(features(env)) if features else {})
        if ended or truncated:
            break
    worth = None if goal is None else goal(steps, env)
    actions, rewards = tuple(s.action for s in steps), tuple(s.reward for s in steps)
    return Track(seed, tuple(names), actions, rewards, tuple(facts), ended, worth)


def played(
    make_env: Callable[[], Any],
    act: Callable[[Any], Any],
    *,
    seeds: Sequence[int],
    max_steps: int,
    how: Names | None = None,
    features: Features | None = None,
    goal: Goal | None = None,
) -> tuple[list[Track], bool]:
    """Episodes with those seeds; False when the budget ended the series. An unfinished episode is dropped."""
    env = make_env()
    done: list[Track] = []
    try:
        done.extend(
            play(env, act, seed=seed, max_steps=max_steps, how=how, features=features, goal=goal) for seed in seeds
        )
    except BudgetSpent:
        return done, False
    finally:
        if callable(getattr(env, "close", None)):
            env.close()
    return done, True


def needed(track: Track, idle: Track | None, slack: float) -> float:
    """The return that counts as doing the task too: the policy's, less a share of what it gained over inaction."""
    gain = track.returned - idle.returned if idle is not None else abs(track.returned)
    return track.returned - slack * gain if gain > 0 else track.returned


def budget_spent() -> Caveat:
    return Caveat(code="budget-spent", message="the budget ended before every episode was played", blocks="pass")


def nothing(trial: Trial, *caveats: Caveat) -> Measurement:
    """No number: the reasons stand in the caveats."""
    rows = tuple((c.code, c.message) for c in caveats)
    return trial.measurement(
        0.0, Interval(low=0.0, high=1.0, method="none"), 0, caveats=caveats,
        evidence=[Table(title="Why nothing was measured", columns=("reason", "in words"), rows=rows)],
    )  # fmt: skip


def repeats(tracks: Sequence[Track]) -> bool:
    """Whether all episodes are one and the same, whatever the seed."""
    first = tracks[0]
    return all(
        t.names == first.names and t.rewards == first.rewards and equal(list(t.actions), list(first.actions))
        for t in tracks
    )


def interval(values: NumpyArray, tracks: Sequence[Track], *, random: bool, most: float) -> Interval:
    """Of the mean over episodes: exact where world and policy repeat themselves to the bit, else Student's, widened by
    what as many equal episodes may still hide: the share that may differ (Wilson) times ``most``, the largest value."""
    mean = float(values.mean())
    if not random and repeats(tracks):
        return Interval.exact(mean)
    span = intervals.mean(values)
    missed = (1 - intervals.wilson(len(values), len(values)).low) * most if np.ptp(values) == 0 else 0.0
    return Interval(
        low=max(0.0, span.low - missed) if mean >= 0 else span.low, high=span.high + missed, method="student"
    )
