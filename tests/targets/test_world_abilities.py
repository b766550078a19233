"""A policy has exactly the abilities whose keys stand in the card's `world` section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from momus.card.schema import TargetCard
from momus.core import capabilities as c
from momus.core.errors import DataError, TargetError
from momus.core.meter import Meter
from momus.targets import open_target

pytest.importorskip("gymnasium")

CODE = """
import gymnasium as gym

class Line(gym.Env):
    observation_space = gym.spaces.Discrete(9)
    action_space = gym.spaces.Discrete(3)

    def __init__(self, length=3, wind=0):
        self.length, self.wind = length, wind

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at += int(action == 1) + self.wind
        return self.at, float(action == 1), self.at >= self.length, False, {}

make = Line
vary = Line

def act(observation):
    return 1

def features(env):
    return {"at": env.at}

def mist(env):
    return {"at": float("nan")}

def due(before, action, after):
    return after["at"] - before["at"]

def prefer(a, b):
    return len(b) - len(a)

def train(make_env, steps, seed):
    assert make_env().length == 3
    return lambda observation: 1 if steps > 10 else 0
"""
WORLD = {
    "noop": 2, "features": "w.py:features", "invariants": ["at >= start.at"], "due": "w.py:due",
    "prefer": "w.py:prefer", "train": "w.py:train", "vary": "w.py:vary",
    "parameters": {"length": [3, 5], "wind": [0, 1]}, "judgements": "said.jsonl",
}  # fmt: skip
ABILITY = {
    "noop": c.HasInaction, "features": c.HasFeatures, "due": c.HasDue, "prefer": c.Prefers, "train": c.Improves,
    "judgements": c.HasJudgements,
}  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "w.py").write_text(CODE)
    (tmp_path / "said.jsonl").write_text('{"seed": 1, "a": [1, 1], "b": [2], "better": "a"}\n\n')
    return tmp_path


def opened(base: Path, **world: Any) -> Any:
    card = TargetCard(factory="w.py:act", env={"test": "w.py:make", "train": "w.py:make"}, world=world or None)
    return open_target(card, base)


@pytest.mark.parametrize("key", ABILITY)
def test_an_ability_comes_with_its_key_and_with_no_other(base: Path, key: str) -> None:
    given = {key: WORLD[key], **({"features": WORLD["features"]} if key == "due" else {})}
    target = opened(base, **given)
    for name, ability in ABILITY.items():
        assert bool(c.missing(target, ability)) == (name not in given)


def test_a_bare_policy_has_none(base: Path) -> None:
    assert all(c.missing(opened(base), ability) for ability in ABILITY.values())


def test_what_the_abilities_give(base: Path) -> None:
    target = Meter(opened(base, **WORLD))
    env = target.make_env("test")
    env.reset()
    before = target.features(env)
    env.step(1)
    assert (before, target.features(env)) == ({"at": 0.0}, {"at": 1.0})
    assert target.noop() == 2
    assert target.invariants() == ("at >= start.at",)
    assert target.due(before, 1, target.features(env)) == 1.0
    assert target.prefer([1], [1, 2, 3]) == 2.0
    assert target.judgements() == [{"seed": 1, "a": [1, 1], "b": [2], "better": "a"}]
    assert target.improve(100, seed=0)(0) == 1
    assert target.improve(5, seed=0)(0) == 0
    assert target.variations() == {"length": (3, 5), "wind": (0, 1)}
    moved = target.make_varied("wind", 1)
    assert (moved.length, moved.wind) == (3, 1)
    assert target.queries == 0  # the policy was asked nothing


def test_another_world_is_another_system(base: Path) -> None:
    assert opened(base, noop=2).info.digest != opened(base, noop=1).info.digest
    first = opened(base, judgements="said.jsonl").info.digest
    (base / "said.jsonl").write_text('{"a": [2], "b": [1], "better": "b"}\n')
    assert opened(base, judgements="said.jsonl").info.digest != first


def test_features_that_are_no_numbers_get_one_line(base: Path) -> None:
    target = opened(base, features="w.py:mist")
    with pytest.raises(TargetError, match="'at' is nan"):
        target.features(target.make_env("test"))


@pytest.mark.parametrize(
    "line",
    ["not json", '{"a": [1], "b": [2]}', '{"a": 1, "b": [2], "better": "a"}', '{"a":[1],"b":[2],"better":"c"}', "[]"],
)
def test_a_line_that_compares_nothing_is_named(base: Path, line: str) -> None:
    (base / "said.jsonl").write_text(f'{{"a": [1], "b": [2], "better": "same"}}\n{line}\n')
    with pytest.raises(DataError, match=r"not a comparison") as raised:
        opened(base, judgements="said.jsonl").judgements()
    assert raised.value.place.endswith("said.jsonl:2")
