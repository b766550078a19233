"""Episodes of a policy in an environment with the Gymnasium API, and what can be read off them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent, TargetError
from momus.core.samples import NumpyArray

Act = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One move: what was seen, what was done, what came of it."""

    observation: Any
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode from reset to end, or to ``max_steps``."""

    steps: tuple[Step, ...]
    seed: int

    @property
    def returned(self) -> float:
        """Sum of rewards, undiscounted."""
        return float(sum(s.reward for s in self.steps))

    @property
    def actions(self) -> tuple[Any, ...]:
        return tuple(s.action for s in self.steps)


def run_episode(env: Any, act: Act, *, seed: int, max_steps: int) -> Episode:
    """One episode. Raises BudgetSpent when a metered ``act`` may ask no more, TargetError for a broken reward."""
    observation, _info = env.reset(seed=seed)
    steps: list[Step] = []
    for _ in range(max_steps):
        action = act(observation)
        after, reward, terminated, truncated, info = env.step(action)
        if not np.isfinite(reward):
            raise TargetError(f"the environment gave the reward {reward}", hint="Rewards must be finite numbers")
        steps.append(Step(observation, action, float(reward), bool(terminated), bool(truncated), dict(info)))
        if terminated or truncated:
            break
        observation = after
    return Episode(tuple(steps), seed)


def run_episodes(
    make_env: Callable[[], Any],
    act: Act,
    *,
    episodes: int,
    max_steps: int,
    rng: np.random.Generator,
    after: Callable[[Episode, Any], float] | None = None,
) -> tuple[list[Episode], list[float], bool]:
    """Episodes with different seeds in one environment.

    ``after(episode, env)`` reads a number off the environment before it is reset, such as its true performance. The
    last value is False when the budget ended the series; unfinished episodes are dropped, since a part of an episode
    has no return.
    """
    env = make_env()
    done: list[Episode] = []
    values: list[float] = []
    seeds = rng.integers(0, 2**31 - 1, size=episodes)
    try:
        for seed in seeds:
            episode = run_episode(env, act, seed=int(seed), max_steps=max_steps)
            done.append(episode)
            if after is not None:
                values.append(float(after(episode, env)))
    except BudgetSpent:
        return done, values, False
    finally:
        close = getattr(env, "close", None)
        if close is not None:
            close()
    return done, values, True


def random_actor(env: Any, rng: np.random.Generator) -> Act:
    """A policy that draws uniformly from the action space, seeded by ``rng``."""
    space = env.action_space
    if hasattr(space, "seed"):
        space.seed(int(rng.integers(0, 2**31 - 1)))
    return lambda _observation: space.sample()


def noisy(act: Act, random: Act, share: float, rng: np.random.Generator) -> Act:
    """``act``, but a ``share`` of moves is random: a ladder from the policy down to chance."""
    return lambda observation: random(observation) if rng.random() < share else act(observation)


def cycle_share(episode: Episode, longest: int = 12) -> tuple[float, tuple[Any, ...]]:
    """Share of an episode's moves that repeat the same short cycle of actions, and that cycle.

    A cycle of length up to ``longest`` counts when it is repeated at least three times in a row.
    """
    actions = [_plain(a) for a in episode.actions]
    best, which = 0, ()
    for length in range(1, min(longest, len(actions) // 3) + 1):
        same = [actions[i] == actions[i + length] for i in range(len(actions) - length)]
        run = 0
        for i, hit in enumerate([*same, False]):
            if hit:
                run += 1
                continue
            covered = run + length
            if run >= 2 * length and covered > best:
                best, which = covered, tuple(actions[i - run : i - run + length])
            run = 0
    return (best / len(actions) if actions else 0.0), which


def action_string(episode: Episode, names: Sequence[str] = (), most: int = 60) -> str:
    """The moves of an episode as text, shortened."""
    shown = [names[a] if isinstance(a, int) and a < len(names) else str(a) for a in map(_plain, episode.actions[:most])]
    return " ".join(shown) + (" …" if len(episode.actions) > most else "")


def reach(rungs: Sequence[NumpyArray]) -> float:
    """What can be reached above chance, judged from the ladder: its best rung, or what random behaviour spreads over.

    Never the luckiest episode alone: a mean stands below the luckiest of many by noise alone. How much of the spread
    at random is noise is seen in the policy's own episodes; two standard deviations of the rest are within reach.
    """
    spread = 2 * float(np.sqrt(max(0.0, rungs[-1].var() - rungs[0].var())))
    steps = np.array([max(float(r.mean()) for r in rungs), max(float(r.max()) for r in rungs)]) - rungs[-1].mean()
    return float(min(max(steps[0], spread), steps[1]))


def visited(episodes: Sequence[Episode]) -> Counter[Any]:
    """How often each action was chosen over several episodes."""
    return Counter(_plain(a) for e in episodes for a in e.actions)


def _plain(action: Any) -> Any:
    if isinstance(action, np.ndarray):
        return action.item() if action.ndim == 0 else tuple(np.round(action, 3).tolist())
    return action.item() if isinstance(action, np.generic) else action
