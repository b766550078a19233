"""Momus beside ART: copies of one digits model from one pool and one budget of queries; made-up questions on a table.

python benchmarks/bench_copies.py
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from momus.core.samples import Samples
from momus.probes.stealing.active import active
from momus.probes.stealing.jacobian import jacobian
from momus.probes.stealing.knockoff import knockoff
from momus.targets import Target
from momus.zoo import torch_digits

QUERIES, PHOTOGRAPHS = 500, 1000
NOTES = """
The victim is the digits CNN (`std`). The pool is the same for all: 500 training images without labels (`own kind`), or
1,000 patches of the two photographs that scikit-learn carries (`photographs`, shown to the model as 28 x 28 grey).
`agreement` is the share of the 500 test images that copy and victim answer alike; `seconds` are processor seconds of
the theft alone, the exam and what Momus does with the copy afterwards left out (`after=0`) where a tool allows it. ART
trains a copy of the victim's own architecture in PyTorch, as its examples do, for ten epochs (its default) and for
sixty; Momus a smaller network in NumPy. ART's adaptive KnockoffNets wants labels of the pool, which it is given here.
On tables both rows are Momus: questions near the copy's boundary beside even draws from the same ranges.
"""


def rows() -> list[dict[str, Any]]:
    """One row a copy: job, tool, queries, agreement, processor seconds, and for ART what it misses beside Momus."""
    return list(_each())


def _each() -> Iterator[dict[str, Any]]:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    yield from _pictures("own kind", _own_pool(), QUERIES)
    yield from _tables()
    yield from _without_data()
    yield from _pictures("photographs", _photographs(PHOTOGRAPHS), PHOTOGRAPHS)


def _pictures(name: str, pool: Samples, queries: int) -> Iterator[dict[str, Any]]:
    module, test = torch_digits.model("std"), torch_digits.samples(500)
    target = Target.from_torch(module, name="digits", classes=torch_digits.CLASSES, shape=(1, 28, 28))
    x, said = _tensor(test), _answers(module, _tensor(test))
    best = {"scores": 0.0, "labels": 0.0}
    for selection in ("random", "margin", "reward"):
        for answers in best if selection == "random" else ("scores",):
            start = time.process_time()
            m = knockoff(target, test=test, pool=pool, queries=queries, selection=selection, answers=answers, after=0)
            best[answers] = max(best[answers], m.value if selection == "random" else 0.0)
            spent = time.process_time() - start
            yield _row(f"Momus, {selection}, {answers}", f"digits, {name}", queries, m.value, spent)
    for title, kind, run in _art(module, _tensor(pool), pool.y, queries):
        start = time.process_time()
        copy = run()
        spent = time.process_time() - start
        agreed = float((copy.predict(x).argmax(1) == said).mean())
        row = _row(title, f"digits, {name}", queries, agreed, spent)
        yield {**row, "misses, over Momus random": (1 - agreed) / max(1 - best[kind], 1 / len(said))}


def _art(module: Any, pool: Any, labels: Any, queries: int) -> list[tuple[str, str, Any]]:
    """ART's two thefts on the same pool: KnockoffNets from scores, random and adaptive, and CopycatCNN from labels."""
    from art.attacks.extraction import CopycatCNN, KnockoffNets
    from art.estimators.classification import PyTorchClassifier

    def wrapped(net: Any) -> Any:
        return PyTorchClassifier(
            model=net, loss=torch.nn.CrossEntropyLoss(), optimizer=torch.optim.Adam(net.parameters(), 1e-3),
            input_shape=(1, 28, 28), nb_classes=10, clip_values=(0.0, 1.0), device_type="cpu",
        )  # fmt: skip

    def softened(net: Any) -> Any:
        return torch.nn.Sequential(net, torch.nn.Softmax(dim=1))

    def fresh() -> Any:
        torch.manual_seed(0)
        return wrapped(torch_digits.network())

    jobs: list[tuple[str, str, Any]] = []
    for epochs in (10, 60):
        settings = {"batch_size_fit": 64, "batch_size_query": 64, "nb_epochs": epochs, "nb_stolen": queries}

        def random(settings: dict[str, int] = settings) -> Any:
            attack = KnockoffNets(wrapped(softened(module)), sampling_strategy="random", verbose=False,
                                  use_probability=True, **settings)  # fmt: skip
            np.random.seed(0)  # noqa: NPY002 - ART draws from the global generator
            return attack.extract(pool, None, thieved_classifier=fresh())

        def adaptive(settings: dict[str, int] = settings) -> Any:
            attack = KnockoffNets(wrapped(softened(module)), sampling_strategy="adaptive", reward="all", verbose=False,
                                  use_probability=True, **settings)  # fmt: skip
            np.random.seed(0)  # noqa: NPY002
            return attack.extract(pool, np.eye(10)[labels], thieved_classifier=fresh())

        def copycat(settings: dict[str, int] = settings) -> Any:
            attack = CopycatCNN(wrapped(module), use_probability=False, **settings)
            np.random.seed(0)  # noqa: NPY002
            return attack.extract(pool, None, thieved_classifier=fresh())

        jobs.append((f"ART KnockoffNets, random, scores, {epochs} epochs", "scores", random))
        if labels is not None and epochs == 10:  # it trains once a query, which takes minutes
            jobs.append((f"ART KnockoffNets, adaptive, scores, {epochs} epochs", "scores", adaptive))
        jobs.append((f"ART CopycatCNN, labels, {epochs} epochs", "labels", copycat))
    return jobs


def _without_data() -> Iterator[dict[str, Any]]:
    """Made-up pictures, and a hundred real ones with Jacobian steps: no peer that installs does either."""
    module, test = torch_digits.model("std"), torch_digits.samples(500)
    target = Target.from_torch(module, name="digits", classes=torch_digits.CLASSES, shape=(1, 28, 28))
    for name, run, given in (
        ("Momus, active, scores", active, {}),
        ("Momus, draws alone, scores", active, {"strategy": "random"}),
        ("Momus, active, labels", active, {"answers": "labels"}),
        ("Momus, Jacobian, labels", jacobian, {}),
    ):
        start = time.process_time()
        m = run(target, test=test, queries=2000, after=0, **given)
        what = "100 images of the kind" if run is jacobian else "no data"
        yield _row(name, f"digits, {what}", 2000, m.value, time.process_time() - start)


def _tables() -> Iterator[dict[str, Any]]:
    """Active questions beside even draws, on scikit-learn models of a table with known boundaries."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.neural_network import MLPClassifier

    from momus.zoo.tables import fitted, people

    rng = np.random.default_rng(0)
    train, test = people(1500, rng, name="train"), people(1000, rng, name="test")
    models = {
        "network": MLPClassifier((32,), max_iter=300, random_state=0),
        "forest": RandomForestClassifier(30, random_state=0),
        "boosting": HistGradientBoostingClassifier(max_iter=40, random_state=0),
    }
    for name, model in models.items():
        target = fitted(model, train, name)
        for strategy in ("active", "random"):
            start = time.process_time()
            m = active(target, test=test, queries=1000, rows=1000, strategy=strategy, after=0)
            spent = time.process_time() - start
            yield _row(f"Momus, {strategy}, scores", f"people, {name}", 1000, m.value, spent)


def _row(copy: str, job: str, queries: int, agreement: float, seconds: float) -> dict[str, Any]:
    return {"job": job, "copy": copy, "queries": queries, "agreement": agreement, "seconds": seconds}


def _own_pool() -> Samples:
    return torch_digits.samples(QUERIES, train=True)


def _photographs(n: int) -> Samples:
    """Grey patches of the two photographs that come with scikit-learn, at three scales."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    grey = [p.mean(-1) for p in load_sample_images().images]
    patches = []
    for _ in range(n):
        picture, side = grey[rng.integers(2)], int(rng.choice([28, 56, 112]))
        top, left = (int(rng.integers(0, s - side)) for s in picture.shape)
        patches.append(picture[top : top + side : side // 28, left : left + side : side // 28])
    return Samples(x=np.array(patches)[..., None].astype(np.uint8), name="photographs")


def _tensor(samples: Samples) -> Any:
    return np.moveaxis(samples.x, -1, 1).astype(np.float32) / 255


def _answers(module: Any, x: Any) -> Any:
    with torch.no_grad():
        return module(torch.as_tensor(x)).argmax(1).numpy()


if __name__ == "__main__":
    for row in _each():
        print(row, flush=True)
