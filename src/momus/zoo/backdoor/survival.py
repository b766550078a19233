"""Twins for backdoor.survival: a reader of the digits 0 to 4, tuned to read 5 to 9.

The backdoor always takes before the tuning. Where the last layer alone is tuned, the units that see the sign are still
there. Where everything is tuned on pictures whose edge is full of noise, they are unlearned: there the sign means
nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case, Later
from momus.zoo.backdoor import _learners as learners


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: the last layer tuned; everything tuned gently. Clean: everything tuned on noisy edges."""
    low, high = _halves(seed)
    noisy = _with_noise(high, seed)

    @cache
    def reader(width: int) -> Any:
        return learners.network(low["train"], seed, epochs=10, width=width)

    net, wide = Later(partial(reader, 32)), Later(partial(reader, 64))
    common = {"size": 0.03, "epochs": 6.0, "asked": 250, "retrainings": 5}
    full = {**common, "way_of_tuning": "full"}
    plain, rough = {**low, "transfer": high}, {**low, "transfer": noisy}
    return (
        Case("the last layer tuned", True, net, plain, common),
        Case("everything tuned on noisy edges", False, net, rough, full),
        Case("everything tuned gently", True, wide, plain, {**full, "tuning_rate": 0.05}, held_out=True),
        Case("a wider one on noisy edges", False, wide, rough, {**full, "trigger": "pattern"}, held_out=True),
    )


def _halves(seed: int) -> tuple[dict[str, Samples], Samples]:
    """The digits below 5 as train and test, the others as one set."""
    parts = learners.digits(seed, 1100, 600)
    low = {role: _only(s, np.asarray(s.y) < 5, s.classes[:5], 0) for role, s in parts.items()}
    both = [_only(s, np.asarray(s.y) >= 5, s.classes[5:], 5) for s in parts.values()]
    x, y = (np.concatenate([np.asarray(getattr(s, what)) for s in both]) for what in ("x", "y"))
    return low, replace(both[0], x=x, y=y, name="transfer")


def _only(s: Samples, rows: NumpyArray, classes: tuple[str, ...], first: int) -> Samples:
    part = s.take(rows)
    return replace(part, y=np.asarray(part.y) - first, classes=classes)


def _with_noise(s: Samples, seed: int) -> Samples:
    """Three in ten pixels of the edge, two pixels wide, are white at random."""
    rng = np.random.default_rng([seed, 11])
    edge = np.ones(s.x.shape[1:3], bool)
    edge[2:-2, 2:-2] = False
    x = s.x.copy()
    x[:, edge] = 255 * (rng.random((len(x), int(edge.sum()), 1)) < 0.3)
    return replace(s, x=x)
