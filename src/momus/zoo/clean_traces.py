"""Trains clean models of several recipes and writes the statistics of their parameters for ``provider.traces``.

python -m momus.zoo.clean_traces      (some minutes; the same table from the same versions)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import momus.methods
from momus.methods.traces import describe
from momus.zoo.provider import _systems as systems

HOME = Path(momus.methods.__file__).with_name("traces_clean.json")


def models() -> Iterator[tuple[str, Any]]:
    """(what it is, its parameters): dense, convolving and linear networks of torch, networks of scikit-learn."""
    from sklearn.neural_network import MLPClassifier

    digits = systems.pictures(1000, 10)["train"]
    for seed in range(8):
        rng = np.random.default_rng(seed)
        tables = [systems.people_pair(rng, classes=k)["train"] for k in (2, 5)]
        for rate, kind in ((3e-3, "adam"), (0.05, "sgd"), (1e-3, "adamw")):
            width = int(rng.choice([32, 64, 128, 256]))
            built: dict[str, tuple[Any, Any]] = {
                f"dense {width} on digits": (digits, partial(systems.dense, 64, (width,), 10)),
                f"dense {width}, {width // 2}": (tables[0], partial(systems.dense, 8, (width, width // 2), 2)),
                f"convolving {width // 8} on digits": (digits, partial(systems.convolving, width // 8, width, 10)),
                "linear on digits": (digits, partial(systems.dense, 64, (), 10)),
            }
            for name, (data, build) in built.items():
                train = systems.recipe(build, epochs=int(rng.integers(3, 16)), rate=rate, kind=kind)
                made = systems.target(train, {"train": data}, seed, name)
                yield f"torch, {name}, {kind}, seed {seed}", made.parameters()
        for data, x in ((tables[1], tables[1].x), (digits, digits.x.reshape(len(digits), -1) / 255)):
            net = MLPClassifier((64,), max_iter=60, random_state=seed).fit(x, data.y)
            held = {f"w{i}": w for i, w in enumerate([*net.coefs_, *net.intercepts_])}
            yield f"scikit-learn, dense 64, {data.name}, seed {seed}", held


def main() -> None:
    """Write the table."""
    found = [(name, describe(values)) for name, values in models()]
    names = sorted({k for _, s in found for k in s if k.startswith("all: ")})
    rows = [{"model": n, "values": [round(s[k], 5) for k in names]} for n, s in found if all(k in s for k in names)]
    table = {"made_by": "python -m momus.zoo.clean_traces", "statistics": names, "models": rows}
    lines = [f"  {json.dumps(r)}" for r in rows]
    head = json.dumps({k: v for k, v in table.items() if k != "models"})[:-1]
    HOME.write_text(head + ', "models": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    print(f"{len(rows)} clean models, {len(names)} statistics: {HOME}")


if __name__ == "__main__":
    main()
