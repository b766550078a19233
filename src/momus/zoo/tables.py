"""Drawn tables of people, so that what is planted in them is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples

SITES = ("harbour", "hill", "market")
NUMBERS = ("income", "debt", "age", "visits", "balance", "score")


def people(
    n: int,
    rng: np.random.Generator,
    *,
    name: str = "data",
    noise: float = 1.0,
    heavy: bool = False,
    classes: int = 2,
    site_mix: tuple[float, float, float] = (0.5, 0.3, 0.2),
) -> Samples:
    """``n`` people: six numeric columns, a site and a sex; the class follows from a line through the numbers.

    ``noise`` is the standard deviation of what the columns do not tell. ``heavy`` draws Student t(3) columns.
    """
    x = rng.standard_t(3, (n, len(NUMBERS))) if heavy else rng.normal(size=(n, len(NUMBERS)))
    site = rng.choice(len(SITES), n, p=site_mix)
    sex = rng.integers(0, 2, n)
    signal = x @ np.array([1.0, -0.8, 0.5, 0.0, 0.6, 0.3]) / 1.5 + noise * rng.normal(size=n)
    if classes == 2:
        y = (signal > 0).astype(np.int64)
    else:
        y = np.clip(np.floor((signal + 2) / 4 * classes), 0, classes - 1).astype(np.int64)
    columns = (
        *(Column(c, ColumnKind.NUMERIC) for c in NUMBERS),
        Column("site", ColumnKind.CATEGORICAL, categories=SITES),
        Column("sex", ColumnKind.BINARY, categories=("female", "male"), immutable=True),
    )
    return Samples(
        x=np.column_stack([x, site, sex]).astype(float),
        y=y,
        name=name,
        columns=columns,
        classes=tuple(f"class {i}" for i in range(classes)),
        groups={"site": np.array(SITES)[site], "sex": np.array(["female", "male"])[sex]},
    )


def with_x(samples: Samples, column: str, values: NumpyArray) -> Samples:
    """The same rows with one column replaced."""
    from dataclasses import replace

    x = samples.x.copy()
    x[:, [c.name for c in samples.columns].index(column)] = values
    return replace(samples, x=x)


def target(model: Any, samples: Samples, name: str) -> Any:
    """A fitted scikit-learn model as a target with the table's classes."""
    from momus.targets import Target

    return Target.from_sklearn(model, name=name, classes=samples.classes, samples=samples)


def fitted(model: Any, samples: Samples, name: str) -> Any:
    """``model`` fitted on ``samples``, as a target."""
    assert samples.y is not None
    return target(model.fit(samples.x, samples.y), samples, name)
