"""Seconds to train 16 shadow models of boosted trees: on rows binned once, and one after another.

python -m benchmarks.bench_shadow_trees

Both train the same models on the same halves, the bookkeeping of targets included on both sides. CPU seconds of one
thread, least of three runs that take turns. Models with more trees than are trained together are measured all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from momus.methods.shadow_models import halves
from momus.targets import Target, trees_together

MODELS, RUNS = 16, 3
# rows, columns, trees: small; the size of the UCI credit data; a wide table
SIZES = ((5_000, 20, 20), (5_000, 20, 100), (30_000, 23, 20), (30_000, 23, 50), (30_000, 23, 100), (50_000, 100, 20))

NOTES = """
16 models, each on its half of the rows; two classes, a third of the columns with few values, defaults otherwise.
Binning is a fixed part of each model's training, so that less is saved the more trees are grown: models of more than 60
are trained one after another. scikit-learn's histogram trees take no binned rows; fed with
numbers of bins in place of values, training took as long or longer (1 % less to 21 % more).
"""


def table(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of normal numbers, a third of the columns rounded, and a noisy class."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    x[:, ::3] = np.round(x[:, ::3] * 5)
    return x, ((x[:, :5] * rng.normal(size=5)).sum(1) + rng.normal(size=rows) > 0).astype(int)


def booster(library: str, trees: int) -> Any:
    """The library's own estimator."""
    if library == "XGBoost":
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=trees, n_jobs=1)
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=trees, n_jobs=1, verbose=-1)


def seconds(ways: list[Callable[[], Any]]) -> list[tuple[float, Any]]:
    """Least CPU seconds of each way, in turns, and what its last run made."""
    found: list[list[float]] = [[] for _ in ways]
    made: list[Any] = [None] * len(ways)
    for _ in range(RUNS):
        for i, way in enumerate(ways):
            start = time.process_time()
            made[i] = way()
            found[i].append(time.process_time() - start)
    return [(min(f), m) for f, m in zip(found, made, strict=True)]


def rows() -> list[dict[str, Any]]:
    """One row for each library and size."""
    offered = trees_together.MOST_TREES
    try:
        trees_together.MOST_TREES = 10**9
        return [_row(name, size, offered) for size in SIZES for name in ("XGBoost", "LightGBM")]
    finally:
        trees_together.MOST_TREES = offered


def _row(library: str, size: tuple[int, int, int], offered: int) -> dict[str, Any]:
    n, columns, trees = size
    x, y = table(n + 2000, columns)
    x, y, test_x, test_y = x[:n], y[:n], x[n:], y[n:]
    target: Any = Target.from_sklearn(booster(library, trees).fit(x[:1000], y[:1000]))
    inside = halves(n, range(MODELS), 0)
    (ours, together), (theirs, apart) = seconds(
        [
            lambda: target.retrain_together(x, y, inside, seeds=range(MODELS)),
            lambda: [target.retrain(x[m], y[m], seed=i) for i, m in enumerate(inside)],
        ]
    )
    right = [float(np.mean([np.mean(m.predict(test_x) == test_y) for m in made])) for made in (together, apart)]
    return {
        "library": library,
        "rows": n,
        "columns": columns,
        "trees": trees,
        "cpu seconds, binned once": round(ours, 3),
        "one after another": round(theirs, 3),
        "Momus is faster by": round(theirs / ours, 2),
        "trained together": "yes" if trees <= offered else "no",
        "test accuracy": f"{right[0]:.3f} / {right[1]:.3f}",
    }


if __name__ == "__main__":
    from benchmarks.__main__ import table as page

    print(page(rows()))
