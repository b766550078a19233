"""Would somebody who looks at the training rows see the made-up ones among them?"""

from __future__ import annotations

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import hidden_inputs, hidden_records
from momus.stats import intervals

ROWS = 1000


def caught(train: Samples, made_seed: int, count: int, seed: int) -> tuple[float, Interval]:
    """Share of the made-up rows further from every honest row than 99 in 100 honest rows are from another.

    A filter without any knowledge of the attack: the distance to the nearest of at most 1,000 honest rows.
    """
    if count == 0 or len(train) < 50:
        return 0.0, Interval(low=0.0, high=1.0, method="none")
    rng = np.random.default_rng(seed)
    honest = train.sample(2 * ROWS, rng)
    all_ = hidden_records.records_of(honest)
    half = len(all_) // 2
    known, asked = all_.take(slice(half)), all_.take(slice(half, None))
    made = hidden_inputs.made_up(train, count, made_seed)
    some = made[np.sort(rng.permutation(count)[:ROWS])]
    strange = hidden_records.records_of(_like(train, some), like=all_)
    edge = np.quantile(_nearest(asked, known), 0.99)
    hits = int((_nearest(strange, known) > edge).sum())
    return hits / len(some), intervals.wilson(hits, len(some))


def _like(train: Samples, x: NumpyArray) -> Samples:
    return Samples(x=x, columns=train.columns)


def _nearest(a: hidden_records.Records, b: hidden_records.Records) -> NumpyArray:
    return np.asarray(hidden_records.distances(a, b).min(axis=1))
