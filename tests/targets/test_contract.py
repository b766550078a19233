"""Every adapter under the public contract, around small real models."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from momus.core.capabilities import Gradients, missing
from momus.core.samples import Samples
from momus.targets import Target
from momus.testing import TargetContract

torch.set_num_threads(1)
X, Y = load_digits(return_X_y=True)
TABLE = Samples(X[:40] / 16, Y[:40], classes=tuple("0123456789"))
IMAGES = Samples((X[:40].reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8), Y[:40], classes=tuple("0123456789"))


def train_cnn(x: np.ndarray, y: np.ndarray, seed: int, epochs: int = 12) -> torch.nn.Module:
    """A small network on (n, 8, 8, 1) uint8 digits."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(128, 10),
    )
    a = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(y).long()
    step = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(epochs):
        for i in range(0, len(a), 100):
            step.zero_grad()
            torch.nn.functional.cross_entropy(net(a[i : i + 100]), labels[i : i + 100]).backward()
            step.step()
    return net


@pytest.fixture(scope="module")
def cnn() -> torch.nn.Module:
    return train_cnn((X[:600].reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8), Y[:600], 0).eval()


@pytest.fixture(scope="module")
def onnx_file(cnn: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network as an ONNX graph, written by hand so that no exporter is needed."""
    return write_onnx(cnn, tmp_path_factory.mktemp("onnx") / "cnn.onnx")


def write_onnx(net: torch.nn.Module, path: Path, *, softmax: bool = False, batch: int | str = "n") -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    state = {k: v.detach().numpy() for k, v in net.state_dict().items()}
    w, b, v, c = (numpy_helper.from_array(a, k) for k, a in zip("wbvc", state.values(), strict=True))
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["h1"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Tanh", ["h1"], ["h2"]),
        helper.make_node("AveragePool", ["h2"], ["h3"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["h3"], ["h4"]),
        helper.make_node("Gemm", ["h4", "v", "c"], ["z" if softmax else "y"], transB=1),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["z"], ["y"], axis=1))
    graph = helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])],
        [w, b, v, c],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@functools.cache
def logistic() -> Any:
    """A quickly fitted linear model on pixels in [0, 1]."""
    return LogisticRegression(max_iter=30, C=0.1).fit(X[:200] / 16, Y[:200])


class OnTable(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return TABLE


class OnImages(TargetContract):
    @pytest.fixture
    def samples(self) -> Samples:
        return IMAGES


class TestLogistic(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(logistic())


class TestPipeline(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(
            make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)).fit(X / 16, Y)
        )


class TestDecisionOnly(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(LinearSVC().fit(X[:200] / 16, Y[:200]))


class TestRegressor(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(Ridge().fit(X / 16, Y))


class TestForestOfValues(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(RandomForestRegressor(5, max_depth=4, random_state=0).fit(X[:300] / 16, Y[:300]))


class TestFunctionOfValues(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_callable(
            lambda x: np.sin(x.sum(axis=1)), output="values", task="regressor", shape=(64,),
            train=lambda x, y, seed: lambda rows: np.full(len(rows), y.mean()),
        )  # fmt: skip


class TestNetworkOfValues(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        return Target.from_torch(net, task="regressor", shape=(64,), modality="table")


class TestIsolationForest(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(IsolationForest(n_estimators=10, contamination=0.2, random_state=0).fit(TABLE.x))

    @pytest.fixture
    def samples(self, target: Any) -> Samples:
        return replace(TABLE, y=target.predict(TABLE.x), classes=("outlier", "inlier"))


class TestOnnxOfValues(OnTable):
    @pytest.fixture(scope="class")
    def target(self, tmp_path_factory: pytest.TempPathFactory) -> Any:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        rng = np.random.default_rng(0)
        first, second = (rng.normal(size=s).astype(np.float32) / 4 for s in ((64, 8), (8, 1)))
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Tanh", ["h"], ["t"]),
            helper.make_node("MatMul", ["t", "v"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "values",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
            [numpy_helper.from_array(first, "w"), numpy_helper.from_array(second, "v")],
        )
        path = tmp_path_factory.mktemp("onnx") / "values.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        target = Target.from_onnx(path, task="regressor")
        assert not missing(target, Gradients)
        return target


class TestXgboost(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        xgboost = pytest.importorskip("xgboost")
        return Target.from_sklearn(xgboost.XGBClassifier(n_estimators=3, max_depth=3).fit(X[:500] / 16, Y[:500]))


class TestLightgbm(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        lightgbm = pytest.importorskip("lightgbm")
        model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=7, verbose=-1).fit(X[:500] / 16, Y[:500])
        return Target.from_sklearn(model)


class TestSklearnOnImages(OnImages):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_sklearn(logistic(), shape=(64,), samples=IMAGES)


class TestTorch(OnImages):
    @pytest.fixture
    def target(self, cnn: torch.nn.Module) -> Any:
        return Target.from_torch(cnn, shape=(1, 8, 8), train=lambda x, y, seed: train_cnn(x, y, seed, 2))


class TestTorchDouble(OnImages):
    @pytest.fixture
    def target(self, cnn: torch.nn.Module) -> Any:
        import copy

        return Target.from_torch(copy.deepcopy(cnn).double(), shape=(1, 8, 8))


class TestTorchSoftmax(OnImages):
    @pytest.fixture
    def target(self, cnn: torch.nn.Module) -> Any:
        return Target.from_torch(torch.nn.Sequential(cnn, torch.nn.Softmax(dim=1)), shape=(1, 8, 8))


class TestTorchOnTable(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.Tanh(), torch.nn.Linear(16, 10)).eval()
        return Target.from_torch(net, shape=(64,))


class TestTorchBinary(TargetContract):
    """One logit for two classes."""

    @pytest.fixture
    def samples(self) -> Samples:
        return Samples(TABLE.x, (TABLE.y >= 5).astype(int), classes=("low", "high"))

    @pytest.fixture(scope="class")
    def target(self) -> Any:
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).eval()
        return Target.from_torch(net, shape=(64,), classes=("low", "high"))


class TestOnnx(OnImages):
    @pytest.fixture
    def target(self, onnx_file: Path) -> Any:
        return Target.from_onnx(onnx_file)


class TestCallable(OnTable):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        return Target.from_callable(logistic().predict_proba, samples=TABLE)


class TestCallableLabels(OnImages):
    @pytest.fixture(scope="class")
    def target(self) -> Any:
        model = LogisticRegression(max_iter=300).fit(X, Y)
        return Target.from_callable(
            lambda x: model.predict(x.reshape(len(x), -1) / 15.9), samples=IMAGES, output="labels"
        )


def test_a_wrong_sign_is_caught(cnn: torch.nn.Module) -> None:
    """The contract must fail when the gradient is broken."""
    target = Target.from_torch(cnn, shape=(1, 8, 8))
    true = target.pullback
    target.pullback = lambda x, slope: (true(x, slope)[0], -true(x, slope)[1])
    check = TargetContract().test_gradient_agrees_with_finite_differences
    with pytest.raises(AssertionError):
        check(target, IMAGES, target.encode(IMAGES.x), "cross_entropy")
