"""Which labels are wrong? Confident learning (Northcutt, Jiang & Chuang, arXiv:1911.00068), restated.

Every class has a threshold, the mean probability that rows carrying its label are given. A row belongs confidently to
the most probable class among those whose threshold it reaches. Counting given against confident classes, and scaling
the counts to the classes' sizes, estimates the joint distribution of given and true labels; what lies off its diagonal
are label errors. The probabilities must come from a model that did not see the row's label, and from another one than
the model that is to be judged: a model's own confident error looks exactly like a wrong label to itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from momus.core.samples import NumpyArray

ROWS = 65_536
NONE = -1


@dataclass(frozen=True)
class Joint:
    """``counts`` (k, k): rows with given label i (first index) and true label j, estimated; they sum to n.

    ``thresholds`` (k,) is infinite for a class without rows. ``confident`` (n,) is each row's confident class, or -1.
    """

    counts: NumpyArray
    thresholds: NumpyArray
    confident: NumpyArray

    @property
    def noise_rate(self) -> float:
        """Estimated share of rows whose label is wrong."""
        total = float(self.counts.sum())
        return 1.0 - float(np.trace(self.counts)) / total if total else 0.0


@dataclass(frozen=True)
class Suspects:
    """``wrong`` (n,) marks labels that are probably wrong, ``likely`` (n,) is the most probable class of each row."""

    wrong: NumpyArray
    likely: NumpyArray
    joint: Joint


def joint(probabilities: NumpyArray, labels: NumpyArray) -> Joint:
    """The estimated joint of given and true labels.

    ``probabilities`` (n, k), out of fold; ``labels`` (n,) integers in 0..k-1. Two passes over the array in blocks of
    65,536 rows. ValueError where the shapes disagree.
    """
    _check(probabilities, labels)
    n, k = probabilities.shape
    own = _own(probabilities, labels)
    sizes = np.bincount(labels, minlength=k)
    with np.errstate(invalid="ignore", divide="ignore"):
        limits = np.where(sizes > 0, np.bincount(labels, weights=own, minlength=k) / sizes, np.inf)
    confident = np.empty(n, dtype=np.int64)
    for start in range(0, n, ROWS):
        confident[start : start + ROWS] = _confident(np.asarray(probabilities[start : start + ROWS]), limits)
    return Joint(_scaled(labels, confident, sizes), limits, confident)


def find(
    probabilities: NumpyArray, labels: NumpyArray, *, method: Literal["confident", "noise_rate"] = "noise_rate"
) -> Suspects:
    """Labels that are probably wrong.

    ``confident``: every row whose confident class is not its label. ``noise_rate``: for each pair of classes as many
    rows as the joint says, those that prefer the other class by most. Either way the label must not be the most
    probable class. Cost: linear in n k.
    """
    found = joint(probabilities, labels)
    likely = np.concatenate(
        [
            np.asarray(probabilities[i : i + ROWS]).argmax(axis=1).astype(np.int64)
            for i in range(0, max(len(labels), 1), ROWS)
        ]
    )
    differs = likely != labels
    if method == "confident":
        return Suspects(differs & (found.confident != labels) & (found.confident != NONE), likely, found)
    return Suspects(_by_noise_rate(probabilities, labels, differs, found.counts), likely, found)


def _by_noise_rate(p: NumpyArray, labels: NumpyArray, differs: NumpyArray, counts: NumpyArray) -> NumpyArray:
    wrong = np.zeros(len(labels), dtype=bool)
    rows = np.flatnonzero(differs)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    given = labels[rows]
    for i in np.unique(given):
        mine = rows[np.searchsorted(given, i) : np.searchsorted(given, i, side="right")]
        margin = np.asarray(p[mine], dtype=np.float32)
        margin = margin - margin[:, [i]]
        for j in np.flatnonzero(counts[i] >= 0.5):
            if j == i:
                continue
            column = margin[:, j]
            most = min(round(float(counts[i, j])), int((column > 0).sum()))
            if most:
                wrong[mine[np.argpartition(-column, most - 1)[:most]]] = True
    return wrong


def _confident(p: NumpyArray, limits: NumpyArray) -> NumpyArray:
    """The most probable class among those that reach their threshold; -1 where none does."""
    at = np.arange(len(p))
    best = p.argmax(axis=1)
    out: NumpyArray = best.astype(np.int64)
    # Where the most probable class reaches its own threshold, it is the answer; only the others need a search.
    open_ = np.flatnonzero(p[at, best] < limits[best] - 1e-6)
    if len(open_):
        part = np.where(p[open_] >= limits - 1e-6, p[open_], -1.0)
        second = part.argmax(axis=1)
        out[open_] = np.where(part[np.arange(len(open_)), second] < 0, NONE, second)
    return out


def _scaled(labels: NumpyArray, confident: NumpyArray, sizes: NumpyArray) -> NumpyArray:
    """Counts of given against confident classes, each row scaled to the number of rows with that label."""
    k = len(sizes)
    known = confident != NONE
    counts = np.bincount(labels[known] * k + confident[known], minlength=k * k).reshape(k, k).astype(float)
    empty = counts.sum(axis=1) == 0
    counts[empty, np.flatnonzero(empty)] = 1.0
    scaled: NumpyArray = counts / counts.sum(axis=1, keepdims=True) * sizes[:, None]
    return scaled


def _own(p: NumpyArray, labels: NumpyArray) -> NumpyArray:
    return np.asarray(p[np.arange(len(labels)), labels], dtype=np.float64)


def _check(p: NumpyArray, labels: NumpyArray) -> None:
    if p.ndim != 2 or len(p) != len(labels):
        raise ValueError(f"{p.shape} probabilities for {len(labels)} labels")
    if len(labels) and (labels.min() < 0 or labels.max() >= p.shape[1]):
        raise ValueError(f"labels from {labels.min()} to {labels.max()} for {p.shape[1]} classes")


def planted(
    labels: NumpyArray, among: NumpyArray, counts: NumpyArray, share: float, rng: np.random.Generator
) -> tuple[NumpyArray, NumpyArray]:
    """Labels of which some are turned wrong on purpose, and the numbers of the rows that were turned.

    ``among`` are the rows that may be turned, ``share`` of them are (at least one where there are any). Half of them
    get any other class, half are confused as the joint ``counts`` says that annotators confuse classes.
    """
    k = len(counts)
    out = labels.copy()
    if not len(among) or k < 2:
        return out, np.zeros(0, dtype=np.int64)
    rows = np.sort(rng.choice(among, size=max(1, round(share * len(among))), replace=False))
    off = counts * (1 - np.eye(k))
    even = 1 - np.eye(k)
    total = off.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, off / np.maximum(total, 1e-12), even / (k - 1))
    weights = (weights + even / (k - 1)) / 2
    ends = np.cumsum(weights, axis=1)[labels[rows]]
    out[rows] = np.minimum((rng.random((len(rows), 1)) * ends[:, -1:] >= ends).sum(axis=1), k - 1)
    same = out[rows] == labels[rows]
    out[rows[same]] = (labels[rows[same]] + 1) % k
    return out, rows
