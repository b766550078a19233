"""Taking an environment back to an earlier moment, whatever it is made of, and proof that it then goes on as before.

Three ways, tried in this order; the first whose restored worlds provably go on equally is used.

- ``state``: the environment's own ``state()`` and ``restore(state)`` (also ``get_state``/``set_state`` and
  ``clone_state``/``restore_state``). Cheapest.
- ``copy``: all attributes of the environment and of the wrappers around it are copied, and put back in place. Works
  for anything that holds its state in Python or NumPy, its own random numbers included.
- ``replay``: the recorded actions are played again from the same seed. Works wherever equal seeds and moves give equal
  worlds, and costs as many steps as lie behind the moment.

Where none reproduces the future (the world draws from a global or an unseeded source, a simulator runs on by itself),
``how`` is ``none`` and nothing can be restored.
"""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import TargetError
from momus.methods import rollout

_PAIRS = (("state", "restore"), ("get_state", "set_state"), ("clone_state", "restore_state"))
_PLAIN = (bool, int, float, str, type(None), np.generic)
RANDOM = (np.random.Generator, np.random.RandomState, random.Random)
WAYS = ("state", "copy", "replay")
_MOST_LAYERS = 40
# What wrapping holds, and the transition tables of Gymnasium's toy worlds: large, and the same for ever.
_NOT_COPIED = frozenset({"env", "P"})


@dataclass(frozen=True)
class Moment:
    """Where a world once stood. Only the :class:`World` that saved it can go back there."""

    held: Any
    past: Any
    ended: bool


@dataclass(frozen=True, slots=True)
class Move:
    """What came of one step."""

    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated


class World:
    """An environment with ``save`` and ``restore``; ``env`` stays the same object throughout.

    ``how`` is one of ``state``, ``copy``, ``replay`` and ``none``; ``why`` says what did not work. ``steps`` counts
    moves asked of the environment, ``replayed`` those of them that only led back to a moment.
    """

    def __init__(self, env: Any, how: str = "replay") -> None:
        self.env, self.how = env, how
        self.why: list[str] = []
        self.steps = self.replayed = 0
        self.ended = False
        self._seed = self._number = 0
        self._past: Any = None  # linked backwards: (earlier, what was done)

    def reset(self, seed: int) -> Any:
        """The first observation of the episode with that seed."""
        self._past, self.ended, self._seed, self._number = (None, ("reset", int(seed))), False, int(seed), 0
        return rollout.started(self.env, int(seed))

    def step(self, action: Any) -> Move:
        """One move. TargetError where the environment raises or its reward is not finite."""
        self._past = (self._past, ("step", action))
        self.steps += 1
        self._number += 1
        observation, reward, terminated, truncated, info = rollout.moved(self.env, action, self._number, self._seed)
        self.ended = terminated or truncated
        return Move(observation, reward, terminated, truncated, info)

    def reseed(self, seed: int) -> int:
        """Gives every source of random numbers that the world holds a new seed; how many there are (0: none)."""
        self._past = (self._past, ("reseed", int(seed)))
        return _reseed(self.env, seed)

    def save(self) -> Moment:
        """This moment, to come back to as often as one likes."""
        held = None
        if self.how == "state":
            held = _own_state(self.env)
        elif self.how == "copy":
            held = _pickled(self.env)
        return Moment(held, self._past, self.ended)

    def restore(self, moment: Moment) -> None:
        """Back to that moment. TargetError where ``how`` is ``none``."""
        if self.how == "state":
            _own_restore(self.env, moment.held)
        elif self.how == "copy":
            _unpickle(self.env, moment.held)
        elif self.how == "replay":
            self._replay(moment.past)
        else:
            raise TargetError("this environment cannot be taken back to an earlier moment", hint="; ".join(self.why))
        self._past, self.ended = moment.past, moment.ended

    def _replay(self, past: Any) -> None:
        done = []
        while past is not None:
            past, what = past
            done.append(what)
        for kind, value in reversed(done):
            if kind == "reset":
                rollout.started(self.env, value)
            elif kind == "reseed":
                _reseed(self.env, value)
            else:
                rollout.moved(self.env, value, self._number, self._seed)
                self.steps += 1
                self.replayed += 1

    def close(self) -> None:
        close = getattr(self.env, "close", None)
        if callable(close):
            close()

    def __str__(self) -> str:
        words = {
            "state": "the environment's own state and restore",
            "copy": "copies of the whole environment",
            "replay": "replay of the recorded moves from the seed",
            "none": "no way back: " + "; ".join(self.why),
        }
        return words[self.how]


def rewindable(
    make_env: Callable[[], Any], *, rng: np.random.Generator, trials: int = 3, steps: int = 20,
    ways: tuple[str, ...] = WAYS,
) -> World:  # fmt: skip
    """A world that can be taken back, by the first of ``ways`` that :func:`goes_on_equally`; else with ``how`` none.

    Costs ``trials`` times about three times ``steps`` moves for each way tried.
    """
    env = make_env()
    why: list[str] = []
    for way in ways:
        if way == "state" and _own_pair(env) is None:
            continue
        world = World(env, way)
        problem = goes_on_equally(world, rng=rng, trials=trials, steps=steps)
        if not problem:
            world.why, world.steps, world.replayed = why, 0, 0
            return world
        why.append(f"{way}: {problem}")
    world = World(env, "none")
    world.why = why
    return world


def goes_on_equally(world: World, *, rng: np.random.Generator, trials: int = 3, steps: int = 20) -> str:
    """Why restored worlds do not go on as the first time, or nothing where they do.

    From ``trials`` moments on random ways the same random moves are played three times, the second and third time from
    the restored moment; between them the world is led elsewhere. Everything seen must be equal.
    """
    for _ in range(trials):
        seed = int(rng.integers(0, 2**31 - 1))
        draw = drawing(world.env, rng)
        try:
            world.reset(seed)
            for _ in range(int(rng.integers(0, steps + 1))):
                if world.step(draw()).ended:
                    world.reset(seed)
            moment = world.save()
            plan = [draw() for _ in range(steps)]
            first = _seen(world, plan)
            for _again in range(2):
                world.reset(seed + 1)
                world.step(draw())
                world.restore(moment)
                if not equal(first, _seen(world, plan)):
                    return "the restored world went another way"
        except TargetError:
            raise
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return ""


def drawing(env: Any, rng: np.random.Generator) -> Callable[[], Any]:
    """Draws random actions, seeded; TargetError for an environment without an action space."""
    space: Any = getattr(env, "action_space", None)
    if not callable(getattr(space, "sample", None)):
        raise TargetError("the environment has no action_space to draw from", hint="Use the Gymnasium API")
    if hasattr(space, "seed"):
        space.seed(int(rng.integers(0, 2**31 - 1)))
    return space.sample  # type: ignore[no-any-return]


def equal(a: Any, b: Any) -> bool:
    """Equality to the bit of numbers, texts, arrays (NaN equals NaN), and mappings or sequences of them."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        return bool(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and a != a and b != b)


def layers(env: Any) -> Iterator[Any]:
    """The environment and everything it wraps, the outermost first."""
    for _ in range(_MOST_LAYERS):
        yield env
        inner = vars(env).get("env") if hasattr(env, "__dict__") else None
        if inner is None or inner is env:
            return
        env = inner


def attributes(env: Any) -> list[dict[str, Any]]:
    """The attributes of each layer but the layer it wraps: all that an environment in Python can remember."""
    kept = (vars(layer) for layer in layers(env) if hasattr(layer, "__dict__"))
    return [{k: v for k, v in held.items() if k not in _NOT_COPIED} for held in kept]


def _seen(world: World, plan: list[Any]) -> list[Any]:
    """Everything that comes of a plan, up to the end of the episode."""
    seen = []
    for action in plan:
        move = world.step(action)
        seen.append((copy.deepcopy(move.observation), move.reward, move.terminated, move.truncated))
        if move.ended:
            break
    return seen


def _own_pair(env: Any) -> tuple[Any, str, str] | None:
    for layer in layers(env):
        for save, restore in _PAIRS:
            if callable(getattr(type(layer), save, None)) and callable(getattr(type(layer), restore, None)):
                return layer, save, restore
    return None


def _own_state(env: Any) -> Any:
    """The environment's own state, and the counters of the wrappers around the layer that has it."""
    owner, save, _ = _own_pair(env) or (env, "", "")
    counters = []
    for layer in layers(env):
        if layer is owner:
            break
        counters.append({k: v for k, v in vars(layer).items() if isinstance(v, _PLAIN)})
    return getattr(owner, save)(), counters


def _own_restore(env: Any, held: Any) -> None:
    owner, _, restore = _own_pair(env) or (env, "", "")
    state, counters = held
    for layer, values in zip(layers(env), counters, strict=False):
        vars(layer).update(values)
    getattr(owner, restore)(state)


def _pickled(env: Any) -> Any:
    """All attributes of all layers as bytes; as a deep copy where they hold functions, which cannot be pickled."""
    held = attributes(env)
    try:
        return pickle.dumps(held, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, NotImplementedError, ValueError, RecursionError):
        return copy.deepcopy(held)


def _unpickle(env: Any, held: Any) -> None:
    # The bytes are this process's own, made a moment ago by save().
    parts = pickle.loads(held) if isinstance(held, bytes) else copy.deepcopy(held)  # noqa: S301
    for layer, values in zip((a for a in layers(env) if hasattr(a, "__dict__")), parts, strict=True):
        lasting = {k: v for k, v in vars(layer).items() if k in _NOT_COPIED}
        vars(layer).clear()
        vars(layer).update(values | lasting)


def luck_of(env: Any) -> str:
    """The state of every source of random numbers among the attributes: it changes when one is asked."""
    held = [v for layer in attributes(env) for v in layer.values() if isinstance(v, RANDOM)]
    return repr([_source(v) for v in held])


def own_luck(env: Any) -> bool:
    """Whether a layer that keeps its luck to itself says that it has some."""
    for layer in layers(env):
        if callable(getattr(type(layer), "reseed", None)):
            return bool(layer.reseed(0))
    return False


def _source(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def _reseed(env: Any, seed: int) -> int:
    """A new seed for every generator among the attributes of every layer; how many there were.

    A layer with a method ``reseed(seed)`` does it itself, and returns how many sources of chance it has.
    """
    count = 0
    for layer in layers(env):
        if callable(getattr(type(layer), "reseed", None)):
            return count + int(layer.reseed(seed))
        if not hasattr(layer, "__dict__"):
            continue
        for name, value in list(vars(layer).items()):
            if isinstance(value, RANDOM):
                vars(layer)[name] = _fresh(value, seed + count)
                count += 1
    return count


def _fresh(generator: Any, seed: int) -> Any:
    if isinstance(generator, np.random.Generator):
        made = np.random.Generator(type(generator.bit_generator)(seed))
        try:  # Gymnasium's generators are of a class of its own
            return made if type(generator) is np.random.Generator else type(generator)(made.bit_generator)
        except TypeError:
            return made
    return type(generator)(seed)
