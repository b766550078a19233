"""A policy and the environments it acts in, with the Gymnasium API."""

from __future__ import annotations

import hashlib
import importlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import digest, usercode
from momus.core.capabilities import TargetInfo
from momus.core.errors import MissingExtra, TargetError
from momus.core.samples import NumpyArray
from momus.targets import answers
from momus.targets.described import Described
from momus.targets.policy_world import World

MakeEnv = Callable[[], Any]
Goal = Callable[[Sequence[Any], Any], float]
_REGISTERED_BY = {"momus/": "momus.worlds", "MiniGrid-": "minigrid", "BabyAI-": "minigrid", "ALE/": "ale_py"}


class PolicyTarget(Described):
    """A policy that acts. Every action is checked against the environment's action space."""

    def __init__(self, choose: Callable[[Any], Any], envs: Mapping[str, MakeEnv], info: TargetInfo, space: Any) -> None:
        self.choose = choose
        self._envs = dict(envs)
        self._info = info
        self._space = space
        self.world = World()

    @property
    def _what(self) -> str:
        return f"environments {', '.join(self._envs)}"

    def make_env(self, name: str = "test", /) -> Any:
        """A fresh environment; TargetError for a name the card does not have, or one that cannot be made."""
        if name not in self._envs:
            raise TargetError(
                f"there is no environment '{name}'", code="target/env", place=f"target '{self._info.name}'",
                hint=f"Add env.{name} to the card; it has {', '.join(self._envs)}",
            )  # fmt: skip
        with answers.asking(f"{self._info.name}: env.{name}", None, "made an environment"):
            env = self._envs[name]()
        if not (callable(getattr(env, "reset", None)) and callable(getattr(env, "step", None))):
            raise TargetError(
                f"env.{name} gave a {type(env).__name__} without reset and step", code="target/env",
                place=f"target '{self._info.name}'", hint="Return an environment with the Gymnasium API",
            )  # fmt: skip
        return env

    def act(self, observation: Any, /) -> Any:
        """The action for one observation; TargetError when it lies outside the action space."""
        with answers.asking(self._info.name, getattr(observation, "shape", None) and observation, "chose an action"):
            action = self.choose(observation)
        if isinstance(action, np.ndarray | np.generic) and np.ndim(action) == 0:
            action = action.item()
        if self._space is not None and not self._space.contains(action):
            raise answers.bad_answer(
                self._info.name,
                None,
                f"the action {str(action)[:80]} is not in {self._space}",
                "Check what act returns",
            )
        return action


class QTable:
    """Greedy actions from a table of values. An observation the table lacks gets the action that is best on average."""

    def __init__(self, keys: NumpyArray, q: NumpyArray) -> None:
        self.rows = {str(k): i for i, k in enumerate(keys)}
        self.q = q
        self.fallback = int(q.mean(axis=0).argmax())

    def __call__(self, observation: Any) -> int:
        row = self.rows.get(observation_key(observation))
        return self.fallback if row is None else int(self.q[row].argmax())


def observation_key(observation: Any) -> str:
    """A stable name of an observation: whole numbers by value, everything else by the sha256 of its content."""
    if isinstance(observation, str | bool | int | np.integer):
        return str(observation)
    h = hashlib.sha256()
    _digest(h, observation)
    return h.hexdigest()[:24]


def save_table(path: str | Path, table: Mapping[str, Sequence[float]]) -> None:
    """Write a Q-table, observation key -> value of each action, as .npz: ``keys`` (m,) texts, ``q`` (m, actions)."""
    keys = sorted(table)
    np.savez_compressed(path, keys=np.array(keys), q=np.array([table[k] for k in keys], dtype=np.float64))


def load_table(path: Path) -> QTable:
    """Read a Q-table from .npz, never unpickling: ``q`` (m, actions) and ``keys`` (m,), or rows 0..m-1 without keys."""
    try:
        with np.load(path, allow_pickle=False) as held:
            q = np.asarray(held["q"], dtype=np.float64)
            keys = held["keys"] if "keys" in held else np.arange(len(q))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TargetError(
            f"not a Q-table: {' '.join(str(error).split())[:200]}",
            place=str(path),
            hint="It needs q (m, actions), keys (m,)",
        ) from error
    if q.ndim != 2 or not q.size or len(keys) != len(q) or not np.isfinite(q).all():
        raise TargetError(f"the Q-table has shape {q.shape} for {len(keys)} keys, or holds NaN", place=str(path))
    return QTable(keys, q)


def env_maker(spec: Any, base: Path) -> MakeEnv:
    """A maker of environments from a Gymnasium id, ``env.py:make``, or a function. Nothing is made yet."""
    if callable(spec):
        return spec  # type: ignore[no-any-return]
    text = str(spec)
    if ".py:" in text:
        return usercode.load(text, base)
    return lambda: _registered(text)


def policy_target(
    act: Any,
    env: Mapping[str, Any] | str | MakeEnv,
    *,
    goal: Goal | None = None,
    world: World | None = None,
    name: str = "policy",
    base: str | Path = ".",
    identity: str | None = None,
    files: Sequence[str] = (),
) -> PolicyTarget:
    """A policy as a target.

    ``act`` is a function of an observation, a function without arguments that returns one, an object with ``act`` or
    ``predict`` (Stable-Baselines3), ``policy.py:act``, or the path of a Q-table .npz. ``env`` maps ``train`` and
    ``test`` to Gymnasium ids (MiniGrid's are registered when needed), ``env.py:make`` or functions; a single one serves
    as both. ``goal(trajectory, env)`` is the true performance of an episode; ``world`` says more.

    Raises TargetError where one of them cannot be had; makes one environment to learn its action space.
    """
    here = Path(base)
    named = dict(env) if isinstance(env, Mapping) else {"train": env, "test": env}
    if not named:
        raise TargetError("a policy needs an environment", place=f"target '{name}'", hint="Add env.test to the card")
    choose = chooser(act, here)
    info = TargetInfo(
        name=name, task="policy", adapter="policy", digest="", modality="state", files=tuple(files), output="actions"
    )
    known = replace(world or World(), goal=goal)
    target: PolicyTarget = known.kind(PolicyTarget)(
        choose, {k: env_maker(v, here) for k, v in named.items()}, info, None
    )
    target.world = known
    probe = target.make_env("test" if "test" in named else next(iter(named)))
    target._space = getattr(probe, "action_space", None)
    shape = getattr(getattr(probe, "observation_space", None), "shape", None)
    if callable(getattr(probe, "close", None)):
        probe.close()
    made = digest.of_value(
        [
            identity or _identity(act, choose, here),
            {k: _spec(v) for k, v in named.items()},
            {k: _spec(v) for k, v in vars(known).items()},
        ]
    )
    target._info = replace(info, digest=made, shape=tuple(shape) if shape else None)
    return target


def chooser(act: Any, base: Path) -> Callable[[Any], Any]:
    """A function from observation to action out of whatever stands for a policy."""
    if isinstance(act, str | Path):
        text = str(act)
        if text.endswith(".npz"):
            from momus.targets.files import existing

            return load_table(existing(base / text))
        act = usercode.load(text, base)
    if callable(act) and (isinstance(act, type) or usercode.takes(act) == 0):
        with answers.asking("policy", None, "was built"):
            act = act()
    if callable(getattr(act, "act", None)):
        return act.act  # type: ignore[no-any-return]
    if callable(getattr(act, "predict", None)):
        return lambda observation: _first(act.predict(observation))
    if callable(act):
        return act  # type: ignore[no-any-return]
    raise TargetError(f"a {type(act).__name__} is no policy", hint="Give a function from observation to action")


def _first(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer


def _registered(text: str) -> Any:
    try:
        import gymnasium
    except ModuleNotFoundError as error:
        raise MissingExtra.of("policy targets", "rl", "gymnasium") from error
    for prefix, package in _REGISTERED_BY.items():
        if text.startswith(prefix) and text not in gymnasium.registry:
            try:
                module = importlib.import_module(package)
            except ModuleNotFoundError as error:
                raise TargetError(
                    f"the environment '{text}' needs the package '{package}'", code="target/env",
                    hint=f"Run: pip install {package}",
                ) from error  # fmt: skip
            if text not in gymnasium.registry and hasattr(gymnasium, "register_envs"):
                gymnasium.register_envs(module)
    try:
        return gymnasium.make(text)
    except gymnasium.error.Error as error:
        raise TargetError(
            f"Gymnasium cannot make '{text}': {' '.join(str(error).split())[:200]}", code="target/env",
            hint="Write its id as 'package:Id' or give env.py:make",
        ) from error  # fmt: skip


def _identity(act: Any, choose: Any, base: Path) -> str:
    from momus.targets.callable_ import source_digest

    if isinstance(act, str | Path):
        file = usercode.code_file(str(act), base) or (base / str(act))
        return digest.of_file(file) if file.is_file() else str(act)
    return source_digest(choose)


def _spec(value: Any) -> str:
    from momus.targets.callable_ import source_digest

    if isinstance(value, Path):
        return digest.of_file(value)
    return source_digest(value) if callable(value) else str(value)


def _digest(h: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            h.update(f"{key}=".encode())
            _digest(h, value[key])
    elif isinstance(value, tuple | list):
        for item in value:
            h.update(b",")
            _digest(h, item)
    elif isinstance(value, np.ndarray):
        h.update(f"{value.dtype.str}{value.shape}".encode())
        h.update(np.ascontiguousarray(value).tobytes())
    else:
        h.update(str(value).encode())
