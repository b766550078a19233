"""Policies as graphs and modules: scores and values become actions of the space, one at a time or many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Text

from momus import worlds
from momus.card.schema import TargetCard
from momus.core.capabilities import ActsTogether, missing
from momus.core.errors import TargetError
from momus.targets import Target, open_target
from momus.targets.policy_actions import actions
from momus.targets.policy_table import QTable, observation_key

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")


def graph(path: Path, outputs: dict[str, np.ndarray], *, batch: int | str = "n", width: int = 4,
          shape: tuple[int, ...] = (), kind: int = 1) -> Path:  # fmt: skip
    """An ONNX graph whose outputs are the observation times a matrix each."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, given = [], []
    source = "obs"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", ["obs"], ["float"], to=TensorProto.FLOAT))
        source = "float"
    for name, matrix in outputs.items():
        given.append(numpy_helper.from_array(matrix.astype(np.float32), f"w_{name}"))
        nodes.append(helper.make_node("MatMul", [source, f"w_{name}"], [name]))
    made = helper.make_graph(
        nodes, "policy", [helper.make_tensor_value_info("obs", kind, [batch, *(shape or (width,))])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [batch, m.shape[1]]) for n, m in outputs.items()], given,
    )  # fmt: skip
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def card(env: str, **entries: Any) -> TargetCard:
    return TargetCard.model_validate({"name": "p", "path": "policy.onnx", "env": {"test": env}, **entries})


SEEN = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(4, 2))


def test_scores_give_the_largest_and_many_as_one(tmp_path: Path) -> None:
    graph(tmp_path / "policy.onnx", {"logits": W})
    target = open_target(card("CartPole-v1"), tmp_path)
    due = (SEEN @ W.astype(np.float32)).argmax(axis=1)
    assert (target.act_together(SEEN) == due).all()
    assert [target.act(o) for o in SEEN] == due.tolist()
    assert not missing(target, ActsTogether)


def test_a_graph_for_one_row_at_a_time_is_asked_so(tmp_path: Path) -> None:
    graph(tmp_path / "policy.onnx", {"logits": W}, batch=1)
    target = open_target(card("CartPole-v1"), tmp_path)
    assert (target.act_together(SEEN) == (SEEN @ W.astype(np.float32)).argmax(axis=1)).all()


def test_the_actor_is_found_among_several_outputs_or_named(tmp_path: Path) -> None:
    graph(tmp_path / "policy.onnx", {"value": W[:, :1], "critic": -W, "actions": W})
    due = (SEEN @ W.astype(np.float32)).argmax(axis=1)
    assert (open_target(card("CartPole-v1"), tmp_path).act_together(SEEN) == due).all()
    named = open_target(card("CartPole-v1", options={"output": "critic"}), tmp_path)
    assert (named.act_together(SEEN) == 1 - due).all()
    with pytest.raises(TargetError, match="no output 'q'"):
        open_target(card("CartPole-v1", options={"output": "q"}), tmp_path)
    with pytest.raises(TargetError, match="no option 'algorithm'"):
        open_target(card("CartPole-v1", options={"algorithm": "PPO"}), tmp_path)


def test_continuous_actions_are_clipped_to_their_bounds(tmp_path: Path) -> None:
    graph(tmp_path / "policy.onnx", {"action": W[:3, :1] * 10}, width=3)
    target = open_target(card("Pendulum-v1"), tmp_path)
    chosen = target.act_together(SEEN[:, :3])
    assert chosen.shape == (30, 1)
    assert chosen.dtype == np.float32
    assert (np.abs(chosen) == 2).any()
    assert np.allclose(chosen, np.clip(SEEN[:, :3] @ (W[:3, :1] * 10).astype(np.float32), -2, 2), atol=1e-5)


def test_boards_are_flattened_for_a_graph_that_takes_rows(tmp_path: Path) -> None:
    w = np.random.default_rng(2).normal(size=(63, 4))
    graph(tmp_path / "policy.onnx", {"q_values": w}, width=63)
    target = open_target(card("momus/Lava-v0"), tmp_path)
    board = worlds.make("momus/Lava-v0").reset(seed=0)[0]
    assert target.act(board) == int((board.ravel().astype(np.float32) @ w.astype(np.float32)).argmax())


def test_a_world_of_another_shape_is_said(tmp_path: Path) -> None:
    graph(tmp_path / "policy.onnx", {"logits": W})
    with pytest.raises(TargetError, match=r"takes observations of shape \(4,\), the environment shows \(6,\)"):
        target = open_target(card("Acrobot-v1"), tmp_path)
        target.act(target.make_env().reset(seed=0)[0])


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    (tmp_path / "policy.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(TargetError):
        open_target(card("CartPole-v1"), tmp_path)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.layer(x), x.sum()


def test_a_module_is_a_policy(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    target = Target.from_policy(net, "CartPole-v1")
    due = net(torch.tensor(SEEN))[0].argmax(1).numpy()
    assert (target.act_together(SEEN) == due).all()
    assert [target.act(o) for o in SEEN.astype(np.float64)] == due.tolist()
    other = Net()
    assert Target.from_policy(other, "CartPole-v1").info.digest != target.info.digest
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "def build(width=2, path=None):\n"
        "    net = torch.nn.Linear(4, width)\n"
        "    net.load_state_dict(torch.load(path, weights_only=True)) if path else None\n"
        "    return net\n"
    )
    torch.save(net.layer.state_dict(), tmp_path / "w.pt")
    made = {"name": "p", "factory": "net.py:build", "env": {"test": "CartPole-v1"}}
    loaded = open_target(TargetCard.model_validate({**made, "path": "w.pt"}), tmp_path)
    assert (loaded.act_together(SEEN) == due).all()
    wide = open_target(TargetCard.model_validate({**made, "options": {"width": 3}}), tmp_path)
    with pytest.raises(TargetError, match=r"answered with shape \(1, 3\) for 1 observations"):
        wide.act(SEEN[0])


def test_an_object_may_bring_its_own_companion_for_many() -> None:
    class Two:
        def act(self, observation: Any) -> int:
            return int(observation[0] > 0)

        def act_together(self, observations: Any) -> Any:
            return (observations[:, 0] > 0).astype(int)

    target = Target.from_policy(Two(), "CartPole-v1")
    assert target.act_together(SEEN).tolist() == [target.act(o) for o in SEEN]
    assert missing(Target.from_policy(lambda o: 0, "CartPole-v1"), ActsTogether) == ("act_together",)


@pytest.mark.parametrize(("many", "said"), [(lambda o: np.full(len(o), 7), "the action 7 is not in"),
                                            (lambda o: np.zeros(2, int), "shape")])  # fmt: skip
def test_actions_outside_the_space_are_refused_for_many_too(many: Any, said: str) -> None:
    class Wild:
        def act(self, observation: Any) -> int:
            return 0

        def act_together(self, observations: Any) -> Any:
            return many(observations)

    with pytest.raises(TargetError, match=said):
        Target.from_policy(Wild(), "CartPole-v1").act_together(SEEN)


def test_a_table_looks_up_many_boards_as_one(tmp_path: Path) -> None:
    games = worlds.vector("momus/Lava-v0", 200)
    games.reset(seed=0)
    boards = [games.step(np.random.default_rng(i).integers(0, 4, 200))[0] for i in range(6)][-1]
    keys = sorted({observation_key(b) for b in boards[:150]})
    table = QTable(np.array(keys), np.random.default_rng(0).normal(size=(len(keys), 4)))
    assert table.together(boards).tolist() == [table(b) for b in boards]
    assert table.together(np.arange(5)).tolist() == [table(i) for i in range(5)]


SCORES = np.random.default_rng(3).normal(size=(6, 5))


@pytest.mark.parametrize(
    ("space", "answer", "due"),
    [
        (Discrete(5), SCORES, SCORES.argmax(1)),
        (Discrete(5, start=2), SCORES, SCORES.argmax(1) + 2),
        (Discrete(5), np.arange(6) % 5, np.arange(6) % 5),
        (Discrete(5), (np.arange(6.0) % 5)[:, None], np.arange(6) % 5),
        (MultiDiscrete([2, 3]), SCORES, np.stack([SCORES[:, :2].argmax(1), SCORES[:, 2:].argmax(1)], 1)),
        (MultiDiscrete([2, 3]), np.ones((6, 2)), np.ones((6, 2))),
        (MultiBinary(5), SCORES, SCORES > 0),
        (Box(-1, 1, (5,)), SCORES, np.clip(SCORES, -1, 1)),
        (Box(-1, 1, (5, 1)), SCORES, np.clip(SCORES, -1, 1)[..., None]),
        (Discrete(5), (torch.tensor(SCORES), torch.zeros(6)), SCORES.argmax(1)),
    ],
)
def test_answers_become_actions(space: Any, answer: Any, due: Any) -> None:
    chosen = actions(answer, space, 6)
    assert np.allclose(chosen, due)
    assert all(space.contains(a if a.ndim else int(a)) for a in chosen)


@pytest.mark.parametrize(
    ("space", "answer"),
    [
        (Discrete(4), SCORES),
        (Discrete(5), SCORES[:, :1]),
        (Box(-1, 1, (4,)), SCORES),
        (MultiDiscrete([2, 2]), SCORES),
        (MultiBinary(3), SCORES),
        (Discrete(5), SCORES[:4]),
        (Discrete(5), SCORES * np.nan),
        (Discrete(5), "left"),
        (Text(3), SCORES),
    ],
)
def test_answers_that_fit_no_rule_are_refused(space: Any, answer: Any) -> None:
    with pytest.raises(TargetError):
        actions(answer, space, 6)
