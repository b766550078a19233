"""Twins for inversion.attribute: models that remember whose answer was what, and models from which it cannot be read.

In some of the clean ones the sensitive answer can be guessed nine times out of ten, from the other columns: no leak.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, target

ANSWERS = ("never", "once", "often")
NUMBERS = ("age", "income", "hours", "rent")
_CUTS = {2: (0.0,), 5: (-1.6, -0.5, 0.5, 1.6)}


def survey(
    n: int,
    rng: np.random.Generator,
    *,
    k: int = 2,
    tied: float = 0.5,
    told: float = 1.0,
    noise: float = 1.0,
    classes: int = 2,
    name: str = "",
) -> Samples:
    """``n`` answers to a survey: numbers, a town, and the sensitive answer in k values.

    ``tied``: how strongly the answer hangs on the other columns. ``told``: how strongly the class hangs on the answer.
    """
    x = rng.normal(size=(n, len(NUMBERS)))
    town = rng.integers(0, 4, n)
    lean = tied * (x[:, 0] - 0.7 * x[:, 1] + 0.5 * (town == 2)) + rng.normal(size=n)
    secret = np.digitize(lean, np.quantile(lean, np.arange(1, k) / k)).astype(float)
    signal = x @ np.array([0.6, 0.4, -0.7, 0.0]) + told * (secret - (k - 1) / 2) + noise * rng.normal(size=n)
    columns = (
        *(Column(c, ColumnKind.NUMERIC) for c in NUMBERS),
        Column("town", ColumnKind.CATEGORICAL, categories=("north", "east", "south", "west")),
        Column(
            "answer", ColumnKind.CATEGORICAL if k > 2 else ColumnKind.BINARY, categories=ANSWERS[:k], sensitive=True
        ),
    )
    return Samples(
        x=np.column_stack([x, town, secret]),
        y=np.digitize(signal, _CUTS[classes]),
        name=name or "survey",
        columns=columns,
        classes=("content", "discontent") if classes == 2 else tuple(f"{i} of {classes}" for i in range(classes)),
    )


def blind(model: Any, samples: Samples) -> Any:
    """A pipeline that never looks at the last column."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    seen = make_column_transformer(("passthrough", list(range(samples.x.shape[1] - 1))))
    return fitted(make_pipeline(seen, model), samples, "blind")


def split_groups(samples: Samples) -> Samples:
    """The same rows with the answer in one column for each value."""
    codes = samples.x[:, -1].astype(int)
    k = len(samples.columns[-1].categories)
    named = tuple(
        Column(f"answer_{a}", ColumnKind.BINARY, 0.0, 1.0, one_hot="answer", sensitive=True) for a in ANSWERS[:k]
    )
    x: NumpyArray = np.column_stack([samples.x[:, :-1], np.eye(k)[codes]])
    return replace(samples, x=x, columns=(*samples.columns[:-1], *named))


def cases(seed: int) -> tuple[Case, ...]:
    """Neighbours, forests and networks that hold on to whole rows; a line, coarse trees and blind models."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = survey(1500, rng, name="train"), survey(2000, rng, name="test")
    tied, fresh = survey(1500, rng, tied=3.0, name="train"), survey(2000, rng, tied=3.0, name="test")
    three, more = survey(1500, rng, k=3, name="train"), survey(2000, rng, k=3, name="test")
    hot, other = split_groups(three), split_groups(more)
    near = KNeighborsClassifier(10, weights="distance")
    forest = RandomForestClassifier(60, random_state=seed, max_features=None)
    extra = ExtraTreesClassifier(60, random_state=seed, max_features=None)
    tree = DecisionTreeClassifier(min_samples_leaf=100, random_state=seed)
    return (
        Case("neighbours that know a row again", True, fitted(near, train, "near"), {"train": train, "test": test}),
        Case("forest, one column a value", True, fitted(extra, hot, "extra"), {"train": hot, "test": other}),
        Case("line", False, fitted(LogisticRegression(), train, "line"), {"train": train, "test": test}),
        Case("tied answers, coarse tree", False, fitted(tree, tied, "tree"), {"train": tied, "test": fresh}),
        Case("forest, three values", True, fitted(forest, three, "forest"), {"train": three, "test": more},
             held_out=True),
        Case("forest that never saw it", False, blind(forest, train), {"train": train, "test": test}, held_out=True),
        Case("naive Bayes", False, target(GaussianNB().fit(three.x, three.y), three, "bayes"),
             {"train": three, "test": more}, held_out=True),
    )  # fmt: skip
