"""Episodes of a policy in an environment with the Gymnasium API, and what can be read off them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from momus.core import usercode
from momus.core.capabilities import ActsTogether, missing
from momus.core.errors import BudgetSpent, MomusError, TargetError
from momus.core.samples import NumpyArray

Act = Callable[[Any], Any]
FIRST_BATCH, MOST_TOGETHER = 8, 1024
MOST_BYTES = 1 << 28  # of observations that are held while a batch is played


@dataclass(frozen=True, slots=True)
class Step:
    """One move: what was seen, what was done, what came of it."""

    observation: Any
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Track(Sequence[Step]):
    """The moves of one game out of many played at once, as arrays; a :class:`Step` is made when it is asked for.

    ``seen`` (t, ...) observations, ``done`` (t,) actions, ``rewards`` (t,); ``end`` is (terminated, truncated) of the
    last move, the others have neither.
    """

    def __init__(self, seen: NumpyArray, done: NumpyArray, rewards: NumpyArray, end: tuple[bool, bool]) -> None:
        self.seen, self.done, self.rewards, self.end = seen, done, rewards, end

    def __len__(self) -> int:
        return len(self.rewards)

    @overload
    def __getitem__(self, i: int, /) -> Step: ...
    @overload
    def __getitem__(self, i: slice, /) -> Sequence[Step]: ...
    def __getitem__(self, i: int | slice, /) -> Step | Sequence[Step]:
        if isinstance(i, slice):
            return tuple(self[j] for j in range(*i.indices(len(self))))
        i = range(len(self))[i]
        terminated, truncated = self.end if i == len(self) - 1 else (False, False)
        return Step(self.seen[i], plain(self.done[i]), float(self.rewards[i]), terminated, truncated, {})


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode from reset to end, or to ``max_steps``."""

    steps: Sequence[Step]
    seed: int

    @property
    def rewards(self) -> tuple[float, ...]:
        if isinstance(self.steps, Track):
            return tuple(self.steps.rewards.tolist())
        return tuple(s.reward for s in self.steps)

    @property
    def returned(self) -> float:
        """Sum of rewards, undiscounted."""
        return float(sum(self.rewards))

    @property
    def actions(self) -> tuple[Any, ...]:
        if isinstance(self.steps, Track):
            return tuple(map(plain, self.steps.done))
        return tuple(s.action for s in self.steps)

    @property
    def finished(self) -> bool:
        """Whether the environment ended it; else it was still going when ``max_steps`` cut it off."""
        return bool(self.steps) and (self.steps[-1].terminated or self.steps[-1].truncated)


def raised(error: Exception, what: str) -> TargetError:
    """What a broken environment raised, as one line that names the line of whose code: raise it ``from error``."""
    said = " ".join(str(error).split())[:200].rstrip(".") or "no message"
    return TargetError(
        f"the environment raised {type(error).__name__} in {what}: {said}", code="target/env",
        place=usercode.where(error, "environment"),
        hint="Run the environment alone with random actions to see where it breaks",
    )  # fmt: skip


def started(env: Any, seed: int) -> Any:
    """The first observation of the episode with that seed; TargetError where reset raises or gives no pair."""
    try:
        answer = env.reset(seed=seed)
    except MomusError:
        raise
    except Exception as error:
        raise raised(error, f"reset(seed={seed})") from error
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise TargetError(
            f"reset returned a {type(answer).__name__}, not (observation, info)", code="target/env",
            hint="Return what Gymnasium asks for",
        )  # fmt: skip
    return answer[0]


def moved(env: Any, action: Any, number: int, seed: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
    """One step, checked. TargetError where it raises, gives no five values, or a reward that is not finite."""
    try:
        answer = env.step(action)
    except MomusError:
        raise
    except Exception as error:
        what = f"step {number} of the episode with seed {seed} (action {str(plain(action))[:60]})"
        raise raised(error, what) from error
    if not (isinstance(answer, tuple) and len(answer) == 5):
        raise TargetError(
            f"step returned a {type(answer).__name__} of {len(answer) if isinstance(answer, tuple) else 1}, not "
            "(observation, reward, terminated, truncated, info)", code="target/env",
            hint="Return what Gymnasium asks for; environments of the old Gym gave four values",
        )  # fmt: skip
    after, reward, terminated, truncated, info = answer
    try:
        paid = float(reward)
    except (TypeError, ValueError):
        paid = float("nan")
    if not np.isfinite(paid):
        raise TargetError(f"the environment gave the reward {reward}", hint="Rewards must be finite numbers")
    return after, paid, bool(terminated), bool(truncated), dict(info or {})


def copied(value: Any) -> Any:
    """An observation or action as it is now: environments may write the next one into the same array."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(copied, value))
    return value


def run_episode(env: Any, act: Act, *, seed: int, max_steps: int) -> Episode:
    """One episode. Raises BudgetSpent when a metered ``act`` may ask no more, TargetError for a broken environment."""
    observation = started(env, seed)
    steps: list[Step] = []
    for number in range(1, max_steps + 1):
        seen, action = copied(observation), act(observation)
        done = copied(action)
        after, reward, terminated, truncated, info = moved(env, action, number, seed)
        steps.append(Step(seen, done, reward, terminated, truncated, info))
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
    together: Act | None = None,
) -> tuple[list[Episode], list[float], bool]:
    """Episodes with different seeds in one environment.

    ``after(episode, env)`` reads a number off the environment before it is reset, such as its true performance. The
    last value is False when the budget ended the series; unfinished episodes are dropped, since a part of an episode
    has no return. ``together`` chooses for many observations at once: with it, an environment that offers
    ``together(n)`` is played many games at a time, with the same episodes as one by one.
    """
    env = make_env()
    seeds = [int(s) for s in rng.integers(0, 2**31 - 1, size=episodes)]
    try:
        if together is not None and callable(getattr(type(env), "together", None)):
            return _run_together(env, together, seeds, max_steps, after)
        return _run_singly(env, act, seeds, max_steps, after)
    finally:
        close = getattr(env, "close", None)
        if close is not None:
            close()


def _run_singly(
    env: Any, act: Act, seeds: Sequence[int], max_steps: int, after: Callable[[Episode, Any], float] | None
) -> tuple[list[Episode], list[float], bool]:
    done: list[Episode] = []
    values: list[float] = []
    try:
        for seed in seeds:
            episode = run_episode(env, act, seed=seed, max_steps=max_steps)
            done.append(episode)
            if after is not None:
                values.append(float(after(episode, env)))
    except BudgetSpent:
        return done, values, False
    return done, values, True


def _run_together(
    env: Any, together: Act, seeds: Sequence[int], max_steps: int, after: Callable[[Episode, Any], float] | None
) -> tuple[list[Episode], list[float], bool]:
    """Batches that grow: of the batch in which the budget ends nothing is kept, since its short games come first."""
    done: list[Episode] = []
    values: list[float] = []
    size = FIRST_BATCH
    try:
        while len(done) < len(seeds):
            batch = seeds[len(done) : len(done) + size]
            games = env.together(len(batch))
            played = play_together(games, together, seeds=batch, max_steps=max_steps)
            if after is not None:
                values += [float(after(e, games.seat(i))) for i, e in enumerate(played)]
            done += played
            size = min(2 * size, MOST_TOGETHER, _fitting(played[0], max_steps))
    except BudgetSpent:
        return done, values[: len(done)], False
    return done, values, True


def _fitting(episode: Episode, max_steps: int) -> int:
    """How many games of such observations fit in memory when all last as long as they may."""
    each = episode.steps.seen[0].nbytes if isinstance(episode.steps, Track) else 1
    return max(1, MOST_BYTES // max(1, each * max_steps))


def play_together(games: Any, together: Act, *, seeds: Sequence[int], max_steps: int) -> list[Episode]:
    """One episode of each of n games, all moved at once: what :func:`run_episode` gives for the same seeds.

    ``games`` is a vector environment in which a finished game stands still (autoreset mode Disabled); ``together`` is
    asked about the games still going alone. Cost: max_steps calls of each at most.
    """
    n = len(seeds)
    board, _info = games.reset(seed=list(seeds))
    live = np.ones(n, dtype=bool)
    seen: list[NumpyArray] = []
    done: list[NumpyArray] = []
    paid: list[NumpyArray] = []
    length, ends = np.zeros(n, dtype=np.int64), np.zeros((n, 2), dtype=bool)
    for number in range(1, max_steps + 1):
        chosen = np.asarray(together(board[live]))
        actions = np.zeros((n, *chosen.shape[1:]), dtype=chosen.dtype)
        actions[live] = chosen
        after, reward, terminated, truncated, _info = games.step(actions)
        if not np.isfinite(reward).all():
            raise TargetError(f"the environment gave the reward {reward[~np.isfinite(reward)][0]}",
                              hint="Rewards must be finite numbers")  # fmt: skip
        seen.append(board)
        done.append(actions)
        paid.append(reward)
        length[live] = number
        over = live & (terminated | truncated)
        ends[over] = np.stack([terminated, truncated], axis=1)[over]
        live = live & ~over
        board = after
        if not live.any():
            break
    boards, moves, rewards = np.stack(seen, axis=1), np.stack(done, axis=1), np.stack(paid, axis=1)
    return [
        Episode(Track(boards[i, :t], moves[i, :t], rewards[i, :t], (bool(ends[i, 0]), bool(ends[i, 1]))), seeds[i])
        for i, t in enumerate(length.tolist())
    ]


def companion(target: Any) -> Act | None:
    """A metered policy's ``act_together`` where the bare policy has it: what ``together`` of run_episodes takes."""
    bare = getattr(target, "target", target)
    return None if missing(bare, ActsTogether) else target.act_together


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
    actions = [plain(a) for a in episode.actions]
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
    shown = [names[a] if isinstance(a, int) and a < len(names) else str(a) for a in map(plain, episode.actions[:most])]
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
    return Counter(plain(a) for e in episodes for a in e.actions)


def plain(action: Any) -> Any:
    """An action as Python's own numbers and tuples."""
    if isinstance(action, np.ndarray):
        return action.item() if action.ndim == 0 else tuple(np.round(action, 3).tolist())
    return action.item() if isinstance(action, np.generic) else action
