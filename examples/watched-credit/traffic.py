"""Writes requests.jsonl: what forty brokers ask a served model about real clients, with trouble in the second half.

``python traffic.py calm`` leaves the trouble out. ``drift``: from request 2,500 on only clients with a small credit
come, as after a campaign for them. ``probing``: one broker sends one client again and again, each time with
another payment changed a little: a search for the border as ``perturbation.table`` does it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from xgboost import XGBClassifier

from data import traffic

HERE = Path(__file__).resolve().parent
BEGAN = 1_790_000_000.0
BILLS = ("LIMIT_BAL", "BILL_AMT", "PAY_AMT")


def main(kind: str = "drift", path: Path = HERE / "requests.jsonl") -> None:
    rng = np.random.default_rng(0)
    samples = traffic()
    names, half = [c.name for c in samples.columns], len(samples) // 2
    if kind == "drift":
        small = samples.x[:, names.index("LIMIT_BAL")] <= 100_000
        samples = samples.take(np.flatnonzero(small | (np.arange(len(samples)) < half)))
    x = samples.x.copy()
    caller = rng.integers(0, 40, len(x))
    model = XGBClassifier()
    model.load_model(HERE.parent / "credit-default" / "model.json")
    if kind == "probing":
        asked = np.flatnonzero(rng.random(len(x) - half) < 0.2) + half
        x[asked], caller[asked] = _search(x[half], names, len(asked), rng), 7
    p = model.predict_proba(x)
    moment = BEGAN + np.cumsum(rng.exponential(4.0, len(x)))
    with open(path, "w") as out:
        for i, row in enumerate(x):
            event = {
                "time": round(float(moment[i]), 3),
                "caller": f"broker-{caller[i]:02d}",
                "input": {c.name: _said(c.categories, v) for c, v in zip(samples.columns, row, strict=True)},
                "output": [round(float(v), 4) for v in p[i]],
                "seconds": round(float(rng.lognormal(-5, 0.3)), 5),
                "status": 200,
                "version": "2005-1",
            }
            if rng.random() < 0.2:  # what became of the client is known for one in five by now
                event["label"] = samples.classes[int(samples.y[i])]
            out.write(json.dumps(event) + "\n")
    print(f"{path.name}: {len(x):,} requests, {kind}")


def _search(row: np.ndarray, names: list[str], n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` near copies of one client: a payment or a bill changed by a few per cent."""
    out = np.repeat(row[None], n, axis=0)
    money = [j for j, name in enumerate(names) if name.startswith(BILLS)]
    at = rng.choice(money, n)
    out[np.arange(n), at] = np.round(out[np.arange(n), at] * rng.uniform(0.9, 1.1, n) + rng.integers(-500, 500, n))
    return out


def _said(categories: tuple[str, ...], value: float) -> str | float:
    return categories[int(value)] if categories else float(value)


if __name__ == "__main__":
    main(*sys.argv[1:2])
