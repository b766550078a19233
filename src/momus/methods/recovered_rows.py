"""Did a client's rows come back? Each reconstruction is shown a line-up of the true rows among strangers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray

LINE_UP = 100  # strangers and one: for each true row, so that guessing finds it once in a hundred
NEAR = 0.01  # root mean square error, in ranges of the numbers, below which a row counts as come back whole


@dataclass(frozen=True)
class Seen:
    """``found`` (b,) whether each true row was picked; ``error`` (b,) the root mean square error of its
    reconstruction, in the rows' own units, and ``match`` which one that is."""

    found: NumpyArray
    error: NumpyArray
    match: NumpyArray


def line_up(made: NumpyArray, true: NumpyArray, strangers: NumpyArray, spread: NumpyArray, *, shape: bool) -> Seen:
    """``made`` (j, d) reconstructions of ``true`` (b, d), among ``strangers`` (q, d), at most 99 for each true row.

    A true row is found where it is nearest of all to some reconstruction: by the angle between the rows less their
    means (``shape``, for images, whose contrast is often lost), else by the distance in standard deviations ``spread``
    (d,). With 99 strangers a row somebody who guesses finds one in a hundred.
    """
    pool = np.concatenate([true, strangers[: (LINE_UP - 1) * len(true)]])
    apart = distances(made, pool, spread, shape=shape)
    picked = apart.argmin(1) if len(made) else np.zeros(0, dtype=int)
    found = np.isin(np.arange(len(true)), picked)
    error, match = np.full(len(true), np.inf), np.full(len(true), -1)
    if len(made):
        rows, columns = scipy.optimize.linear_sum_assignment(apart[:, : len(true)])
        match[columns] = rows
        error[columns] = np.sqrt(((made[rows] - true[columns]) ** 2).mean(1))
    return Seen(found, error, match)


def distances(a: NumpyArray, b: NumpyArray, spread: NumpyArray, *, shape: bool) -> NumpyArray:
    """(len(a), len(b)) between rows: 1 less the correlation, or the distance in standard deviations."""
    if shape:
        one, two = (x - x.mean(1, keepdims=True) for x in (a, b))
        one, two = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (one, two))
        return np.asarray(1 - one @ two.T)
    scaled = [x / np.where(spread > 0, spread, 1.0) for x in (a, b)]
    return np.asarray(scipy.spatial.distance.cdist(*scaled))


def chance(batch: int, strangers: int) -> float:
    """The share of true rows that a guesser finds in such line-ups."""
    pool = batch + min(strangers, (LINE_UP - 1) * batch)
    return float(1 - (1 - 1 / pool) ** batch)


Counter = Callable[[Mapping[str, NumpyArray], np.random.Generator], dict[str, NumpyArray]]


def noisy(share: float) -> Counter:
    """Gaussian noise on each number, of a standard deviation that is a share of the whole update's length.

    What a client does that clips to length C and adds noise C * ``share``, as in DP-SGD, where the update has length C.
    """

    def change(sent: Mapping[str, NumpyArray], rng: np.random.Generator) -> dict[str, NumpyArray]:
        length = np.sqrt(sum(float((a.astype(float) ** 2).sum()) for a in sent.values()))
        return {k: (a + share * length * rng.normal(size=a.shape)).astype(a.dtype) for k, a in sent.items()}

    return change


def bits(count: int) -> Counter:
    """Each array rounded to as many levels as ``count`` bits tell apart; one bit keeps the sign alone."""

    def change(sent: Mapping[str, NumpyArray], _rng: np.random.Generator) -> dict[str, NumpyArray]:
        out = {}
        for k, a in sent.items():
            most = float(np.abs(a).max(initial=0.0))
            if count == 1 or not most:
                out[k] = (np.sign(a) * np.abs(a).mean()).astype(a.dtype) if a.size else a
            else:
                step = most / (2 ** (count - 1) - 1)
                out[k] = (np.round(a / step) * step).astype(a.dtype)
        return out

    return change


def largest(share: float) -> Counter:
    """Only that share of the numbers, the largest of all arrays together; the others are sent as 0."""

    def change(sent: Mapping[str, NumpyArray], _rng: np.random.Generator) -> dict[str, NumpyArray]:
        sizes = np.concatenate([np.abs(a).reshape(-1) for a in sent.values()])
        keep = max(1, round(share * len(sizes)))
        cut = np.partition(sizes, len(sizes) - keep)[len(sizes) - keep]
        return {k: np.where(np.abs(a) >= cut, a, 0.0).astype(a.dtype) for k, a in sent.items()}

    return change


COUNTERS: Mapping[str, Counter] = {
    "noise 1 % of its length": noisy(0.01),
    "noise 10 % of its length": noisy(0.1),
    "noise of its length": noisy(1.0),
    "8 bits a number": bits(8),
    "1 bit a number": bits(1),
    "largest 10 %": largest(0.1),
    "largest 1 %": largest(0.01),
}
