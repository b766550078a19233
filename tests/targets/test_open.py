"""From a card to a target: files, factories, hooks, the scan in front of what could run code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from momus.card.schema import TargetCard
from momus.core.capabilities import Gradients, HasFiles, Probabilities, Trains, TrainsTogether, missing
from momus.core.errors import TargetError, UnsafeArtifact
from momus.core.samples import Samples
from momus.methods.losses import loss_gradient
from momus.targets import Target, open_files, open_target

torch.set_num_threads(1)
X, Y = load_iris(return_X_y=True)
CODE = """
import numpy as np, torch

def build(width=4):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(width, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))

def train(x, y, seed):
    net = build()
    step = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        step.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(x).float()), torch.tensor(y)).backward()
        step.step()
    return net

def predict(x):
    return (x[:, 2] > 2.5).astype(int) + (x[:, 2] > 4.8)

def broken():
    raise OSError("no disk")
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(CODE)
    joblib.dump(LogisticRegression(max_iter=300).fit(X, Y), tmp_path / "model.joblib")
    return tmp_path


def card(**entries: Any) -> TargetCard:
    return TargetCard.model_validate({"name": "t", **entries})


def weights(base: Path) -> dict[str, torch.Tensor]:
    from momus.core import usercode

    state: dict[str, torch.Tensor] = usercode.made("model.py:build", base, {}).state_dict()
    return state


def write_safetensors(path: Path, state: dict[str, torch.Tensor]) -> None:
    import json

    header, body = {}, b""
    for k, v in state.items():
        raw = v.numpy().tobytes()
        header[k] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def test_sklearn_file(base: Path) -> None:
    target = open_target(card(adapter="sklearn", path="model.joblib"), base)
    assert (target.predict(target.encode(X)) == Y).mean() > 0.95
    assert target.info.files == (str(base / "model.joblib"),)
    again = open_target(card(adapter="sklearn", path="model.joblib"), base)
    assert again.info.digest == target.info.digest


def test_a_poisoned_pickle_is_not_loaded(base: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (open, (str(base / "was-run"), "w"))

    (base / "bad.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UnsafeArtifact, match="--allow-unsafe") as caught:
        open_target(card(adapter="sklearn", path="bad.pkl"), base)
    assert "bad.pkl" in str(caught.value)
    assert "open" in caught.value.message
    assert not (base / "was-run").exists()
    files = open_files(card(adapter="sklearn", path="bad.pkl"), base)
    assert not missing(files, HasFiles)
    assert list(files.files()) == [base / "bad.pkl"]
    with pytest.raises(TargetError):  # asked for, it is loaded, and turns out to be no model
        open_target(card(adapter="sklearn", path="bad.pkl"), base, allow_unsafe=True)
    assert (base / "was-run").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", "-nested.pt", "-parallel.pt"])
def test_torch_weights(base: Path, suffix: str) -> None:
    state = weights(base)
    path = base / f"w{suffix}"
    if suffix == ".safetensors":
        write_safetensors(path, state)
    elif "nested" in suffix:
        torch.save({"state_dict": state}, path)
    elif "parallel" in suffix:
        torch.save({f"module.{k}": v for k, v in state.items()}, path)
    else:
        torch.save(state, path)
    entry = card(
        adapter="torch", factory="model.py:build", path=path.name, input={"shape": [4]}, train="model.py:train"
    )
    target = open_target(entry, base)
    assert not missing(target, Gradients)
    for k, v in target.net.module.state_dict().items():
        assert torch.equal(v, state[k])
    again = target.retrain(X, Y, seed=1)
    assert (again.predict(X) == Y).mean() > 0.9
    assert not missing(again, Trains)


def test_weights_that_do_not_fit(base: Path) -> None:
    torch.save({"0.weight": torch.zeros(8, 4)}, base / "w.pt")
    with pytest.raises(TargetError, match=r"3 missing \(0.bias, 2.weight, 2.bias\)"):
        open_target(card(adapter="torch", factory="model.py:build", path="w.pt", input={"shape": [4]}), base)
    torch.save(weights(base), base / "w.pt")
    entry = card(adapter="torch", factory="model.py:build", path="w.pt", input={"shape": [5]}, options={"width": 5})
    with pytest.raises(TargetError, match="size mismatch"):
        open_target(entry, base)


@pytest.mark.parametrize("damage", ["short", "header", "offsets", "type"])
def test_damaged_safetensors(base: Path, damage: str) -> None:
    path = base / "w.safetensors"
    write_safetensors(path, weights(base))
    data = path.read_bytes()
    changed = {
        "short": data[:-4],
        "header": b"\xff" * 8 + data[8:],
        "offsets": data.replace(b"[0, 128]", b"[4, 128]"),
        "type": data.replace(b"F32", b"Q99", 1),
    }[damage]
    assert changed != data
    path.write_bytes(changed)
    with pytest.raises(TargetError) as caught:
        open_target(
            card(adapter="torch", factory="model.py:build", path=path.name, input={"shape": [4]}),
            base,
            allow_unsafe=True,
        )
    assert "safetensors" in str(caught.value)


@pytest.mark.parametrize("free", [True, False])
def test_exported_program(base: Path, free: bool) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).eval()
    shapes = ({0: torch.export.Dim("n", min=2, max=4096)},) if free else None
    torch.export.save(torch.export.export(net, (torch.zeros(5, 4),), dynamic_shapes=shapes), base / "p.pt2")
    entry = card(adapter="torch", path="p.pt2", input={"shape": [4]})
    target = open_target(entry, base)  # what torch itself exports, the scan must let through
    with torch.no_grad():
        want = net(torch.tensor(X).float()).double().numpy()
    np.testing.assert_allclose(target.logits(X), want, atol=1e-6)
    np.testing.assert_allclose(target.logits(X[:1]), want[:1], atol=1e-6)
    assert np.abs(loss_gradient(target, X, Y)[1]).max() > 0


def test_callable_and_its_faults(base: Path) -> None:
    samples = Samples(X, Y, classes=("0", "1", "2"))
    entry = card(adapter="callable", factory="model.py:predict", output="labels", classes=["a", "b", "c"])
    assert (open_target(entry, base, samples=samples).predict(X) == Y).mean() > 0.9
    for factory, message in {
        "model.py:nothing": "no 'nothing' in it",
        "other.py:predict": "does not exist.*Beside it: model.py",
        "model.py:broken": r"raised OSError: no disk",
        "predict": "names no function",
    }.items():
        with pytest.raises(TargetError, match=message):
            open_target(card(adapter="callable", factory=factory), base)
    (base / "syntax.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(TargetError, match=r"syntax.py:2 .*SyntaxError"):
        open_target(card(adapter="callable", factory="syntax.py:f"), base)


def test_missing_file_names_the_nearest(base: Path) -> None:
    with pytest.raises(TargetError, match=r"Did you mean model\.joblib"):
        open_target(card(adapter="sklearn", path="modle.joblib"), base)


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("k", [2, 3])
def test_native_xgboost(base: Path, suffix: str, k: int) -> None:
    xgboost = pytest.importorskip("xgboost")
    keep = k > Y
    model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X[keep], Y[keep])
    model.get_booster().save_model(base / f"b.{suffix}")
    target = open_target(card(adapter="sklearn", path=f"b.{suffix}"), base)
    assert not missing(target, Probabilities)
    np.testing.assert_allclose(target.probabilities(X), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_native_lightgbm(base: Path, k: int) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    keep = k > Y
    model = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=4, verbose=-1, n_jobs=1).fit(X[keep], Y[keep])
    model.booster_.save_model(base / "b.txt")
    target = open_target(card(adapter="sklearn", path="b.txt", classes=list("abc")[:k]), base)
    np.testing.assert_allclose(target.probabilities(X), model.predict_proba(X), atol=1e-6)
    (base / "b.txt").write_text("hello")
    with pytest.raises(TargetError, match="neither an XGBoost"):
        open_target(card(adapter="sklearn", path="b.txt"), base)


def test_native_regressor(base: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(n_estimators=4, n_jobs=1).fit(X[:, :3], X[:, 3])
    model.get_booster().save_model(base / "r.json")
    target = open_target(card(adapter="sklearn", path="r.json", task="regressor"), base)
    assert target.info.task == "regressor"
    np.testing.assert_allclose(target.predict(X[:, :3]), model.predict(X[:, :3]), atol=1e-5)


def test_folders_of_files(base: Path) -> None:
    target = Target.from_files([base])
    assert [p.name for p in target.files()] == ["model.joblib", "model.py"]
    with pytest.raises(TargetError, match="does not exist"):
        Target.from_files(base / "nothing")


@pytest.mark.parametrize(("order", "warned"), [(["a", "b", "c"], False), (["c", "a", "b"], True)])
def test_a_model_that_guesses_is_told(base: Path, order: list[str], warned: bool) -> None:
    (base / "first.py").write_text("def predict(x):\n    return x[:, 0].astype(int)\n")
    y = np.arange(60) % 3
    samples = Samples(y[:, None].astype(float), y, classes=("a", "b", "c"))
    entry = card(adapter="callable", factory="first.py:predict", classes=order, output="labels")
    notes = open_target(entry, base, samples=samples).info.notes
    assert any("check the order of the classes" in n for n in notes) == warned
    assert not open_target(entry, base, samples=samples.take(y == 0)).info.notes  # one class says nothing


RECIPE = {"epochs": 40, "batch": 30, "lr": 0.02, "optimiser": "adam"}


def test_a_recipe_on_the_card_trains_several_modules_together(base: Path) -> None:
    (base / "weights.pt").write_bytes(b"")
    torch.save(weights(base), base / "weights.pt")
    samples = Samples(X, Y, classes=("a", "b", "c"))
    digests = set()
    for more in ({}, {"build": "model.py:build"}, {"epochs": 29}):
        made = card(adapter="torch", factory="model.py:build", path="weights.pt", recipe={**RECIPE, **more})
        target = open_target(made, base, samples=samples)
        digests.add(target.info.digest)
    assert len(digests) == 3
    assert missing(target, TrainsTogether) == ()
    one, two = target.retrain_together(X, Y, np.ones((2, 150), dtype=bool), seeds=[1, 2])
    assert np.mean(one.predict(X) == Y) > 0.9
    assert np.allclose(one.probabilities(X), target.retrain(X, Y, seed=1).probabilities(X), atol=1e-4)
    assert not np.allclose(one.probabilities(X), two.probabilities(X), atol=1e-4)


@pytest.mark.parametrize(
    "entries",
    [
        {"adapter": "sklearn", "path": "model.joblib", "recipe": RECIPE},
        {"adapter": "torch", "path": "model.pt2", "recipe": RECIPE},
        {"adapter": "torch", "factory": "model.py:build", "train": "model.py:train", "recipe": RECIPE},
        {"adapter": "torch", "factory": "model.py:build", "recipe": {**RECIPE, "lr": 0}},
        {"adapter": "torch", "factory": "model.py:build", "recipe": {"lr": 0.1}},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(entries: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="recipe"):
        card(**entries)


def test_what_a_training_function_imports_belongs_to_the_target(base: Path) -> None:
    """Else copies that an older version trained would be taken from the cache."""
    (base / "lib").mkdir()
    (base / "lib" / "train.py").write_text("import steps\n\ndef train(x, y, seed):\n    return steps.fit(x, y, seed)\n")
    (base / "steps.py").write_text("from more import settings\n\ndef fit(x, y, seed):\n    return settings.C\n")
    (base / "more").mkdir()
    (base / "more" / "__init__.py").write_text("")
    (base / "more" / "settings.py").write_text("C = 1\n")
    (base / "unrelated.py").write_text("A = 1\n")

    def seen() -> str:
        entry = card(adapter="sklearn", path="model.joblib", train="lib/train.py:train")
        found: str = open_target(entry, base).info.digest
        return found

    first = seen()
    (base / "unrelated.py").write_text("A = 2\n")
    assert seen() == first
    (base / "more" / "settings.py").write_text("C = 2\n")
    second = seen()
    assert second != first
    (base / "steps.py").write_text("def fit(x, y, seed):\n    return 3\n")
    assert seen() not in (first, second)


def test_two_training_functions_of_one_file_are_two_targets(base: Path) -> None:
    (base / "model.py").write_text(CODE + "\ndef private(x, y, seed):\n    return train(x, y, seed)\n")
    entries = [card(adapter="sklearn", path="model.joblib", train=f"model.py:{f}") for f in ("train", "private")]
    assert len({open_target(e, base).info.digest for e in entries}) == 2


def test_the_training_function_of_a_booster_belongs_to_the_target(base: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(X, Y), 2)
    booster.save_model(base / "b.json")
    entry = card(adapter="sklearn", path="b.json", train="model.py:train")
    first = open_target(entry, base).info.digest
    (base / "model.py").write_text(CODE + "\n# changed\n")
    assert open_target(entry, base).info.digest != first
