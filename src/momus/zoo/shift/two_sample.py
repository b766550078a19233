"""Twins for shift.two_sample: columns, categories or labels that moved, and second draws from the same world."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people, with_x


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: one mean, one mix of categories, the labels, one spread. Clean: fresh rows, plain and heavy-tailed."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train, test = people(4000, rng, name="train"), people(4000, rng, name="test")
    model = fitted(LogisticRegression(), train, "line")
    moved = with_x(test, "income", test.x[:, 0] + 0.6)
    spread = with_x(test, "debt", test.x[:, 1] * 2.2)
    mixed = people(4000, rng, name="test", site_mix=(0.2, 0.3, 0.5))
    positive = np.flatnonzero(test.y == 1)
    relabelled = test.take(np.sort(np.concatenate([positive, rng.choice(len(test), 1000, replace=False)])))
    heavy, tails = people(4000, rng, name="train", heavy=True), people(4000, rng, name="test", heavy=True)
    return (
        Case("income moved", True, model, {"train": train, "test": moved}),
        Case("fresh rows", False, model, {"train": train, "test": test}),
        Case("other sites", True, model, {"train": train, "test": mixed}, held_out=True),
        Case("more positives", True, model, {"train": train, "test": relabelled}, held_out=True),
        Case("debt spread out", True, model, {"train": train, "test": spread}, held_out=True),
        Case("heavy tails, fresh rows", False, model, {"train": heavy, "test": tails}, held_out=True),
    )
