"""Rows a second that a served model answers to: the HTTP target beside a bare loop over httpx, on one machine.

python -m benchmarks.bench_served
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

NOTES = (
    "The server (uvicorn, the standard library's JSON, a linear model of 64 numbers and ten classes) is one process on "
    "the cores named above, the client another. Every way asks the same rows and gets the same answers; the bare loops "
    "are `httpx.Client` with the standard library's JSON, their answers read into one array. Medians of three."
)
COLUMNS, CLASSES, TIMES = 64, 10, 3
Ask = Callable[[np.ndarray], np.ndarray]


def model(x: Any) -> np.ndarray:
    """Ten probabilities a row, cheap to make: what is measured is the way to them."""
    z = np.asarray(x, dtype=float) @ np.sin(np.arange(COLUMNS * CLASSES)).reshape(COLUMNS, CLASSES)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _serve(address: Any) -> None:
    from momus.testing.asgi import serving
    from momus.testing.served_models import ServedModels

    app = ServedModels(
        {"m": model, "rows": lambda given: model(given).tolist(), "": lambda given: model(given).tolist()},
        tensors={"m": ("FP64", [-1, COLUMNS])},
    )
    with serving(app) as url:
        address.send(url)
        address.recv()


@contextmanager
def served() -> Iterator[str]:
    """The server in a process of its own; its address."""
    ways = multiprocessing.get_context("spawn")
    ours, theirs = ways.Pipe()
    process = ways.Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join(10)
        process.terminate()


def bare(url: str, rows: int) -> Ask:
    """A loop as one writes it by hand: one connection, one request after another."""
    import httpx

    client = httpx.Client(timeout=60)

    def ask(x: np.ndarray) -> np.ndarray:
        found = []
        for i in range(0, len(x), rows):
            part = x[i : i + rows]
            tensor = {"name": "input-0", "shape": list(part.shape), "datatype": "FP64", "data": part.ravel().tolist()}
            answer = client.post(f"{url}/v2/models/m/infer", content=json.dumps({"inputs": [tensor]}),
                                 headers={"content-type": "application/json"}).json()["outputs"][0]  # fmt: skip
            found.append(np.array(answer["data"]).reshape(answer["shape"]))
        return np.concatenate(found)

    return ask


def target(url: str, path: str = "", kept: Path | None = None, **card: Any) -> Ask:
    """The HTTP target, its answers kept or not."""
    from momus.card.http import HttpCard
    from momus.core.cache import Cache
    from momus.targets.http_ import http_target

    names = tuple(str(i) for i in range(CLASSES))
    section = HttpCard(url=url + path, cache=kept is not None, **card)
    made = http_target(section, shape=(COLUMNS,), modality="table", classes=names, output="probabilities",
                       cache=None if kept is None else Cache(kept / "arrays"))  # fmt: skip
    return lambda x: np.asarray(made.probabilities(x))


def _rate(ask: Ask, x: np.ndarray) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    found = ask(x)
    return len(x) / (time.perf_counter() - started), found


def _row(name: str, asks: list[Ask], x: np.ndarray, base: dict[str, float]) -> dict[str, Any]:
    """``asks`` has one way a repetition, so that answers kept by one are not found by the next."""
    rates, wrong = [], 0.0
    for i in range(TIMES):
        rate, found = _rate(asks[i % len(asks)], x)
        rates.append(rate)
        wrong = max(wrong, float(np.abs(found - model(x)).max()))
    rate = statistics.median(rates)
    base.setdefault("one", rate)
    return {"way": name, "rows": len(x), "rows/s": round(rate), "to one row a request": rate / base["one"],
            "largest difference": wrong}  # fmt: skip


def rows(n: int = 20_000) -> list[dict[str, Any]]:
    """Bare loops first, then the target on the same server."""
    x = np.random.default_rng(0).normal(size=(n, COLUMNS))
    few = x[: n // 20]
    base: dict[str, float] = {}
    with served() as url, tempfile.TemporaryDirectory() as folder:
        again = target(url, kept=Path(folder) / "again", model="m")
        again(x)
        return [
            _row("httpx loop, one row a request", [bare(url, 1)], few, base),
            _row("target, one row a request, 4 at once", [target(url, model="m", rows=1)], few, base),
            _row("httpx loop, 256 rows a request", [bare(url, 256)], x, base),
            _row("target, 256 rows a request, one at a time", [target(url, model="m", at_once=1)], x, base),
            _row("target, 256 rows a request, 4 at once", [target(url, model="m")], x, base),
            _row("the same, answers kept as they come",
                 [target(url, kept=Path(folder) / str(i), model="m") for i in range(TIMES)], x, base),
            _row("target, every answer kept before", [again], x, base),
            _row("target, MLflow's inputs", [target(url, "/invocations", protocol="mlflow")], x, base),
            _row("target, TorchServe, one row a request",
                 [target(url, protocol="torchserve", model="rows")], few, base),
        ]  # fmt: skip


if __name__ == "__main__":
    from benchmarks.__main__ import table

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=20_000)
    print(table(rows(parser.parse_args().rows)))
