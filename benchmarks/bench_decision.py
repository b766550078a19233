"""Momus beside ART and Foolbox: HopSkipJump, L2, on the digits models, 20 images, ten iterations, one thread.

Only labels are seen. Momus is asked through its own PyTorch target and meter with as many rows an image as the peers'
ten iterations take; ART gets its inputs cast to float32, without which it does not run under NumPy 2. The floor is the
time of the bare module over as many rows in batches of 64, in the memory layout the tool uses.

    python benchmarks/bench_decision.py [std] [adv]
"""

from __future__ import annotations

import copy
import importlib.util
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from momus.core.capabilities import to_numpy
from momus.core.meter import Budget, Meter
from momus.methods.decision_search import hop_skip_jump
from momus.targets import Target
from momus.zoo import torch_digits

INPUTS, QUERIES, ITERATIONS = 20, 2400, 10
Attack = Callable[[int], Any]

NOTES = """
Processor seconds of the median run, tools in turn; distances over the images that the model gets right. `Momus` starts
from the nearest of the other 19 images that the model calls something else, as an attacker has who owns a few;
`Momus, from noise` starts from noise, as the peers do. `floor` is the bare module's time over the same number of rows
(ART and Foolbox: as the module is; Momus: channels last, as its adapter lays it out), `over floor` the whole time
divided by it.
"""


class Counted(torch.nn.Module):  # type: ignore[misc]
    """A module that counts what it is asked."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.rows, self.calls = inner, 0, 0

    def forward(self, x: Any) -> Any:
        self.rows, self.calls = self.rows + len(x), self.calls + 1
        return self.inner(x)


def momus(model: Any, x: Any, y: Any, *, own: bool) -> tuple[Attack, Counted]:
    """``own`` gives the other images as starting points."""
    counted = Counted(model)
    target = Target.from_torch(counted, name="digits", classes=torch_digits.CLASSES, shape=(1, 28, 28), range=(0, 1))
    module: Any = target.net.module  # the adapter asks its own copy  # type: ignore[attr-defined]
    counter = next(m for m in module.modules() if isinstance(m, Counted))
    labels = y.numpy()

    def run(seed: int) -> Any:
        meter = Meter(target, Budget())
        answers = to_numpy(meter.predict(x))
        right = np.flatnonzero(answers == labels)
        wanted = torch.as_tensor(right)
        found = hop_skip_jump(
            lambda points, at: to_numpy(meter.predict(points)) != labels[right][at],
            x[wanted],
            queries=QUERIES,
            starts=x if own else None,
            usable=answers[None, :] != labels[right][:, None],
            rng=np.random.default_rng(seed),
        )
        counter.calls = meter.calls  # the adapter cuts a call into batches that suit the processor
        out = x.clone()
        out[wanted] = found.x
        return out

    return run, counter


def foolbox(model: Any, x: Any, y: Any) -> tuple[Attack, Counted]:
    if "git" not in sys.modules and importlib.util.find_spec("git") is None:
        # Foolbox imports GitPython only for its model zoo, which is not used here: a placeholder lets it be imported.
        sys.modules["git"] = types.SimpleNamespace(Repo=None)  # type: ignore[assignment]
    import foolbox as tool

    counted = Counted(model)
    wrapped = tool.PyTorchModel(counted, bounds=(0, 1), device="cpu")

    def run(seed: int) -> Any:
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the tool draws from the global generator
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tool.attacks.HopSkipJumpAttack(steps=ITERATIONS)(wrapped, x, y, epsilons=None)[0]

    return run, counted


def art(model: Any, x: Any, y: Any) -> tuple[Attack, Counted]:
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import PyTorchClassifier

    class Cast(PyTorchClassifier):  # type: ignore[misc]
        def predict(self, x: Any, **options: Any) -> Any:
            return super().predict(np.asarray(x, np.float32), **options)

    counted = Counted(model)
    loss = torch.nn.CrossEntropyLoss()
    wrapped = Cast(counted, loss, (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu")

    def run(seed: int) -> Any:
        np.random.seed(seed)  # noqa: NPY002 - the tool draws from the global generator
        attack = HopSkipJump(wrapped, norm=2, max_iter=ITERATIONS, init_eval=100, verbose=False)
        return torch.as_tensor(np.asarray(attack.generate(x.numpy()), dtype=np.float32))

    return run, counted


def rows(models: tuple[str, ...] = ("std", "adv"), repetitions: int = 3) -> list[dict[str, Any]]:
    """One row a model and tool: CPU seconds, median L2, rows an image, calls, distance to the floor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for kind in models for row in _on_one_model(kind, repetitions)]
    finally:
        torch.set_num_threads(threads)


def _on_one_model(kind: str, repetitions: int) -> list[dict[str, Any]]:
    plain = torch_digits.model(kind)
    x, y = (torch.as_tensor(a[:INPUTS]) for a in torch_digits.arrays()[2:])
    tools = {
        "Momus": momus(copy.deepcopy(plain), x, y, own=True),
        "Momus, from noise": momus(copy.deepcopy(plain), x, y, own=False),
        "ART 1.20.1, cast added": art(copy.deepcopy(plain), x, y),
        "Foolbox 3.3.4": foolbox(copy.deepcopy(plain), x, y),
    }
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in tools}
    asked: dict[str, tuple[int, int]] = {}
    for seed in range(repetitions):
        for name, (attack, counter) in tools.items():
            counter.rows = counter.calls = 0
            start = time.process_time()
            out = attack(seed)
            seconds[name].append(time.process_time() - start)
            asked[name] = (counter.rows, counter.calls)
            found[name].append(_distance(plain, x, y, out))
    own = statistics.median(seconds["Momus"])
    out_rows = []
    for name in tools:
        floor = _floor(plain, asked[name][0], last=name.startswith("Momus"))
        took = statistics.median(seconds[name])
        out_rows.append(
            {
                "model": kind,
                "tool": name,
                "cpu_seconds": round(took, 2),
                "times_momus": round(took / own, 2),
                "median_l2": round(statistics.mean(d for d, _ in found[name]), 2),
                "turned": round(statistics.mean(k for _, k in found[name]), 1),
                "rows_an_image": round(asked[name][0] / INPUTS),
                "calls": asked[name][1],
                "floor": round(floor, 2),
                "over_floor": round(took / floor, 2),
                "runs": repetitions,
            }
        )
    return out_rows


def _distance(model: Any, x: Any, y: Any, out: Any) -> tuple[float, int]:
    """Median L2 of the images that were right and are wrong now, and how many those are; asked of the plain model."""
    out = out.detach()
    if float(out.min()) < -1e-6 or float(out.max()) > 1 + 1e-6:
        raise AssertionError("the examples leave the data range")
    with torch.no_grad():
        turned = (model(x).argmax(1) == y) & (model(out).argmax(1) != y)
    return float((out - x).flatten(1).norm(dim=1)[turned].median()), int(turned.sum())


def _floor(model: Any, count: int, *, last: bool) -> float:
    """Seconds of the bare module over ``count`` rows, the best of two runs."""
    module = copy.deepcopy(model).eval()
    if last:
        module = module.to(memory_format=torch.channels_last)
    a = torch.rand(64, 1, 28, 28)
    best = float("inf")
    with torch.no_grad():
        for _ in range(2):
            start = time.process_time()
            for _ in range(-(-count // 64)):
                module(a)
            best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    for row in rows(tuple(sys.argv[1:]) or ("std", "adv")):
        print(row)
