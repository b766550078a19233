"""A small served system with a log whose second half has moved, and windows made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from momus.core.records import Interval
from momus.monitor.alarms import Standing
from momus.monitor.detector import Reading
from momus.monitor.sinks import Closed

CODE = """
import numpy as np

def good(x):
    p = 1 / (1 + np.exp(-3 * (x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def broken(x):
    raise RuntimeError("no weights")
"""
BEGAN = 1_790_000_000.0


def rows(n: int, seed: int, moved: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) + np.array([moved, 0.0])
    return x, np.where(x[:, 0] - x[:, 1] + rng.normal(scale=0.3, size=n) > 0, "yes", "no")


def write_log(path: Path, n: int, *, moved_from: int | None = None, seed: int = 9, broken: int = 0) -> None:
    """``n`` events of forty callers; from event ``moved_from`` on the first column has moved."""
    x, label = rows(n, seed)
    if moved_from is not None:
        x[moved_from:, 0] += 1.5
    p = 1 / (1 + np.exp(-3 * (x[:, 0] - x[:, 1])))
    lines = [
        json.dumps({"time": BEGAN + i, "caller": f"secret-name-{i % 40}", "input": {"a": round(a, 5), "b": round(b, 5)},
                    "output": [round(1 - q, 5), round(q, 5)], "status": 200, "label": y})
        for i, (a, b, q, y) in enumerate(zip(x[:, 0], x[:, 1], p, label, strict=True))
    ]  # fmt: skip
    lines[10:10] = ["this is no event"] * broken
    path.write_text("\n".join(lines) + "\n")


def write_watched(folder: Path, function: str = "good", n: int = 1500, **monitor: Any) -> Path:
    """A card with model, data and a ``monitor`` section in ``folder``; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(CODE)
    for seed, name in enumerate(("train", "test")):
        x, label = rows(n, seed)
        lines = [f"{a:.5f},{b:.5f},{y}" for (a, b), y in zip(x, label, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    target = {"name": "model", "adapter": "callable", "factory": f"model.py:{function}", "classes": ["no", "yes"]}
    card = {
        "system": "small <b>",
        "facts": {"api.reach": "public", "model.output": "scores"},
        "targets": [{**target, "output": "probabilities"}],
        "data": {role: {"path": f"{role}.csv", "label": "label"} for role in ("train", "test")},
        "monitor": {"source": "requests.jsonl", "window": {"events": 500}, "one_false_alarm_in": 100,
                    "detectors": ["shift", "corruption", "supply_chain"], **monitor},
    }  # fmt: skip
    path = folder / "momus.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False))
    return path


def reading(value: float = 0.2, half: float = 0.05, n: int = 1000, p: float | None = 0.5, **more: Any) -> Reading:
    return Reading(value=value, ci=Interval(low=value - half, high=value + half), n=n, p=p, **more)


def window(number: int, name: str = "shift.inputs", *, news: str = "", alarm: bool = False, **more: Any) -> Closed:
    """Window ``number`` with one detector in it."""
    since = int(more.pop("since", number if news == "began" else 1)) if alarm else 0
    wealth = 6000.0 if alarm else 3.0
    standing = Standing(wealth, 5000.0, alarm, since, since, news, times=int(alarm or news == "ended"))  # type: ignore[arg-type]
    told = {"readings": {name: reading()}, "events": 1000, "start": BEGAN + number, "end": BEGAN + number + 0.5, **more}
    return Closed(number=number, standings={name: standing}, **told)


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., Path]:
    """Writes a system of one's own and returns its card."""
    return lambda function="good", **monitor: write_watched(tmp_path / "own", function, **monitor)
