"""Names of states: two moments get one name when nothing that was asked about tells them apart.

A state is named by what is seen of it: its declared features and the observation, counters of time left out. Where
that hides something (a room behind a door, a key in the hand), :func:`whole` names it by all that the environment
remembers.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from momus.methods import world_state
from momus.methods.world_state import World

# Named so deep into an environment's objects; deeper than any board, shallow enough for a simulator's.
_DEEPEST = 12
# Gymnasium's wrappers that count and check, and change nothing of the world.
_BOOKKEEPERS = frozenset({"PassiveEnvChecker", "OrderEnforcing", "TimeLimit", "RecordEpisodeStatistics"})


def seen(observation: Any, features: Mapping[str, float] | None = None, ended: bool = False) -> bytes:
    """16 bytes that name an observation and features to the bit."""
    h = hashlib.blake2b(b"ended" if ended else b"", digest_size=16)
    _feed(h, observation, 0)
    if features:
        _feed(h, {k: float(v) for k, v in features.items()}, 0)
    return h.digest()


def whole(env: Any, clocks: Sequence[tuple[int, str]] = (), ended: bool = False) -> bytes:
    """16 bytes that name all that an environment and its wrappers remember, but random sources and ``clocks``."""
    h = hashlib.blake2b(b"ended" if ended else b"", digest_size=16)
    left_out = set(clocks)
    with_state = [layer for layer in world_state.layers(env) if hasattr(layer, "__dict__")]
    for i, (layer, held) in enumerate(zip(with_state, world_state.attributes(env), strict=True)):
        if type(layer).__name__ not in _BOOKKEEPERS:
            _feed(h, {k: v for k, v in held.items() if (i, k) not in left_out}, 0)
    return h.digest()


def clock_features(
    world: World, features: Callable[[Any], Mapping[str, float]], rng: np.random.Generator, *, steps: int = 40
) -> tuple[str, ...]:
    """Features that rise or fall by the same amount with every step, whatever is done: they tell the time."""
    parts = _play(world, rng, steps, lambda env: dict(features(env)))
    return tuple(k for k in parts[0][0] if _ticks([[r.get(k, 0.0) for r in part] for part in parts]))


def clock_attributes(world: World, rng: np.random.Generator, *, steps: int = 40) -> tuple[tuple[int, str], ...]:
    """(layer, name) of the numbers among an environment's attributes that tell the time, and of its last action."""

    def numbers(env: Any) -> dict[tuple[int, str], float]:
        held = enumerate(world_state.attributes(env))
        plain = (int, float, np.integer, np.floating)
        return {(i, k): float(v) for i, vs in held for k, v in vs.items() if isinstance(v, plain)}

    parts = _play(world, rng, steps, numbers)
    names = sorted(set.intersection(*(set(r) for part in parts for r in part))) if parts else []
    found = [n for n in names if _ticks([[r[n] for r in part] for part in parts])]
    return (*found, *(n for n in names if n[1].lower().strip("_") in ("lastaction", "last_action")))


def _play(world: World, rng: np.random.Generator, steps: int, read: Callable[[Any], Any]) -> list[list[Any]]:
    """What ``read`` finds in each state of random episodes, one list an episode."""
    draw = world_state.drawing(world.env, rng)
    parts: list[list[Any]] = []
    world.reset(int(rng.integers(0, 2**31 - 1)))
    now = [read(world.env)]
    for _ in range(steps):
        ended = world.step(draw()).ended
        now.append(read(world.env))
        if ended:
            parts.append(now)
            world.reset(int(rng.integers(0, 2**31 - 1)))
            now = [read(world.env)]
    return [*parts, now]


def _ticks(episodes: list[list[float]]) -> bool:
    """Whether all steps of all episodes change a number by one and the same amount."""
    jumps = np.concatenate([np.diff(e) for e in episodes]) if episodes else np.zeros(0)
    return len(jumps) >= 5 and jumps[0] != 0 and bool(np.allclose(jumps, jumps[0]))


def _feed(h: Any, value: Any, depth: int) -> None:
    """Adds a value to a digest by its content, never by identity; what cannot be told apart is named by its type."""
    if isinstance(value, np.ndarray):
        h.update(f"[{value.dtype.str}{value.shape}".encode())
        if value.dtype.hasobject:
            for item in value.ravel().tolist():
                _feed(h, item, depth + 1)
        else:
            h.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, enum.Enum):
        h.update(f"e{value.name}".encode())
    elif isinstance(value, bool | np.bool_):
        h.update(b"1" if value else b"0")
    elif isinstance(value, str | bytes | int | float | complex | type(None) | np.generic):
        h.update(f"({value!r}".encode() if not isinstance(value, np.generic) else f"({value.item()!r}".encode())
    elif depth > _DEEPEST:
        h.update(type(value).__name__.encode())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            h.update(f"{{{key!s}".encode())
            _feed(h, value[key], depth + 1)
        h.update(b"}")
    elif isinstance(value, tuple | list):
        h.update(b"<")
        for item in value:
            _feed(h, item, depth + 1)
        h.update(b">")
    elif isinstance(value, set | frozenset):
        h.update("".join(sorted(map(repr, value))).encode())
    else:
        _feed_object(h, value, depth)


def _feed_object(h: Any, value: Any, depth: int) -> None:
    """An object by its class and attributes. Functions, spaces and random sources remember nothing of the world."""
    h.update(type(value).__name__.encode())
    remembers = hasattr(value, "__dict__") and not callable(value)
    if remembers and not isinstance(value, world_state.RANDOM) and not callable(getattr(value, "sample", None)):
        _feed(h, vars(value), depth + 1)
