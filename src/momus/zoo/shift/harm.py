"""Twins for shift.harm: shifts that cost accuracy, and shifts just as visible that cost none."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.shift._data_worlds import clips, fitted, machines, reviews, spots


def cases(seed: int) -> tuple[Case, ...]:
    """Planted, without labels: rows near the boundary, older machines, vaguer texts, closer tones, harder classes;
    with labels: heat that came to mean the opposite. Clean: a meaningless column moved, fresh rows of each kind.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    n = int(rng.integers(2500, 4000))
    line = fitted(LogisticRegression(), machines(3000, rng), "line")
    forest = fitted(RandomForestClassifier(30, min_samples_leaf=5, random_state=seed), machines(3000, rng), "forest")
    reader = fitted(LogisticRegression(C=3), reviews(1500, rng), "reader")
    eye = fitted(LogisticRegression(C=0.01, max_iter=2000), spots(2500, rng), "eye")
    ear = fitted(LogisticRegression(C=0.1, max_iter=2000), clips(2500, rng), "ear")
    test = machines(n, rng, name="test")
    close = machines(n, rng, name="current", near=rng.uniform(0.6, 0.8), labelled=False)
    older = machines(n, rng, name="current", moved=(0, 0, rng.uniform(1.2, 1.6), 0, 0), near=0.4, labelled=False)
    vague = reviews(n, rng, telling=(0, 2), labelled=False)
    alike = clips(n, rng, gap=rng.uniform(0, 10), labelled=False)
    hard = spots(n, rng, mix=(0.02, 0.02, 0.48, 0.48), labelled=False)
    turned = machines(n, rng, name="current", turned=True)
    idle = machines(n, rng, name="current", moved=(0, 0, 0, 0, rng.uniform(0.5, 1)), labelled=False)
    return (
        Case("rows near the boundary", True, line, {"test": test, "current": close}),
        Case("a meaningless column moved", False, line, {"test": test, "current": idle}),
        Case("fresh rows", False, forest, {"test": test, "current": machines(n, rng, labelled=False)}),
        Case("older machines", True, forest, {"test": test, "current": older}, held_out=True),
        Case("heat means the opposite, labelled", True, line, {"test": test, "current": turned}, held_out=True),
        Case("vaguer texts", True, reader, {"test": reviews(n, rng), "current": vague}),
        Case("fresh texts", False, reader, {"test": reviews(n, rng), "current": reviews(n, rng, labelled=False)}),
        Case("harder classes", True, eye, {"test": spots(n, rng), "current": hard}, held_out=True),
        Case("fresh pictures", False, eye, {"test": spots(n, rng), "current": spots(n, rng)}, held_out=True),
        Case("tones closer together", True, ear, {"test": clips(n, rng), "current": alike}, held_out=True),
        Case("fresh sound", False, ear, {"test": clips(n, rng), "current": clips(n, rng, labelled=False)}),
    )
