"""A policy and the environments it acts in, with the Gymnasium API."""

from __future__ import annotations

import importlib
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
from momus.targets.policy_table import load_table, observation_key, save_table
from momus.targets.policy_torch import is_module, module_policy
from momus.targets.policy_world import World

__all__ = ["PolicyTarget", "chooser", "env_maker", "load_table", "observation_key", "policy_target", "save_table"]

MakeEnv = Callable[[], Any]
Goal = Callable[[Sequence[Any], Any], float]
_REGISTERED_BY = {"momus/": "momus.worlds", "MiniGrid-": "minigrid", "BabyAI-": "minigrid", "ALE/": "ale_py"}


class PolicyTarget(Described):
    """A policy that acts. Every action is checked against the environment's action space."""

    def __init__(self, choose: Any, envs: Mapping[str, MakeEnv], info: TargetInfo, space: Any) -> None:
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


class _Together:
    """Policies that choose for many observations at once."""

    choose: Any
    _info: TargetInfo
    _space: Any

    def act_together(self, observations: NumpyArray, /) -> NumpyArray:
        """(n, ...) observations -> n actions; TargetError when one lies outside the action space."""
        with answers.asking(self._info.name, observations, "chose actions"):
            chosen = self.choose.together(observations)
        actions = answers.array(self._info.name, observations, chosen)
        outside = _outside(self._space, actions)
        if outside is not None:
            raise answers.bad_answer(
                self._info.name, None, f"the action {str(outside)[:80]} is not in {self._space}",
                "Check what act_together returns",
            )  # fmt: skip
        return actions


def _outside(space: Any, actions: NumpyArray) -> Any:
    """The first action that the space does not contain, None where it contains all."""
    if space is None:
        return None
    if type(space).__name__ == "Discrete" and actions.ndim == 1 and actions.dtype.kind in "iu":
        low, high = int(space.start), int(space.start) + int(space.n)
        bad = actions[(actions < low) | (actions >= high)]
        return int(bad[0]) if len(bad) else None
    return next((a for a in actions if not space.contains(a)), None)


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
    options: Mapping[str, Any] | None = None,
    trusted: bool = False,
) -> PolicyTarget:
    """A policy as a target.

    ``act`` is a function of an observation, a function without arguments that returns one, an object with ``act``
    (and ``act_together`` for many) or ``predict`` (Stable-Baselines3), a torch module, ``policy.py:act``, or a path: a
    Q-table ``.npz``, a graph ``.onnx``, a ``.zip`` that Stable-Baselines3 saved. ``options`` say how to read a path:
    ``output`` of a graph; ``algorithm``, ``policy``, ``policy_kwargs`` and ``deterministic`` of a zip, which is never
    unpickled; ``trusted`` passes by the scan of its weights. ``env`` maps ``train`` and
    ``test`` to Gymnasium ids (MiniGrid's are registered when needed), ``env.py:make`` or functions; a single one serves
    as both. ``goal(trajectory, env)`` is the true performance of an episode; ``world`` says more.

    Raises TargetError where one of them cannot be had; makes one environment to learn its action space.
    """
    here = Path(base)
    named = dict(env) if isinstance(env, Mapping) else {"train": env, "test": env}
    if not named:
        raise TargetError("a policy needs an environment", place=f"target '{name}'", hint="Add env.test to the card")
    info = TargetInfo(
        name=name, task="policy", adapter="policy", digest="", modality="state", files=tuple(files), output="actions"
    )
    known = replace(world or World(), goal=goal)
    envs = {k: env_maker(v, here) for k, v in named.items()}
    probe = PolicyTarget(None, envs, info, None).make_env("test" if "test" in named else next(iter(named)))
    spaces = getattr(probe, "observation_space", None), getattr(probe, "action_space", None)
    shape = getattr(spaces[0], "shape", None)
    if callable(getattr(probe, "close", None)):
        probe.close()
    choose = chooser(act, here, spaces, options=options, trusted=trusted, name=name)
    kind = known.kind(PolicyTarget)
    if callable(getattr(choose, "together", None)):
        kind = type(kind.__name__, (_Together, kind), {"__doc__": kind.__doc__})
    target: PolicyTarget = kind(choose, envs, info, spaces[1])
    target.world = known
    made = digest.of_value(
        [
            identity or _identity(act, choose, here),
            dict(options or {}),
            {k: _spec(v) for k, v in named.items()},
            {k: _spec(v) for k, v in vars(known).items()},
        ]
    )
    target._info = replace(info, digest=made, shape=tuple(shape) if shape else None)
    return target


def chooser(
    act: Any, base: Path, spaces: tuple[Any, Any] = (None, None), *, options: Mapping[str, Any] | None = None,
    trusted: bool = False, name: str = "policy",
) -> Callable[[Any], Any]:  # fmt: skip
    """A function from observation to action out of whatever stands for a policy; it has ``together`` where it can.

    ``spaces`` are those of observations and actions: files and modules give numbers that only these make actions of.
    """
    if isinstance(act, str | Path):
        if ".py:" not in str(act) and Path(str(act)).suffix.lower() in _READERS:
            from momus.targets.files import existing

            path = existing(base / str(act))
            reader: Callable[..., Callable[[Any], Any]] = _READERS[path.suffix.lower()]
            return reader(path, base, spaces, dict(options or {}), trusted, name)
        act = usercode.load(str(act), base)
    if _builds(act):
        with answers.asking("policy", None, "was built"):
            act = act()
    if callable(getattr(act, "act", None)):
        return _Many(act.act, act.act_together) if callable(getattr(act, "act_together", None)) else act.act
    if callable(getattr(act, "predict", None)):
        return _predicting(act)
    if is_module(act):
        return module_policy(act, spaces[1], name=name)
    if callable(act):
        many = getattr(act, "act_together", None)
        return _Many(act, many) if callable(many) else act
    raise TargetError(f"a {type(act).__name__} is no policy", hint="Give a function from observation to action")


def _builds(act: Any) -> bool:
    """Whether this has to be called to get a policy: a class, or a function without arguments."""
    if isinstance(act, type):
        return True
    ready = is_module(act) or any(callable(getattr(act, n, None)) for n in ("act", "predict"))
    return callable(act) and not ready and usercode.takes(act) == 0


class _Many:
    """A function for one observation, with its companion for many."""

    def __init__(self, one: Callable[[Any], Any], many: Callable[[NumpyArray], Any]) -> None:
        self.one, self.together = one, many

    def __call__(self, observation: Any, /) -> Any:
        return self.one(observation)


def _predicting(act: Any) -> Callable[[Any], Any]:
    """A policy with ``predict``. Those of Stable-Baselines3 take one observation or many, others one."""
    own = any(c.__module__.startswith("stable_baselines3.") for c in type(act).__mro__)
    if own:
        return _Many(lambda o: act.predict(o, deterministic=True)[0],
                     lambda o: act.predict(o, deterministic=True)[0])  # fmt: skip
    return lambda observation: _first(act.predict(observation))


def _table(path: Path, _base: Path, _spaces: Any, _options: dict[str, Any], _trusted: bool, _name: str) -> Any:
    return load_table(path)


def _zip(path: Path, base: Path, spaces: Any, options: dict[str, Any], trusted: bool, _name: str) -> Any:
    from momus.targets.policy_sb3 import sb3_policy

    return sb3_policy(path, spaces, options, base=base, trusted=trusted)


def _graph(path: Path, _base: Path, spaces: Any, options: dict[str, Any], _trusted: bool, name: str) -> Any:
    from momus.targets.policy_onnx import onnx_policy

    unknown = [k for k in options if k != "output"]
    if unknown:
        raise TargetError(f"a policy's graph has no option '{unknown[0]}'", place=str(path), hint="It has: output")
    return onnx_policy(path, spaces[1], output=options.get("output"), name=name)


_READERS: dict[str, Callable[..., Any]] = {".npz": _table, ".zip": _zip, ".onnx": _graph}


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

    if is_module(act):
        return digest.of_value([str(act), digest.of_array(*(p.detach().cpu().numpy() for p in act.parameters()))])
    if isinstance(act, str | Path):
        file = usercode.code_file(str(act), base) or (base / str(act))
        return digest.of_file(file) if file.is_file() else str(act)
    return source_digest(choose)


def _spec(value: Any) -> str:
    from momus.targets.callable_ import source_digest

    if isinstance(value, Path):
        return digest.of_file(value)
    return source_digest(value) if callable(value) else str(value)
