"""What a policy's world offers a tester beside playing it: one small class an ability."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import DataError
from momus.targets import answers

MOST_JUDGEMENTS = 100_000


@dataclass(frozen=True)
class World:
    """The functions and values of a card's ``world`` section, loaded; what is None is an ability that is lacking."""

    goal: Callable[..., Any] | None = None
    noop: Any = None
    features: Callable[..., Any] | None = None
    invariants: tuple[str, ...] = ()
    due: Callable[..., Any] | None = None
    vary: Callable[..., Any] | None = None
    parameters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    prefer: Callable[..., Any] | None = None
    judgements: Path | None = None
    train: Callable[..., Any] | None = None

    def kind(self, base: type) -> type:
        """A class of ``base`` with the abilities for which something was given."""
        has = {
            _Goal: self.goal, _Noop: self.noop, _Features: self.features, _Invariants: self.invariants or None,
            _Due: self.due, _Varies: self.vary, _Prefers: self.prefer, _Judgements: self.judgements,
            _Improves: self.train,
        }  # fmt: skip
        mixed = tuple(part for part, given in has.items() if given is not None)
        return type(base.__name__, (*mixed, base), {"__doc__": base.__doc__}) if mixed else base


class _Part:
    world: World
    info: Any
    make_env: Any

    def _number(self, key: str, what: str, function: Callable[..., Any], *given: Any) -> float:
        with answers.asking(self.info.name, None, what):
            value = float(function(*given))
        if not np.isfinite(value):
            raise answers.bad_answer(self.info.name, None, f"the {key} returned {value}")
        return value


class _Goal(_Part):
    def goal(self, trajectory: Sequence[Any], env: Any, /) -> float:
        """The true performance of a finished episode, finite."""
        assert self.world.goal is not None
        return self._number("goal", "judged an episode (goal)", self.world.goal, trajectory, env)


class _Noop(_Part):
    def noop(self) -> Any:
        """The action that does nothing."""
        return self.world.noop


class _Features(_Part):
    def features(self, env: Any, /) -> Mapping[str, float]:
        """Named numbers of the environment's state, finite."""
        assert self.world.features is not None
        with answers.asking(self.info.name, None, "read the world's features"):
            found = {str(k): float(v) for k, v in dict(self.world.features(env)).items()}
        odd = [k for k, v in found.items() if not np.isfinite(v)]
        if odd:
            raise answers.bad_answer(self.info.name, None, f"the feature '{odd[0]}' is {found[odd[0]]}")
        return found


class _Invariants(_Part):
    def invariants(self) -> Sequence[str]:
        """What must hold at every moment."""
        return self.world.invariants


class _Due(_Part):
    def due(self, before: Mapping[str, float], action: Any, after: Mapping[str, float], /) -> float:
        """The reward that a move should have paid."""
        assert self.world.due is not None
        return self._number("due reward", "told the reward that was due", self.world.due, before, action, after)


class _Varies(_Part):
    def variations(self) -> Mapping[str, Sequence[Any]]:
        """Values of each parameter of the world; the first is that of training."""
        return self.world.parameters

    def make_varied(self, name: str, value: Any, /) -> Any:
        """A fresh environment with one parameter moved."""
        assert self.world.vary is not None
        given = {k: v[0] for k, v in self.world.parameters.items()} | {name: value}
        with answers.asking(f"{self.info.name}: {name} = {value}", None, "made an environment"):
            return self.world.vary(**given)


class _Prefers(_Part):
    def prefer(self, a: Sequence[Any], b: Sequence[Any], /) -> float:
        """Above 0 where trajectory ``a`` is better, below 0 where ``b`` is."""
        assert self.world.prefer is not None
        return self._number("preference", "compared two trajectories", self.world.prefer, a, b)


class _Judgements(_Part):
    def judgements(self) -> Sequence[Mapping[str, Any]]:
        """People's comparisons, as read from the file."""
        assert self.world.judgements is not None
        return read_judgements(self.world.judgements)


class _Improves(_Part):
    def improve(self, steps: int, /, *, seed: int) -> Callable[[Any], Any]:
        """A policy trained for ``steps`` steps of the training environment."""
        assert self.world.train is not None
        with answers.asking(self.info.name, None, "trained a policy"):
            made = self.world.train(partial(self.make_env, "train"), steps, seed)
        from momus.targets.policy import chooser

        return chooser(made, Path(), (None, getattr(self, "_space", None)), name=self.info.name)


def read_judgements(path: Path) -> list[dict[str, Any]]:
    """Comparisons of trajectories from a JSON Lines file; DataError names the first line that is none."""
    found: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", place=str(path), hint="Write one JSON object a line") from error
    for number, line in enumerate(lines[:MOST_JUDGEMENTS], 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            fits = isinstance(row["a"], list) and isinstance(row["b"], list) and row["better"] in ("a", "b", "same")
            found.append({"seed": int(row.get("seed", 0)), "a": row["a"], "b": row["b"], "better": row["better"]})
        except (ValueError, KeyError, TypeError, AttributeError):
            fits = False
        if not fits:
            raise DataError(
                "not a comparison of two trajectories", place=f"{path}:{number}",
                hint='Write {"seed": 1, "a": [actions], "b": [actions], "better": "a"}, "b" or "same"',
            )  # fmt: skip
    return found
