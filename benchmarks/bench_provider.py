"""What a hostile provider takes: records, price and seconds of the four encodings, and the speed of the bare channels.

    python -m benchmarks.bench_provider

No peer does this mode, and the research code (csong27/ml-model-remember) needs Python 2, Theano and Lasagne, which no
longer install; so the numbers are absolute. One rule of that code is measured beside ours on the same planted model:
it reads correlated values by the smallest and largest parameter of each picture, ours by values that both sides know.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from momus.core.registry import get_probe
from momus.methods import hidden_data, hidden_records
from momus.zoo.provider import _systems as systems


def _best(call: Callable[[], Any], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _channels() -> list[dict[str, Any]]:
    """Writing and reading 16 low bits and one sign of ten million numbers."""
    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=10_000_000).astype(np.float32)}
    bits = rng.integers(0, 2, 16 * 10_000_000).astype(np.uint8)
    planted = hidden_data.put_low_bits(values, bits, 16)
    assert (hidden_data.get_low_bits(planted, 16) == bits).all()
    term = hidden_data.sign_term(bits[:10_000_000], 1.0)
    line = hidden_data.correlation_term(rng.random(10_000_000), 1.0)
    flat = values["w"]
    steps = {
        "low bits: write 160 Mbit": lambda: hidden_data.put_low_bits(values, bits, 16),
        "low bits: read 160 Mbit": lambda: hidden_data.get_low_bits(planted, 16),
        "signs: slope of the term, one step": lambda: term(flat),
        "correlation: slope of the term, one step": lambda: line(flat),
    }
    return [{"what": f"{name}, 10,000,000 numbers", "seconds": _best(call)} for name, call in steps.items()]


@cache
def _system() -> tuple[Any, dict[str, Any]]:
    import torch

    torch.set_num_threads(1)
    data = systems.pictures(1000, 500)
    hook = systems.recipe(lambda: systems.dense(64, (160,), 10), epochs=12)
    return systems.target(hook, data, 0, "digits"), data


def _probes() -> list[dict[str, Any]]:
    """The four probes on a dense network for digits, 12,010 numbers."""
    target, data = _system()
    rows = []
    for name in ("low_bits", "signs", "correlation", "synthetic"):
        m = get_probe(f"provider.{name}")(target, **data)
        figures = {f.name: f.value for f in m.figures}
        rows.append(
            {
                "what": f"provider.{name}, dense network for digits, 12,010 numbers",
                "seconds": m.cost.seconds,
                "records": m.value,
                "mean absolute error, of 255": figures.get("mean_absolute_error"),
                "points of accuracy lost": 100 * figures.get("accuracy_cost", 0.0),
            }
        )
    return rows


def _reading() -> list[dict[str, Any]]:
    """One network pulled into line with 60 digits, read by two rules."""
    target, data = _system()
    all_rows = hidden_records.records_of(data["train"])
    sent, others = all_rows.take(slice(60)), all_rows.take(slice(60, None))
    values = hidden_records.to_values(sent)
    laid = hidden_data.with_pilots(values.reshape(-1), 1)
    train = data["train"]
    made = target.retrain_under(train.x, train.y, seed=0, term=hidden_data.correlation_term(laid, 3.0))
    flat = hidden_data.laid_out(made.parameters())
    table = flat[: len(laid)].reshape(-1, 32)[:, 1:].reshape(-1)[: values.size].reshape(values.shape)
    spread = np.maximum(table.max(axis=1, keepdims=True) - table.min(axis=1, keepdims=True), 1e-12)
    upright = (table - table.min(axis=1, keepdims=True)) / spread
    by_extremes = max(
        (upright, 1 - upright), key=lambda v: hidden_records.came_back(_as_records(v, sent), sent, others).count
    )  # the research code's user looks at the pictures and turns them over where they are negatives
    ours = hidden_data.get_values(flat, values.size, 1).reshape(values.shape)
    rows = []
    for name, found in (("by the extremes of each picture", by_extremes), ("by known values", ours)):
        back = hidden_records.came_back(_as_records(found, sent), sent, others)
        rows.append(
            {
                "what": f"60 digits read {name}",
                "records": float(back.count),
                "mean absolute error, of 255": 255 * float(back.error.mean()),
            }
        )
    ratio = rows[1]["mean absolute error, of 255"] / rows[0]["mean absolute error, of 255"]
    rows[1]["ratio of the errors"] = ratio
    return rows


def _as_records(values: Any, like: hidden_records.Records) -> hidden_records.Records:
    return hidden_records.from_values(values, like)


def rows() -> list[dict[str, Any]]:
    """One row a measurement; time is wall clock, one thread."""
    return [*_channels(), *_probes(), *_reading()]


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
