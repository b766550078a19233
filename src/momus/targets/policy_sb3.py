"""Stable-Baselines3 policies out of their zip files, without unpickling.

A file that ``model.save`` wrote holds pickles in its member ``data`` (base64 within JSON); ``PPO.load`` runs them. Here
they are never decoded. The network is built afresh from the environment's spaces and from what the card says of
algorithm, policy and its keywords (or the plain values of the JSON), and ``policy.pth`` is read as tensors alone.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import usercode
from momus.core.errors import MissingExtra, TargetError, UnsafeArtifact
from momus.core.samples import NumpyArray
from momus.methods.artifacts import scan_bytes

ALGORITHMS = ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3")
OPTIONS = ("algorithm", "policy", "policy_kwargs", "deterministic")
_BY_MODULE = {"common": "PPO", "dqn": "DQN", "sac": "SAC", "td3": "TD3"}  # PPO and A2C share their policies
_MOST_DATA, _MOST_WEIGHTS = 64 << 20, 4 << 30
_MOST_PACKED = 50  # times its size in the file: weights hardly shrink, and these zips are written without packing


class Sb3Policy:
    """What a Stable-Baselines3 policy does, one observation or many at a time."""

    def __init__(self, policy: Any, deterministic: bool) -> None:
        self.policy, self.deterministic = policy, deterministic

    def __call__(self, observation: Any, /) -> Any:
        return self.policy.predict(observation, deterministic=self.deterministic)[0]

    def together(self, observations: NumpyArray, /) -> NumpyArray:
        return np.asarray(self.policy.predict(observations, deterministic=self.deterministic)[0])


def sb3_policy(
    path: Path, spaces: tuple[Any, Any], options: Mapping[str, Any] | None = None,
    *, base: Path = Path(), trusted: bool = False,
) -> Sb3Policy:  # fmt: skip
    """The policy of a zip that Stable-Baselines3 saved.

    ``options``: ``algorithm`` (one of ALGORITHMS), ``policy`` (MlpPolicy, CnnPolicy, MultiInputPolicy),
    ``policy_kwargs`` as given in training, ``deterministic`` (default true). Classes among the keywords are names of
    ``torch.nn`` such as ReLU, or addresses ``model.py:Extractor``. What is left out is taken from the plain values in
    the file. ``trusted`` passes by the scan of ``policy.pth``, which is read with ``weights_only`` all the same.

    Raises UnsafeArtifact for weights that hold more than tensors, TargetError for what does not fit together,
    MissingExtra. Cost: builds one network.
    """
    given = dict(options or {})
    unknown = [k for k in given if k not in OPTIONS]
    if unknown:
        raise TargetError(f"a policy zip has no option '{unknown[0]}'", place=str(path),
                          hint=f"Its options: {', '.join(OPTIONS)}")  # fmt: skip
    told, weights = _members(path)
    told = {**_plain_facts(told), **{k: v for k, v in given.items() if k != "policy_kwargs"},
            "policy_kwargs": _plain_keywords(told) | dict(given.get("policy_kwargs") or {})}  # fmt: skip
    if not trusted:
        _refuse_unless_tensors(weights, path)
    policy = _build(told, *spaces, base, path)
    _load(policy, weights, told, path)
    return Sb3Policy(policy, bool(given.get("deterministic", True)))


def _members(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON of ``data`` as it stands, its pickles as text, and the bytes of ``policy.pth``."""
    try:
        with zipfile.ZipFile(path) as held:
            for name, most in (("data", _MOST_DATA), ("policy.pth", _MOST_WEIGHTS)):
                if name not in held.namelist():
                    raise TargetError(
                        f"no '{name}' in it: not a policy that Stable-Baselines3 saved", place=str(path),
                        hint="Save it with model.save(path), or give a Q-table (.npz) or a graph (.onnx)",
                    )  # fmt: skip
                size, packed = held.getinfo(name).file_size, held.getinfo(name).compress_size
                if size > most:
                    raise TargetError(f"its member '{name}' has more than {most >> 20} MiB", place=str(path))
                if size > (1 << 20) and size > _MOST_PACKED * packed:
                    raise TargetError(f"its member '{name}' unpacks to more than {_MOST_PACKED} times its size",
                                      place=str(path))  # fmt: skip
            told = json.loads(held.read("data"))
            return told if isinstance(told, dict) else {}, held.read("policy.pth")
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, MemoryError) as error:
        # RuntimeError: under a password, packed in a way unknown here, or JSON nested too deep.
        raise TargetError(
            f"this policy zip cannot be read: {' '.join(str(error).split())[:200]}", place=str(path)
        ) from error


def _plain_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Algorithm, policy and exploration noise as far as the file says them in plain words."""
    described = told.get("policy_class")
    described = described if isinstance(described, dict) else {}
    module = str(described.get("__module__", "")).split(".")
    found: dict[str, Any] = {"use_sde": bool(told.get("use_sde", False))}
    if module[0] == "stable_baselines3" and len(module) > 1 and module[1] in _BY_MODULE:
        found["algorithm"] = _BY_MODULE[module[1]]
    names = [m for v in described.values() for m in re.findall(r"<function (\w+)\.__init__ ", str(v)[:200])]
    return found | ({"class": names[0]} if names else {})


def _plain_keywords(told: Mapping[str, Any]) -> dict[str, Any]:
    """The policy's keywords where JSON could hold them; those that were pickled are left to the card.

    Classes and functions too: a file may not say which code is to run. Its own are pickled, so none that names them in
    plain words was written by Stable-Baselines3.
    """
    kept = told.get("policy_kwargs")
    if not isinstance(kept, dict) or ":serialized:" in kept:
        return {}
    return {k: v for k, v in kept.items() if not (_names_code(k) or (isinstance(v, dict) and ":serialized:" in v))}


def _names_code(key: str) -> bool:
    return key.endswith(("_class", "_fn"))


def _refuse_unless_tensors(weights: bytes, path: Path) -> None:
    report = scan_bytes(weights, name="policy.pth")
    if not report.loadable:
        found = "; ".join(str(m.what) for m in report.marks[:3]) or "it could not be read in full"
        raise UnsafeArtifact(
            f"the scan calls its weights {report.verdict}: {found}", place=f"{path}: policy.pth",
            hint="If you trust who made it, run again with --allow-unsafe",
        )  # fmt: skip


def _build(told: Mapping[str, Any], observation_space: Any, action_space: Any, base: Path, path: Path) -> Any:
    """A fresh network of the class that algorithm and policy name, for the environment's spaces."""
    try:
        import stable_baselines3
        import torch
        from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
        from stable_baselines3.common.vec_env import VecTransposeImage
    except ModuleNotFoundError as error:
        raise MissingExtra.of("Stable-Baselines3 policies", "sb3", "stable-baselines3") from error
    algorithm = str(told.get("algorithm", ""))
    if algorithm not in ALGORITHMS:
        said = f"'{algorithm}' is none known" if algorithm else "the file does not say it"
        raise TargetError(
            f"the algorithm of this policy: {said}",
            place=str(path), hint=f"Say options.algorithm: one of {', '.join(ALGORITHMS)}",
        )  # fmt: skip
    known = getattr(stable_baselines3, algorithm).policy_aliases
    alias = told.get("policy") or next((k for k, v in known.items() if v.__name__ == told.get("class")), "MlpPolicy")
    if alias not in known:
        raise TargetError(f"{algorithm} has no policy '{alias}'", place=str(path), hint=f"It has {', '.join(known)}")
    if is_image_space(observation_space) and not is_image_space_channels_first(observation_space):
        observation_space = VecTransposeImage.transpose_space(observation_space)  # as training did
    keywords = {k: _value(k, v, base) for k, v in dict(told["policy_kwargs"]).items()}
    if algorithm in ("A2C", "PPO", "SAC") and told.get("use_sde"):
        keywords.setdefault("use_sde", True)
    try:
        with torch.random.fork_rng(devices=[]):  # building draws weights that are thrown away
            return known[alias](observation_space, action_space, _no_schedule, **keywords)
    except Exception as error:  # whatever a network's constructor makes of keywords that do not fit
        text = " ".join(str(error).split())[:200]
        raise TargetError(
            f"{algorithm} {alias} cannot be built: {type(error).__name__}: {text}", place=str(path),
            hint="Give algorithm, policy and policy_kwargs as they were in training",
        ) from error  # fmt: skip


def _no_schedule(_progress: float) -> float:
    return 0.0


def _value(key: str, value: Any, base: Path) -> Any:
    """A keyword's value; classes are named on the card."""
    if isinstance(value, str) and _names_code(key):
        import torch

        if ":" in value:
            return usercode.load(value, base)
        found = getattr(torch.nn, value, None)
        if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
            raise TargetError(f"torch.nn has no module '{value}'", place=f"options.policy_kwargs.{key}",
                              hint="Write a name such as ReLU, or model.py:Class")  # fmt: skip
        return found
    return value


def _load(policy: Any, weights: bytes, told: Mapping[str, Any], path: Path) -> None:
    import torch

    try:
        state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many classes for a file that is not its own
        text = " ".join(str(error).split())[:200]
        if text.startswith("Weights only"):  # PyTorch goes on to advise reading it without that guard
            text = "it holds more than tensors, or is no file of PyTorch's"
        raise TargetError(f"policy.pth cannot be read as tensors: {text}", place=str(path)) from error
    try:
        policy.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError, ValueError) as error:
        raise TargetError(
            f"the weights do not fit: {_mismatch(str(error))}", place=str(path),
            hint=f"Built as {told.get('algorithm')} with policy_kwargs {told['policy_kwargs']} for this environment's "
            "spaces; activation_fn and classes were not in the file: give them under options",
        ) from error  # fmt: skip
    policy.set_training_mode(False)


def _mismatch(text: str) -> str:
    """The first complaint of PyTorch's list."""
    lines = [" ".join(line.split()) for line in text.splitlines()[1:] if line.strip()]
    return (lines[0] if lines else " ".join(text.split()))[:240]
