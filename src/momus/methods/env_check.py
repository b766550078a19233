"""Whether an environment can be trusted to repeat itself: a few seeded moves, played twice, with an eye on its habits.

An environment that raises ends in one TargetError that names the line. Everything else becomes a Caveat for the probe
that plays in it.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods.rollout import Episode, moved, random_actor, run_episodes, started
from momus.stats import intervals

EPISODES, STEPS = 3, 25


def check(make_env: Callable[[], Any], *, rng: np.random.Generator, name: str = "") -> list[Caveat]:
    """Doubts about an environment, from three seeded episodes of 25 random moves, each played twice.

    ``not-reproducible``: the same seed and moves gave another episode, in the same or in a fresh environment.
    ``global-random``: it seeds or draws from the generators that NumPy and Python share among all code.
    ``spaces-change``: its action or observation space differs between resets. ``observation-outside-space``: it shows
    what its space says cannot be seen. ``name`` is put before each message.

    Raises TargetError where the environment raises, at which line of whose code, or pays what is no finite number.
    Cost: 150 moves at most; the generators of NumPy and Python are left as they were. Nobody's policy is asked.
    """
    seeds = [int(s) for s in rng.integers(0, 2**31 - 1, size=EPISODES)]
    kept = np.random.get_state(), random.getstate()  # noqa: NPY002 - the shared generator is what is looked at
    try:
        return [_named(c, name) for c in _doubts(make_env, seeds)]
    finally:
        np.random.set_state(kept[0])  # noqa: NPY002
        random.setstate(kept[1])


def cut_off(episodes: Sequence[Episode], max_steps: int, name: str = "") -> tuple[list[Figure], list[Caveat]]:
    """How many episodes were still going when ``max_steps`` ended them: a figure, and a caveat where any was."""
    cut = sum(not e.finished for e in episodes)
    if not cut:
        return [], []
    where = f" of {name}" if name else ""
    message = (
        f"{cut} of {len(episodes)} episodes{where} were still going after {max_steps} moves and were cut off there; "
        "their returns are of so many moves, not of whole episodes"
    )
    figure = Figure(
        name="_".join(["cut_share", *([name] if name else [])]), value=cut / len(episodes), n=len(episodes),
        ci=intervals.wilson(cut, len(episodes)), note=f"episodes that max_steps = {max_steps} ended",
    )  # fmt: skip
    return [figure], [Caveat(code="episodes-cut", message=message, blocks="none")]


def repeats(episodes: Sequence[Episode]) -> bool:
    """Whether all episodes are one: the same observations, moves and rewards, whatever the seed."""
    first = episodes[0]
    return all(
        len(e.steps) == len(first.steps)
        and e.rewards == first.rewards
        and all(
            same(a.action, b.action) and same(a.observation, b.observation)
            for a, b in zip(e.steps, first.steps, strict=True)
        )
        for e in episodes[1:]
    )


def too_alike(values: NumpyArray, *, repeated: bool) -> list[Caveat]:
    """A doubt where all of a few episodes come to the same number in a world that has luck: the next may not.

    Resampling sees no spread there. Wilson's bound says which share of episodes may still be otherwise; above a quarter
    (fewer than 12 episodes) nothing can pass. A world that repeats itself move by move (``repeated``) has no others.
    """
    n = len(values)
    missed = 1 - intervals.wilson(n, n).low
    if missed <= 0.25 or repeated or np.ptp(values) > 0:
        return []
    message = f"all {n} episodes come to the same, and {missed:.0%} of others may not: play more episodes"
    return [Caveat(code="few-episodes", message=message, blocks="pass")]


def constant_reward(
    episodes: Sequence[Episode], make_env: Callable[[], Any], *, max_steps: int, rng: np.random.Generator
) -> list[Caveat]:
    """A caveat where every move pays the same and all episodes last as long, random ones too.

    A policy that always balances a pole for 500 moves at 1 each looks the same: only random moves, which let it fall,
    tell that the reward does depend on what is done. Cost: nothing, or five random episodes where it looks so.
    """
    if not episodes or _differ(episodes):
        return []
    env = make_env()
    act = random_actor(env, rng)
    chance, _, _ = run_episodes(lambda: env, act, episodes=5, max_steps=max_steps, rng=rng)
    if _differ([episodes[0], *chance]):
        return []
    paid = f"{episodes[0].rewards[0]:g}" if episodes[0].steps else "nothing"
    message = (
        f"every move paid {paid} and every episode lasted {len(episodes[0].steps)} moves, random ones too: a return "
        "that never changes tells nothing about behaviour"
    )
    return [Caveat(code="constant-reward", message=message, blocks="both")]


def _differ(episodes: Sequence[Episode]) -> bool:
    first = episodes[0].rewards
    return len(set(first)) > 1 or any(e.rewards != first for e in episodes[1:])


def _named(caveat: Caveat, name: str) -> Caveat:
    return caveat.model_copy(update={"message": f"{name}: {caveat.message}"}) if name else caveat


def _doubts(make_env: Callable[[], Any], seeds: Sequence[int]) -> list[Caveat]:
    env, other = make_env(), make_env()
    try:
        spaces = [_spaces(env), _spaces(other)]
        plays, outside, shared = [], "", False
        for seed in seeds:
            before = _shared_state()
            plan, seen = _play(env, seed, None)
            shared |= before != _shared_state()
            spaces.append(_spaces(env))
            outside = outside or _outside(env, [observation for observation, *_ in seen])
            # Who draws from a shared generator has moved it on by now, and sees other luck.
            again = _play(other, seed, plan)[1]
            plays.append(_alike(seen, again))
        plays.append(_alike(seen, _play(env, seeds[-1], plan)[1]))  # and again where it was played before
    finally:
        for made in (env, other):
            if callable(getattr(made, "close", None)):
                made.close()
    return [*_about_spaces(spaces), *_about_seeds(all(plays), shared), *_about_sight(outside)]


def _about_spaces(spaces: Sequence[tuple[Any, Any]]) -> list[Caveat]:
    found = []
    for i, kind in enumerate(("action", "observation")):
        first = spaces[0][i]
        other = next((s[i] for s in spaces[1:] if not _same_space(first, s[i])), first)
        if other is not first:
            then = str(other) if str(other) != str(first) else "one of the same kind with other bounds"
            message = f"the {kind} space changes between resets: {str(first)[:80]}, then {then[:80]}"
            found.append(Caveat(code="spaces-change", message=message, blocks="both"))
    return found


def _about_seeds(repeats: bool, shared: bool) -> list[Caveat]:
    found = []
    if not repeats:
        message = "the same seed and the same moves gave another episode: its numbers cannot be had again"
        found.append(Caveat(code="not-reproducible", message=message, blocks="none"))
    if shared:
        message = (
            "it seeds or draws from the random generator that NumPy or Python shares among all code: its luck leaks "
            "into whatever runs beside it"
        )
        found.append(Caveat(code="global-random", message=message, blocks="none"))
    return found


def _about_sight(outside: str) -> list[Caveat]:
    if not outside:
        return []
    message = f"it shows observations outside its own observation space: {outside}"
    return [Caveat(code="observation-outside-space", message=message, blocks="none")]


def _play(env: Any, seed: int, plan: list[Any] | None) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """The moves and all that was seen. Without a plan the moves are drawn from the action space, by the seed."""
    space: Any = getattr(env, "action_space", None)
    if plan is None and hasattr(space, "seed"):
        space.seed(seed)
    seen: list[tuple[Any, ...]] = [(copy.deepcopy(started(env, seed)), 0.0, False, False)]
    done: list[Any] = []
    for number in range(1, STEPS + 1):
        if plan is not None and number > len(plan):
            break
        action = space.sample() if plan is None and space is not None else (plan or [0])[number - 1]
        after, reward, terminated, truncated, _info = moved(env, action, number, seed)
        done.append(action)
        seen.append((copy.deepcopy(after), reward, terminated, truncated))
        if terminated or truncated:
            break
    return done, seen


def _spaces(env: Any) -> tuple[Any, Any]:
    """Copies, since an environment may also change a space in place."""
    held = getattr(env, "action_space", None), getattr(env, "observation_space", None)
    return copy.deepcopy(held[0]), copy.deepcopy(held[1])


def _same_space(a: Any, b: Any) -> bool:
    """By the spaces' own ==, which knows the bounds that their texts leave out; by their texts where they have none."""
    if type(a) is not type(b) or not _inherited(a, "__eq__"):
        return bool(a == b)
    return _inherited(a, "__repr__") or str(a) == str(b)


def _inherited(value: Any, name: str) -> bool:
    """Whether a method is the one that every object has, which tells objects apart by their address."""
    return getattr(type(value), name) is getattr(object, name)


def _outside(env: Any, observations: Sequence[Any]) -> str:
    """The first observation that the environment's own space does not contain, in short; nothing where all fit."""
    space: Any = getattr(env, "observation_space", None)
    if not callable(getattr(space, "contains", None)):
        return ""
    for observation in observations:
        if not space.contains(observation):
            kind = f"{type(observation).__name__}"
            if isinstance(observation, np.ndarray):
                kind = f"array {observation.shape} of {observation.dtype}"
                if observation.size and observation.dtype.kind in "fiub":
                    kind += f" from {observation.min():g} to {observation.max():g}"
            return f"{kind}, not in {str(space)[:80]}"
    return ""


def _shared_state() -> tuple[Any, Any]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (name, bytes(np.asarray(keys)), tuple(rest)), random.getstate()


def _alike(a: Sequence[tuple[Any, ...]], b: Sequence[tuple[Any, ...]]) -> bool:
    return len(a) == len(b) and all(
        same(x[0], y[0]) and (x[1] == y[1]) and x[2:] == y[2:] for x, y in zip(a, b, strict=True)
    )


def same(a: Any, b: Any) -> bool:
    """Equality of actions or observations: numbers, arrays, or dictionaries and tuples of them. NaN equals NaN."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return _equal(np.asarray(a), np.asarray(b))
    return bool(a == b) or (a != a and b != b)


def _equal(a: NumpyArray, b: NumpyArray) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
