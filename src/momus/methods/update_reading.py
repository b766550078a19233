"""What a federated client's update says outright, without a search: how many rows of each class, and rows themselves.

Labels: Zhao et al. 2020 (iDLG, arXiv:2001.02610) and Wainakh et al. 2022 (arXiv:2105.09369). Rows through a dense layer
with a bias, whose two gradients differ by a factor that is the row: Phong et al. 2017; for several rows wherever a unit
is switched on by one of them alone: Boenisch et al. 2021 (arXiv:2112.02918).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from momus.core.samples import NumpyArray

Sent = Mapping[str, NumpyArray]
MOST_UNITS = 1024
ALIKE = 1e-2  # two readings of one row differ by less than this share of their size


def labels(sent: Sent, k: int, batch: int, usual: NumpyArray) -> NumpyArray:
    """(batch,) the classes of the client's rows, in rising order, from the gradient of the last layer's bias.

    Its entry c is the mean probability of c less the share of rows of class c. ``usual`` (k,) stands in for the mean
    probability. Where the last layer has no bias, the sums over its weights' rows take its place.
    """
    slope = _last(sent, k)
    if slope is None:
        return np.sort(np.argsort(-usual, kind="stable")[np.arange(batch) % k])
    if batch == 1:
        return np.array([int(slope.argmin())])
    left = batch * (usual - slope)
    found = []
    for _ in range(batch):
        c = int(left.argmax())
        found.append(c)
        left[c] -= 1.0
    return np.sort(np.array(found))


def _last(sent: Sent, k: int) -> NumpyArray | None:
    for a in reversed(list(sent.values())):
        if a.ndim == 1 and len(a) == k:
            return np.asarray(a, dtype=float)
        if k == 2 and a.size == 1:
            one = float(a.reshape(-1)[0])
            return np.array([-one, one])
        if a.ndim == 2 and a.shape[0] == k:
            sums = a.sum(1).astype(float)
            return np.asarray(sums / max(np.abs(sums[sums < 0]).sum(), 1e-12))
    return None


def pair(sent: Sent, size: int) -> tuple[NumpyArray, NumpyArray] | None:
    """Gradients of the first dense layer that reads all ``size`` numbers of a row and has a bias: (m, size), (m,)."""
    for weight, bias in pairwise(sent.values()):
        if weight.ndim == 2 and weight.shape[1] == size and bias.ndim == 1 and len(bias) == len(weight):
            return np.asarray(weight, dtype=float), np.asarray(bias, dtype=float)
    return None


def rows(sent: Sent, size: int, batch: int) -> NumpyArray:
    """(j, size) rows as the first dense layer reads them, j <= batch; those that several units agree on.

    One row alone is read off all units at once, by least squares.
    """
    found = pair(sent, size)
    if found is None:
        return np.zeros((0, size))
    weight, bias = found
    strength = np.abs(bias)
    if strength.max(initial=0.0) <= 0:
        return np.zeros((0, size))
    if batch == 1:
        return np.asarray(bias @ weight / (bias @ bias))[None]
    units = np.argsort(-strength, kind="stable")[:MOST_UNITS]
    units = units[strength[units] > 1e-6 * strength.max()]
    read = weight[units] / bias[units, None]
    return _agreed(read, batch)


def _agreed(read: NumpyArray, most: int) -> NumpyArray:
    """Means of the groups of readings that are alike, the largest groups first. A mixture of rows is read but once."""
    norms = np.linalg.norm(read, axis=1)
    free = np.ones(len(read), dtype=bool)
    groups: list[tuple[int, NumpyArray]] = []
    for i in range(len(read)):
        if not free[i]:
            continue
        near = free & (np.linalg.norm(read - read[i], axis=1) <= ALIKE * (norms[i] + 1e-12))
        free &= ~near
        if near.sum() >= 2:
            groups.append((int(near.sum()), read[near].mean(0)))
    groups.sort(key=lambda g: -g[0])
    return np.stack([g for _, g in groups[:most]]) if groups else np.zeros((0, read.shape[1]))


@dataclass(frozen=True)
class Scale:
    """How the numbers that the first layer reads become the model's inputs again: a line a number."""

    slope: NumpyArray
    offset: NumpyArray

    def back(self, read: NumpyArray) -> NumpyArray:
        return np.asarray(read * self.slope + self.offset)


def scale(read: NumpyArray, inputs: NumpyArray) -> Scale | None:
    """The line through what was read (n, size) of inputs (n, size) of one's own; None where no line fits.

    A model that sets its inputs to another scale first, as most do, is undone by this without knowing how it does.
    """
    if len(read) < 2:
        return None
    mean_r, mean_x = read.mean(0), inputs.mean(0)
    spread = ((read - mean_r) ** 2).sum(0)
    moves = spread > 1e-12 * max(float(spread.max()), 1e-30)
    slope = ((read - mean_r) * (inputs - mean_x)).sum(0) / np.where(moves, spread, 1.0)
    slope = np.where(moves, slope, float(np.median(slope[moves])) if moves.any() else 1.0)
    found = Scale(slope, mean_x - slope * mean_r)
    off = np.abs(found.back(read) - inputs).max()
    return found if off <= 0.02 * (np.ptp(inputs) + 1e-12) else None
