"""Policies: environments by id or file, Q-tables, actions outside the space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.schema import TargetCard
from momus.core.capabilities import Acts, HasGoal, missing
from momus.core.errors import TargetError
from momus.targets import Target, open_target
from momus.targets.policy import load_table, observation_key, save_table

gymnasium = pytest.importorskip("gymnasium")

CODE = """
import gymnasium as gym

class Line(gym.Env):
    observation_space = gym.spaces.Discrete(4)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return self.at, {}

    def step(self, action):
        self.at += 1 if action == 1 else 0
        return self.at, float(action), self.at == 3, False, {}

def make():
    return Line()

def act(observation):
    return 1

def build(kind="object"):
    class Walker:
        def act(self, observation):
            return 1
    return Walker()

def outside(observation):
    return 5

def goal(trajectory, env):
    return env.at / 3

def nowhere(trajectory, env):
    return float("nan")

def no_env():
    return 3
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "world.py").write_text(CODE)
    save_table(tmp_path / "q.npz", {observation_key(i): [0.0, 1.0] for i in range(3)})
    return tmp_path


def card(**entries: Any) -> TargetCard:
    return TargetCard.model_validate({"name": "p", "adapter": "policy", "env": {"test": "world.py:make"}, **entries})


def finish(target: Any) -> Any:
    env = target.make_env("test")
    observation, _ = env.reset(seed=0)
    done, steps = False, []
    while not done:
        observation, reward, done, _, _ = env.step(target.act(observation))
        steps.append(reward)
    return env, steps


@pytest.mark.parametrize(
    "source",
    [
        {"factory": "world.py:act"},
        {"factory": "world.py:build"},
        {"path": "q.npz"},
        {"factory": "world.py:build", "options": {"kind": "x"}},
    ],
)
def test_a_policy_walks_to_the_end(base: Path, source: dict[str, Any]) -> None:
    target = open_target(card(**source), base)
    assert not missing(target, Acts)
    assert missing(target, HasGoal) == ("goal",)
    assert finish(target)[1] == [1.0, 1.0, 1.0]
    assert target.info.task == "policy"
    assert len(target.info.digest) == 64


def test_goal_is_the_cards_own_measure(base: Path) -> None:
    target = open_target(card(factory="world.py:act", goal="world.py:goal"), base)
    env, steps = finish(target)
    assert target.goal(steps, env) == 1.0
    broken = open_target(card(factory="world.py:act", goal="world.py:nowhere"), base)
    with pytest.raises(TargetError, match="goal returned nan"):
        broken.goal(steps, env)


def test_faults_are_told(base: Path) -> None:
    target = open_target(card(factory="world.py:outside"), base)
    with pytest.raises(TargetError, match=r"action 5 is not in Discrete\(2\)"):
        target.act(0)
    with pytest.raises(TargetError, match=r"no environment 'train'.*it has test"):
        target.make_env("train")
    with pytest.raises(TargetError, match="gave a int without reset and step"):
        open_target(card(factory="world.py:act", env={"test": "world.py:no_env"}), base)
    with pytest.raises(TargetError, match="Gymnasium cannot make 'Nothing-v0'"):
        open_target(card(factory="world.py:act", env={"test": "Nothing-v0"}), base)


def test_tables_are_read_without_unpickling(base: Path) -> None:
    np.savez(base / "evil.npz", q=np.array([[object()]], dtype=object))
    with pytest.raises(TargetError, match="not a Q-table"):
        load_table(base / "evil.npz")
    np.savez(base / "rows.npz", q=np.array([[0.0, 1.0], [3.0, 1.0]]))
    table = load_table(base / "rows.npz")
    assert [table(0), table(1), table(99)] == [1, 0, 0]  # unknown: the action that is best on average


def test_observation_keys_tell_observations_apart() -> None:
    a = {"image": np.zeros((3, 3), np.uint8), "direction": 0}
    b = {"direction": 0, "image": np.zeros((3, 3), np.uint8)}
    c = {"image": np.ones((3, 3), np.uint8), "direction": 0}
    assert observation_key(a) == observation_key(b) != observation_key(c)
    assert observation_key(np.int64(3)) == observation_key(3) == "3"


def test_gymnasium_and_minigrid_ids() -> None:
    target = Target.from_policy(lambda observation: 0, "CartPole-v1")
    assert target.info.shape == (4,)
    assert target.make_env("train").reset(seed=0)[0].shape == (4,)
    pytest.importorskip("minigrid")
    grid = Target.from_policy(lambda observation: 2, {"test": "MiniGrid-DistShift1-v0"})
    observation, _ = grid.make_env().reset(seed=0)
    assert grid.act(observation) == 2


def test_stable_baselines_style_predict() -> None:
    class Model:
        def predict(self, observation: Any) -> tuple[Any, None]:
            return np.array(1), None

    target = Target.from_policy(Model(), "CartPole-v1")
    assert target.act(np.zeros(4, np.float32)) == 1
