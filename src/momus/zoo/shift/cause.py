"""Twins for shift.cause: relations that changed, and losses that moved inputs or another mix of classes explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.zoo import Case
from momus.zoo.shift._data_worlds import clips, fitted, machines, reviews, spots


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: heat weakened or reversed while ages move, irony, two kinds of spots that changed names, tones whose
    meaning is drawn anew. Clean: rows near the boundary, more failures, vaguer texts, harder classes, fresh sound.
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
    test, written, seen, heard = machines(n, rng), reviews(n, rng), spots(n, rng), clips(n, rng)
    turned = machines(n, rng, moved=(0, 0, rng.uniform(0.3, 0.7), 0, 0), turned=True)
    weak = machines(n, rng, turned=rng.uniform(1.3, 1.7))
    renamed = spots(n, rng)
    swapped = replace(renamed, y=np.array([1, 0, 2, 3])[np.asarray(renamed.y)])
    guessed = clips(n, rng)
    anew = np.where(rng.random(n) < rng.uniform(0.4, 0.6), rng.integers(0, 2, n), np.asarray(guessed.y))
    close = machines(n, rng, near=rng.uniform(0.3, 0.5))
    more = machines(n, rng, failures=rng.uniform(0.75, 0.85))
    return (
        Case("heat means the opposite", True, line, {"test": test, "current": turned}),
        Case("rows near the boundary", False, line, {"test": test, "current": close}),
        Case("heat weakened", True, forest, {"test": test, "current": weak}, held_out=True),
        Case("more failures", False, forest, {"test": test, "current": more}, held_out=True),
        Case("irony", True, reader, {"test": written, "current": reviews(n, rng, ironic=rng.uniform(0.2, 0.4))}),
        Case(
            "vaguer texts", False, reader, {"test": written, "current": reviews(n, rng, telling=(1, 4))}, held_out=True
        ),
        Case("names changed", True, eye, {"test": seen, "current": swapped}, held_out=True),
        Case("harder classes", False, eye, {"test": seen, "current": spots(n, rng, mix=(0.1, 0.1, 0.4, 0.4))}),
        Case("meaning drawn anew", True, ear, {"test": heard, "current": replace(guessed, y=anew)}, held_out=True),
        Case("fresh sound", False, ear, {"test": heard, "current": clips(n, rng)}),
    )
