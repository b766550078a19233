"""Seconds to train 16 shadow models of a small network: together, one after another, and as the peers train them.

python -m benchmarks.bench_shadows

All train the same modules on the same rows for the same number of steps by stochastic gradient descent with momentum.
``one after another`` is a plain PyTorch loop over tensors, with nothing in it that could be left out. ``DataLoader`` is
how Privacy Meter trains its reference models (a Subset behind a DataLoader, one model after another); ART is its own
``ShadowModels`` around a ``PyTorchClassifier``, its fits alone being timed. CPU seconds of one thread, least of two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from momus.core.samples import Samples
from momus.methods.shadow_models import halves
from momus.targets import Target
from momus.zoo.tables import people

MODELS, LR, MOMENTUM = 16, 0.05, 0.9
Loop = Callable[["Work"], list[nn.Module]]


class Work:
    """One network and its rows: 16 halves of ``rows`` to train on, the rest to test."""

    def __init__(
        self, name: str, build: Callable[[], nn.Module], x: np.ndarray, y: np.ndarray, batch: int, epochs: int
    ) -> None:
        order = np.random.default_rng(0).permutation(len(x))
        x, y = x[order].astype(np.float32), y[order].astype(np.int64)
        cut = 2 * (len(x) // 3)
        self.name, self.build, self.batch, self.epochs = name, build, batch, epochs
        self.x, self.y, self.test_x, self.test_y = x[:cut], y[:cut], x[cut:], y[cut:]
        self.inside = halves(cut, range(MODELS), 0)
        self.k = int(y.max()) + 1

    @property
    def steps(self) -> int:
        return round(self.epochs * int(self.inside[0].sum()) / self.batch)

    def accuracy(self, models: list[Any]) -> float:
        with torch.no_grad():
            said = [m.eval()(torch.from_numpy(self.test_x)).argmax(1).numpy() for m in models]
        return float(np.mean([np.mean(s == self.test_y) for s in said]))


def works() -> list[Work]:
    """Small to larger networks: the gain of training together goes as each step's own work grows."""
    from sklearn.datasets import load_digits

    scans, digit = load_digits(return_X_y=True)
    scans = scans / 16
    image = scans.reshape(-1, 1, 8, 8)
    large = np.kron(image, np.ones((1, 1, 3, 3)))
    table = people(2000, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    bought = rng.random((100, 600)) < 0.2  # 100 kinds of customer, as in Purchase-100; a fifth of the bits flipped
    kind = rng.integers(0, 100, 3000)
    baskets = bought[kind] ^ (rng.random((3000, 600)) < 0.2)
    assert table.y is not None
    wide = table.x.shape[1]
    return [
        Work(f"MLP {wide}-64-2, batch 32", lambda: _mlp(wide, 64, 2), _scaled(table.x), table.y, 32, 30),
        Work("MLP 64-128-10 tanh, batch 32", lambda: _mlp(64, 128, 10), scans, digit, 32, 30),
        Work("CNN 8-16 channels, 8 x 8, batch 32", lambda: _cnn(8), image, digit, 32, 8),
        Work("MLP 600-128-100 tanh, batch 100", lambda: _mlp(600, 128, 100), baskets, kind, 100, 4),
        Work("CNN 8-16 channels, 24 x 24, batch 32", lambda: _cnn(24), large, digit, 32, 2),
    ]


def _scaled(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean(0)) / x.std(0))


def _mlp(wide: int, hidden: int, k: int) -> nn.Module:
    return nn.Sequential(nn.Linear(wide, hidden), nn.Tanh(), nn.Linear(hidden, k))


def _cnn(side: int) -> nn.Module:
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16 * (side // 4) ** 2, 10))


def together(work: Work) -> list[nn.Module]:
    """Momus: a target with a recipe trains all of them, bookkeeping of the targets included."""
    recipe = {"build": work.build, "epochs": work.epochs, "batch": work.batch, "lr": LR, "momentum": MOMENTUM}
    settings: dict[str, Any] = {"samples": Samples(work.x.astype(np.float64))}
    rows = work.x.astype(np.float64)
    if work.x.ndim == 4:
        rows = np.round(work.x.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        settings = {"shape": work.x.shape[1:], "range": (0, 1)}
    target = Target.from_torch(work.build(), classes=[str(i) for i in range(work.k)], recipe=recipe, **settings)
    return [t.net.module for t in target.retrain_together(rows, work.y, work.inside, seeds=range(MODELS))]


def one_after_another(work: Work) -> list[nn.Module]:
    """A plain loop: tensors, one index a batch, the loss, one step."""
    x, y, made = torch.from_numpy(work.x), torch.from_numpy(work.y), []
    for i, mask in enumerate(work.inside):
        torch.manual_seed(i)
        net, where = work.build(), torch.from_numpy(np.flatnonzero(mask))
        step, loss = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM), nn.CrossEntropyLoss()
        for _ in range(work.epochs):
            for now in where[torch.randperm(len(where))].split(work.batch):
                step.zero_grad()
                loss(net(x[now]), y[now]).backward()
                step.step()
        made.append(net)
    return made


def with_loaders(work: Work) -> list[nn.Module]:
    """One after another, each fed by a DataLoader over a Subset: Privacy Meter's way of working."""
    data, made = TensorDataset(torch.from_numpy(work.x), torch.from_numpy(work.y)), []
    for i, mask in enumerate(work.inside):
        torch.manual_seed(i)
        net, loader = work.build(), DataLoader(Subset(data, np.flatnonzero(mask).tolist()), work.batch, shuffle=True)
        step, loss = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM), nn.CrossEntropyLoss()
        for _ in range(work.epochs):
            for x, y in loader:
                step.zero_grad(set_to_none=True)
                loss(net(x), y).backward()
                step.step()
        made.append(net)
    return made


def art(work: Work) -> tuple[float, list[nn.Module]]:
    """ART's ShadowModels with its PyTorchClassifier; the seconds of its fits alone."""
    from art.attacks.inference.membership_inference import ShadowModels
    from art.estimators.classification import PyTorchClassifier

    spent = 0.0

    class Timed(PyTorchClassifier):  # type: ignore[misc]
        def fit(self, x: Any, y: Any, **_: Any) -> None:
            nonlocal spent
            start = time.process_time()
            super().fit(x, y, batch_size=work.batch, nb_epochs=work.epochs)
            spent += time.process_time() - start

    net = work.build()
    made = Timed(
        model=net,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM),
        input_shape=work.x.shape[1:],
        nb_classes=work.k,
    )
    shadows = ShadowModels(made, num_shadow_models=MODELS, random_state=0)
    shadows.generate_shadow_dataset(work.x, np.eye(work.k, dtype=np.float32)[work.y])
    return spent, [s.model for s in shadows.get_shadow_models()]


def least(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Least CPU seconds of ``times`` runs (other work on the machine counts less), and the last result."""
    seconds, out = [], None
    for _ in range(times):
        start = time.process_time()
        out = work()
        seconds.append(time.process_time() - start)
    return min(seconds), out


def rows() -> list[dict[str, Any]]:
    """One row for each network and way of training."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [line for work in works() for line in _rows(work)]
    finally:
        torch.set_num_threads(threads)


def _rows(work: Work) -> list[dict[str, Any]]:
    from torch.utils.flop_counter import FlopCounterMode

    from momus.targets.torch_recipe import STACK_FLOPS

    together(work)  # the first use of vmap imports for seconds
    with FlopCounterMode(display=False) as counter:
        work.build()(torch.from_numpy(work.x[: work.batch]))
    stacked = counter.get_total_flops() <= STACK_FLOPS
    ours, made = least(2, lambda: together(work))
    name = "Momus, together" if stacked else "Momus (too large to gain by a stack: one after another)"
    found = [(name, ours, made)]
    for tool, loop in (("PyTorch, one after another", one_after_another), ("PyTorch, DataLoader", with_loaders)):
        found.append((tool, *least(2, lambda loop=loop: loop(work))))
    runs = [art(work) for _ in range(2)]
    found.append(("ART ShadowModels", min(r[0] for r in runs), runs[-1][1]))
    return [
        {
            "network": work.name,
            "tool": tool,
            "cpu seconds": round(seconds, 3),
            "Momus is faster by": None if i == 0 else round(seconds / ours, 2),
            "test accuracy": round(work.accuracy(models), 3),
            "steps a model": work.steps,
        }
        for i, (tool, seconds, models) in enumerate(found)
    ]


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
