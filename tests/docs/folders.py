"""The scratch folders that pages begin in: what a reader who follows the page would have before them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from docs.blocks import ROOT


def empty(folder: Path) -> None:
    """Nothing at all."""
    folder.mkdir(parents=True)


def repository(folder: Path) -> None:
    """The top of the repository as a reader sees it, by links: its examples may be run, its files stay as they are."""
    folder.mkdir(parents=True)
    for name in ("README.md", "docs", "src", "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    ignore = shutil.ignore_patterns(".momus", "__pycache__", "requests.jsonl")
    for example in ("lava-world", "credit-default", "watched-credit"):
        shutil.copytree(ROOT / "examples" / example, folder / "examples" / example, ignore=ignore)


def lava(folder: Path) -> None:
    """The policy of examples/lava-world."""
    shutil.copytree(ROOT / "examples" / "lava-world", folder, ignore=shutil.ignore_patterns(".momus", "__pycache__"))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.reshape(-1, 1, 8, 8).astype(np.float32) / 16, y


def torch(folder: Path) -> None:
    """A small network for handwritten digits: weights and two sets of pictures. The page brings the rest."""
    import torch as t

    folder.mkdir(parents=True)
    x, y = _digits()
    net = t.nn.Sequential(t.nn.Flatten(), t.nn.Linear(64, 32), t.nn.ReLU(), t.nn.Linear(32, 10))
    generator = t.Generator().manual_seed(0)
    with t.no_grad():
        for layer in (net[1], net[3]):
            layer.weight.copy_(t.randn(layer.weight.shape, generator=generator) * layer.in_features**-0.5)
            layer.bias.zero_()
    optimiser = t.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        t.nn.functional.cross_entropy(net(t.from_numpy(x[:900])), t.from_numpy(y[:900])).backward()
        optimiser.step()
    t.save(net.state_dict(), folder / "weights.pt")
    np.savez(folder / "train.npz", x=x[:900], y=y[:900])
    np.savez(folder / "test.npz", x=x[900:], y=y[900:])


def onnx(folder: Path) -> None:
    """The same kind of network as one ONNX file."""
    import onnx as o
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.neural_network import MLPClassifier

    folder.mkdir(parents=True)
    x, y = _digits()
    net = MLPClassifier((32,), max_iter=200, tol=1e-3, random_state=0).fit(x[:900].reshape(900, -1), y[:900])
    learned = {"w1": net.coefs_[0], "b1": net.intercepts_[0], "w2": net.coefs_[1], "b2": net.intercepts_[1]}
    weights = [numpy_helper.from_array(np.asarray(w, np.float32), name) for name, w in learned.items()]
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])], weights,
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    o.save(made, folder / "model.onnx")
    np.savez(folder / "train.npz", x=x[:900], y=y[:900])
    np.savez(folder / "test.npz", x=x[900:], y=y[900:])


def texts(folder: Path) -> None:
    """A filter of complaints: a scikit-learn pipeline that reads text, and two tables of texts with labels."""
    import joblib
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    things = ["parcel", "invoice", "card", "account", "order", "phone", "router", "contract", "refund", "delivery"]
    good = "thank you the {} works well and arrived early", "the {} is fine please keep it", "happy with the {} so far"
    bad = (
        "the {} is broken and nobody answers",
        "i want my money back the {} never came",
        "still waiting for the {} after weeks",
    )

    def rows(n: int) -> tuple[list[str], list[str]]:
        kinds = rng.integers(2, size=n)
        said = [(good, bad)[k][rng.integers(3)].format(things[rng.integers(10)]) for k in kinds]
        return said, ["complaint" if k else "other" for k in kinds]

    for name in ("train", "test"):
        said, label = rows(300)
        lines = [f"{text},{y}" for text, y in zip(said, label, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["text,kind", *lines]) + "\n")
        if name == "train":
            model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(said, label)
            joblib.dump(model, folder / "filter.joblib")


def downloads(folder: Path) -> None:
    """Model files as somebody might download them; one runs a command when it is opened."""
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    (folder / "downloads").mkdir(parents=True)
    x, y = load_digits(return_X_y=True)
    joblib.dump(RandomForestClassifier(5, max_depth=4, random_state=0).fit(x, y), folder / "downloads" / "rf.joblib")
    joblib.dump(RandomForestClassifier(5, max_depth=4, random_state=0).fit(x, y), folder / "forest.joblib")
    # posix.system('touch momus-marker'), as an attacker would write it.
    (folder / "downloads" / "a.pt").write_bytes(b"\x80\x02cposix\nsystem\nU\x12touch momus-marker\x85R.")
    (folder / "downloads" / "README.md").write_text("Weights of a reader of digits.\n")
    np.save(folder / "weights.npy", np.arange(12.0))
    shutil.copy(folder / "downloads" / "rf.joblib", folder / "model.pkl")


def checkpoint(folder: Path) -> None:
    """What `downloads` has, and a checkpoint of PyTorch."""
    import torch as t

    downloads(folder)
    t.save({"weight": t.zeros(4, 3), "bias": t.zeros(4)}, folder / "model.pt")


def endpoint(folder: Path) -> None:
    """A model behind HTTP on this machine, as long as the tests run, and two tables; the page names port 8099."""
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        x = rng.normal(size=(600, 2))
        label = np.where(x[:, 0] - x[:, 1] + rng.normal(scale=0.3, size=600) > 0, "yes", "no")
        rows = [f"{a:.4f},{b:.4f},{y}" for (a, b), y in zip(x, label, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            x = np.array(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"])
            p = 1 / (1 + np.exp(x[:, 1] - x[:, 0]))
            body = json.dumps({"probabilities": np.c_[1 - p, p].tolist()}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / ".port").write_text(str(server.server_port))


def signed(folder: Path) -> None:
    """A card with one file of weights, and a private key of the team's."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(parents=True)
    np.save(folder / "weights.npy", np.arange(12.0))
    (folder / "momus.yaml").write_text(
        "system: weights\ntargets: [{name: weights, adapter: files, files: [weights.npy]}]\n"
    )
    key = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "team.pem").write_bytes(pem)


FOLDERS: dict[str, Callable[[Path], None]] = {
    f.__name__: f for f in (empty, repository, lava, torch, onnx, texts, downloads, endpoint, signed, checkpoint)
}
