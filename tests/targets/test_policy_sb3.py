"""Policies that Stable-Baselines3 saved: opened without unpickling, with the same actions as its own loader gives."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.schema import TargetCard
from momus.core.capabilities import ActsTogether, missing
from momus.core.errors import TargetError, UnsafeArtifact
from momus.targets import Target, open_target

gymnasium = pytest.importorskip("gymnasium")
sb3 = pytest.importorskip("stable_baselines3")
torch = pytest.importorskip("torch")

SMALL: dict[str, Any] = {"seed": 0, "device": "cpu", "verbose": 0}
PPO = {**SMALL, "n_steps": 64, "batch_size": 32, "n_epochs": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """name -> (zip, the model as it was in memory)."""
    folder = tmp_path_factory.mktemp("sb3")
    made = {
        "ppo": sb3.PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [16]}, **PPO),
        "a2c": sb3.A2C("MlpPolicy", "Pendulum-v1", n_steps=32, **SMALL),
        "dqn": sb3.DQN("MlpPolicy", "CartPole-v1", learning_starts=10, buffer_size=200, **SMALL),
        "sac": sb3.SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}, buffer_size=200,
                       learning_starts=250, **SMALL),
        "relu": sb3.PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"activation_fn": torch.nn.ReLU}, **PPO),
    }  # fmt: skip
    for name, model in made.items():
        model.learn(200)
        model.save(folder / f"{name}.zip")
    return {name: (folder / f"{name}.zip", model) for name, model in made.items()}


def card(file: str, env: str, **options: Any) -> TargetCard:
    return TargetCard.model_validate({"name": "p", "path": file, "env": {"test": env}, "options": options})


WORLDS = {"ppo": "CartPole-v1", "a2c": "Pendulum-v1", "dqn": "CartPole-v1", "sac": "Pendulum-v1", "relu": "CartPole-v1"}
OPTIONS: dict[str, dict[str, Any]] = {
    "ppo": {},
    "a2c": {"algorithm": "A2C", "policy": "MlpPolicy"},
    "dqn": {},
    "sac": {},
    "relu": {"policy_kwargs": {"activation_fn": "ReLU"}},
}


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_it_acts_as_the_model_that_was_saved(name: str, trained: dict[str, tuple[Path, Any]]) -> None:
    path, model = trained[name]
    target = open_target(card(path.name, WORLDS[name], **OPTIONS[name]), path.parent)
    env = target.make_env("test")
    seen = np.stack([env.observation_space.sample() for _ in range(40)]).clip(-3, 3)
    due = model.predict(seen, deterministic=True)[0]
    assert np.array_equal(target.act_together(seen), due)
    assert np.allclose(np.stack([target.act(o) for o in seen[:5]]), due[:5], atol=1e-6)
    assert not missing(target, ActsTogether)


def test_an_activation_that_only_the_pickles_knew_makes_another_policy(trained: dict[str, tuple[Path, Any]]) -> None:
    """Tanh and ReLU have no weights, so that nothing but the card can tell them apart: it is said in the docs."""
    path, model = trained["relu"]
    seen = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32) * 3
    wrong = open_target(card(path.name, "CartPole-v1"), path.parent)
    right = open_target(card(path.name, "CartPole-v1", policy_kwargs={"activation_fn": "ReLU"}), path.parent)
    due = model.predict(seen, deterministic=True)[0]
    assert (right.act_together(seen) == due).all()
    assert (wrong.act_together(seen) != due).any()
    assert wrong.info.digest != right.info.digest


def rewritten(path: Path, to: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.pop(name.replace(".", "_"), old.read(name)))
    return to


class Marks:
    def __init__(self, to: Path) -> None:
        self.to = to

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.to,))


def test_nothing_in_it_is_unpickled(trained: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    """A pickle that marks a file lies where SB3's own loader would run it."""
    path, _ = trained["ppo"]
    mark = tmp_path / "ran"
    told = json.loads(zipfile.ZipFile(path).read("data"))
    told["policy_class"][":serialized:"] = base64.b64encode(pickle.dumps(Marks(mark))).decode()
    evil = rewritten(path, tmp_path / "evil.zip", data=json.dumps(told).encode())
    entry = card(evil.name, "CartPole-v1")
    for allowed in (False, True):
        try:
            target = open_target(entry, tmp_path, allow_unsafe=allowed)
            target.act(target.make_env().reset(seed=0)[0])
        except UnsafeArtifact:
            assert not allowed
    assert not mark.exists()
    with pytest.raises(Exception):  # noqa: B017 - what SB3 makes of it does not matter, only that it ran
        sb3.PPO.load(evil)
    assert mark.exists(), "the trap must be one, or this test shows nothing"


@pytest.mark.parametrize("address", ["{folder}/own.py:Extractor", "subprocess:Popen", "os:system"])
def test_a_file_does_not_say_which_code_runs(
    trained: dict[str, tuple[Path, Any]], tmp_path: Path, address: str
) -> None:
    """Addresses of code count on the card; in a file, where SB3 never writes any, they are passed over."""
    path, _ = trained["ppo"]
    mark = tmp_path / "ran"
    (tmp_path / "own.py").write_text(f"open({str(mark)!r}, 'w')\ndef Extractor(*_, **__): raise SystemExit\n")
    told = json.loads(zipfile.ZipFile(path).read("data"))
    named = {key: address.format(folder=tmp_path) for key in ("features_extractor_class", "activation_fn")}
    told["policy_kwargs"] = {"net_arch": [16], **named}
    evil = rewritten(path, tmp_path / "evil.zip", data=json.dumps(told).encode())
    for allowed in (False, True):
        target = open_target(card(evil.name, "CartPole-v1"), tmp_path, allow_unsafe=allowed)
        target.act(target.make_env().reset(seed=0)[0])
    assert not mark.exists()


def test_what_cannot_be_unpacked(trained: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    path, _ = trained["ppo"]
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("data", old.read("data"))
        new.writestr("policy.pth", bytes(8 << 20))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "torn.zip", "w", zipfile.ZIP_DEFLATED) as new:
        for name in ("data", "policy.pth"):
            new.writestr(name, old.read(name))
    torn = bytearray((tmp_path / "torn.zip").read_bytes())
    torn[60:400] = bytes(340)  # within the packed 'data'
    (tmp_path / "torn.zip").write_bytes(bytes(torn))
    for name, said in (("bomb.zip", "unpacks to more than"), ("torn.zip", "this policy zip cannot be read")):
        with pytest.raises(TargetError, match=said):
            open_target(card(name, "CartPole-v1"), tmp_path, allow_unsafe=True)


def test_weights_that_are_no_tensors_are_refused(trained: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    path, _ = trained["ppo"]
    mark = tmp_path / "ran"
    torch.save({"log_std": Marks(mark)}, tmp_path / "w.pth")
    evil = rewritten(path, tmp_path / "evil.zip", policy_pth=(tmp_path / "w.pth").read_bytes())
    with pytest.raises(UnsafeArtifact):
        open_target(card(evil.name, "CartPole-v1"), tmp_path)
    with pytest.raises(TargetError, match="cannot be read as tensors: it holds more than tensors"):
        open_target(card(evil.name, "CartPole-v1"), tmp_path, allow_unsafe=True)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("env", "options", "said"),
    [
        ("Acrobot-v1", {}, "the weights do not fit: size mismatch for"),
        ("CartPole-v1", {"policy_kwargs": {"net_arch": [8]}}, "the weights do not fit: size mismatch for"),
        ("CartPole-v1", {"algorithm": "DQN"}, "the weights do not fit"),
        ("CartPole-v1", {"algorithm": "GPT"}, "'GPT' is none known"),
        ("CartPole-v1", {"policy": "Mlp"}, "PPO has no policy 'Mlp'"),
        ("CartPole-v1", {"polcy": "Mlp"}, "a policy zip has no option 'polcy'"),
        ("CartPole-v1", {"policy_kwargs": {"activation_fn": "Relu"}}, "torch.nn has no module 'Relu'"),
        ("CartPole-v1", {"policy_kwargs": {"activation_fn": "functional"}}, "torch.nn has no module 'functional'"),
        ("CartPole-v1", {"policy_kwargs": {"width": 3}}, "PPO MlpPolicy cannot be built: TypeError"),
        ("CartPole-v1", {"policy": "CnnPolicy"}, "PPO CnnPolicy cannot be built"),
    ],
)
def test_what_does_not_fit_is_said(
    env: str, options: dict[str, Any], said: str, trained: dict[str, tuple[Path, Any]]
) -> None:
    path, _ = trained["ppo"]
    with pytest.raises(TargetError, match=said):
        open_target(card(path.name, env, **options), path.parent)


def test_files_that_are_no_policies(trained: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as held:
        held.writestr("readme.bin", bytes(range(7, 90)))
    with pytest.raises(UnsafeArtifact, match="the scan calls it not understood"):
        open_target(card("other.zip", "CartPole-v1"), tmp_path)
    with pytest.raises(TargetError, match="no 'data' in it"):
        open_target(card("other.zip", "CartPole-v1"), tmp_path, allow_unsafe=True)
    whole = trained["ppo"][0].read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TargetError):
        open_target(card("half.zip", "CartPole-v1"), tmp_path)
    bare = rewritten(trained["ppo"][0], tmp_path / "bare.zip", data=b"{}")
    with pytest.raises(TargetError, match="the file does not say it"):
        open_target(card("bare.zip", "CartPole-v1"), tmp_path)
    told = card("bare.zip", "CartPole-v1", algorithm="PPO", policy="MlpPolicy", policy_kwargs={"net_arch": [16]})
    assert open_target(told, bare.parent).info.task == "policy"


def test_a_model_from_the_notebook_acts_together(trained: dict[str, tuple[Path, Any]]) -> None:
    _, model = trained["dqn"]
    target = Target.from_policy(model, "CartPole-v1")
    seen = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    assert target.act_together(seen).tolist() == [target.act(o) for o in seen]


def test_pictures_are_turned_as_in_training(tmp_path: Path) -> None:
    """SB3 trains on (3, h, w) where the environment shows (h, w, 3)."""
    (tmp_path / "world.py").write_text(
        "import gymnasium as gym, numpy as np\n"
        "class Film(gym.Env):\n"
        "    observation_space = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)\n"
        "    action_space = gym.spaces.Discrete(3)\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        super().reset(seed=seed); return self.see(), {}\n"
        "    def see(self): return self.np_random.integers(0, 255, (36, 36, 3), dtype=np.uint8)\n"
        "    def step(self, action): return self.see(), 1.0, False, True, {}\n"
        "def make(): return Film()\n"
    )
    from momus.core import usercode

    env = usercode.load("world.py:make", tmp_path)()
    model = sb3.DQN("CnnPolicy", env, buffer_size=10, **SMALL)
    model.save(tmp_path / "film.zip")
    target = open_target(card("film.zip", "world.py:make"), tmp_path)
    seen = np.random.default_rng(0).integers(0, 255, (6, 36, 36, 3), dtype=np.uint8)
    due = [int(model.predict(o, deterministic=True)[0]) for o in seen]
    assert [target.act(o) for o in seen] == due
    assert target.act_together(seen).tolist() == due
    shutil.rmtree(tmp_path, ignore_errors=True)
