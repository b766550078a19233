"""Honest files of networks: PyTorch, Keras, ONNX, skops, safetensors, Stable-Baselines3, GGUF."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import os
import pickle
import struct
import warnings
from typing import Any

import numpy as np

from corpus.benign_tables import Made, saved
from corpus.items import Item


def items(seed: int, *, slow: bool = True) -> list[Item]:
    """Everything the installed libraries make; ``slow`` = False leaves out Keras, policies and exported programs."""
    rows: list[Made] = []
    makers = [_torch, _skops, _safetensors, _onnx, _gguf, *((_exported, _keras, _policies) if slow else ())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in makers:
            try:
                rows += make(seed)
            except ImportError:
                continue  # the library is not installed
    return [Item(f"benign: {n}", "benign", n.split(":")[0], f, d, kind="benign") for n, f, d in rows]


def _nets(seed: int) -> dict[str, Any]:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    width = 2 + seed % 5
    return {
        "dense": nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2)),
        "convolution": nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                     nn.Flatten(), nn.Dropout(0.1), nn.Linear(width, 2)),
        "recurrent": nn.LSTM(4, width, 2, batch_first=True),
        "attention": nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
        "embedding": nn.ModuleDict({"e": nn.Embedding(9, width), "n": nn.LayerNorm(width)}),
    }  # fmt: skip


def _torch(seed: int) -> list[Made]:
    import torch

    out: list[Made] = []
    nets = _nets(seed)
    for name, net in nets.items():
        out.append(
            (f"torch: weights, {name}", f"{name}.pt", saved(lambda p, n=net: torch.save(n.state_dict(), p), "m.pt"))
        )
        out.append((f"torch: module, {name}", f"{name}.pth", saved(lambda p, n=net: torch.save(n, p), "m.pth")))
    dense = nets["dense"]
    for kind in (torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop):
        optimiser = kind(dense.parameters(), lr=0.1)
        dense(torch.ones(1, 4)).sum().backward()
        optimiser.step()
        kept = {
            "model": dense.state_dict(),
            "optimizer": optimiser.state_dict(),
            "epoch": 3,
            "loss": 0.5,
            "args": {"lr": 0.1},
        }
        out.append(
            (
                f"torch: checkpoint, {kind.__name__}",
                f"{kind.__name__}.ckpt",
                saved(lambda p, k=kept: torch.save(k, p), "m.ckpt"),
            )
        )
    old = saved(lambda p: torch.save(dense.state_dict(), p, _use_new_zipfile_serialization=False), "old.pth")
    kinds = {str(d).removeprefix("torch."): torch.ones(3, dtype=d) for d in
             (torch.float16, torch.bfloat16, torch.int8, torch.bool, torch.complex64, torch.uint8)}  # fmt: skip
    shared = torch.ones(8)
    views = {"a": shared, "b": shared[2:5], "c": shared.view(2, 4).t(), "empty": torch.zeros(0, 3)}
    out += [
        ("torch: old format", "old.pth", old),
        ("torch: kinds of numbers", "kinds.pt", saved(lambda p: torch.save(kinds, p), "k.pt")),
        ("torch: views of one storage", "views.pt", saved(lambda p: torch.save(views, p), "v.pt")),
        ("torch: one tensor", "tensor.pt", saved(lambda p: torch.save(torch.eye(3), p), "t.pt")),
        ("torch: parameter", "param.pt", saved(lambda p: torch.save(torch.nn.Parameter(torch.eye(3)), p), "t.pt")),
        ("torch: sparse", "sparse.pt", saved(lambda p: torch.save(torch.eye(3).to_sparse(), p), "t.pt")),
        ("torch: numpy inside", "mixed.pt", saved(lambda p: torch.save({"a": np.ones(3), "s": torch.Size([1])}, p), "t.pt")),
        ("torch: pickled", "net.pkl", pickle.dumps(dense)),
        ("torch: scripted", "script.pt", saved(torch.jit.script(dense).save, "s.pt")),
        ("torch: traced", "trace.pt", saved(torch.jit.trace(nets["convolution"].eval(), torch.ones(1, 1, 8, 8)).save, "t.pt")),
        ("torch: scripted, recurrent", "lstm.pt", saved(torch.jit.script(nets["recurrent"]).save, "s.pt")),
    ]  # fmt: skip
    return out


def _exported(seed: int) -> list[Made]:
    import torch

    net = _nets(seed)["dense"].eval()
    program = torch.export.export(net, (torch.ones(2, 4),))
    batch = torch.export.Dim("batch", max=64)
    free = torch.export.export(
        _nets(seed)["convolution"].eval(), (torch.ones(2, 1, 8, 8),), dynamic_shapes=({0: batch},)
    )
    return [("torch: exported", "m.pt2", saved(lambda p: torch.export.save(program, p), "m.pt2")),
            ("torch: exported, any batch", "d.pt2", saved(lambda p: torch.export.save(free, p), "d.pt2"))]  # fmt: skip


def _keras(seed: int) -> list[Made]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    dense = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3 + seed % 4, activation="relu"), layers.Dropout(0.1), layers.Dense(1)]
    )
    dense.compile("adam", "mse", metrics=["mae"])
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(image))
    x = layers.Add()([x, layers.Activation("relu")(x)])
    branch = keras.Model(image, layers.Softmax()(layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
    recurrent = keras.Sequential([keras.Input((5, 2)), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)])
    scaled = keras.Sequential([keras.Input((3,)), layers.Rescaling(0.1), layers.Dense(2), layers.LayerNormalization()])
    out: list[Made] = []
    for name, model in (("dense", dense), ("branches", branch), ("recurrent", recurrent), ("scaled", scaled)):
        out.append((f"keras: {name}", f"{name}.keras", saved(model.save, f"{name}.keras")))
        out.append((f"keras: {name}, HDF5", f"{name}.h5", saved(model.save, f"{name}.h5")))
    out.append(("keras: weights", "w.weights.h5", saved(dense.save_weights, "w.weights.h5")))
    out.append(("keras: architecture", "model.json", branch.to_json().encode()))
    return out


def _policies(seed: int) -> list[Made]:
    import gymnasium
    import stable_baselines3 as sb3

    env = gymnasium.make("CartPole-v1")
    return [(f"sb3: {k.__name__}", f"{k.__name__}.zip", saved(k("MlpPolicy", env, seed=seed % 1000, device="cpu").save, "p.zip"))
            for k in (sb3.PPO, sb3.DQN, sb3.A2C)]  # fmt: skip


def _skops(seed: int) -> list[Made]:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC
    from skops.io import dumps

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["a good", "a bad"] * 5, [1, 0] * 5)
    models = {
        "logistic": LogisticRegression().fit(x, y), "forest": RandomForestClassifier(3).fit(x, y), "svm": SVC().fit(x, y),
        "boosting": HistGradientBoostingClassifier(max_iter=2).fit(x, y), "words": words,
        "columns": make_pipeline(make_column_transformer((StandardScaler(), [0])), SVC()).fit(x, y),
        "function": FunctionTransformer(np.log1p).fit(abs(x)),
    }  # fmt: skip
    return [(f"skops: {n}", f"{n}.skops", dumps(m)) for n, m in models.items()]


def _safetensors(seed: int) -> list[Made]:
    from safetensors.numpy import save

    rng = np.random.default_rng(seed)
    plain = {f"layer.{i}.weight": rng.normal(size=(4, i + 1)).astype("f4") for i in range(6)}
    odd = {
        "half": np.ones(3, "f2"),
        "long": np.arange(4),
        "flag": np.ones(2, bool),
        "none": np.zeros((0, 2), "f4"),
        "one": np.float32([1]),
    }
    return [("safetensors: weights", "a.safetensors", save(plain)),
            ("safetensors: with metadata", "b.safetensors", save(plain, {"format": "pt", "made": "by hand"})),
            ("safetensors: kinds", "c.safetensors", save(odd)), ("safetensors: none", "d.safetensors", save({}))]  # fmt: skip


def _onnx(seed: int) -> list[Made]:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    w = [numpy_helper.from_array(rng.normal(size=(4, 2)).astype("f4"), "w")]

    def model(nodes: list[Any], init: list[Any], **how: Any) -> bytes:
        graph = helper.make_graph(nodes, "g", ins, outs, init)
        return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], **how)
                     .SerializeToString())  # fmt: skip

    dense = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Softmax", ["h"], ["y"], axis=1)]
    then = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["t"])], "t", [], [helper.make_tensor_value_info("t", 1, None)]
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["t"])], "e", [], [helper.make_tensor_value_info("t", 1, None)]
    )
    flag = [numpy_helper.from_array(np.array(True), "c")]
    branch = [helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    scaled = [helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0] * 4, scale=[1.0] * 4)]
    made = model(dense, w, producer_name="own")
    outside = onnx.load_model_from_string(made)
    onnx.external_data_helper.convert_model_to_external_data(outside, location="weights.bin", size_threshold=0)
    onnx.external_data_helper.set_external_data(outside.graph.initializer[0], "weights.bin")
    return [("onnx: dense", "dense.onnx", made), ("onnx: branches", "if.onnx", model(branch, flag)),
            ("onnx: scaler", "scaler.onnx", model(scaled, [])),
            ("onnx: weights beside", "outside.onnx", outside.SerializeToString())]  # fmt: skip


def _gguf(seed: int) -> list[Made]:
    """A small file by hand: values of several kinds, a chat template, one tensor."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    template = b"{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% endfor %}"
    pairs = [text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama"),
             text(b"general.alignment") + struct.pack("<II", 4, 32),
             text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b"),
             text(b"tokenizer.chat_template") + struct.pack("<I", 8) + text(template)]  # fmt: skip
    tensor = text(b"w") + struct.pack("<IQIQ", 1, 8, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs) + tensor
    data = head + bytes(-len(head) % 32) + np.random.default_rng(seed).normal(size=8).astype("f4").tobytes()
    return [("gguf: small", "small.gguf", data)]
