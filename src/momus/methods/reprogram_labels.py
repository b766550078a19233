"""Reading labels of one task from a model's outputs for another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray
from momus.methods.losses import one_hot, softmax

Array = Any


@dataclass(frozen=True)
class LabelMap:
    """Which outputs of the model stand for which label, and how they are weighed against each other.

    ``groups[j]`` are the outputs of label j. A label's score is the log of the summed exponentials of its outputs, so
    that its softmax share is the chance that the model names any of them; then ``gain`` times that plus ``bias[j]``.
    Gain and bias are the attacker's own arithmetic on answers already received: they cost no query.
    """

    groups: tuple[tuple[int, ...], ...]
    gain: float = 1.0
    bias: tuple[float, ...] = ()

    @property
    def used(self) -> NumpyArray:
        return np.array([i for g in self.groups for i in g], dtype=np.int64)

    @property
    def owner(self) -> NumpyArray:
        """The label of each entry of ``used``."""
        return np.array([j for j, g in enumerate(self.groups) for _ in g], dtype=np.int64)

    @property
    def offsets(self) -> NumpyArray:
        return np.array(self.bias or (0.0,) * len(self.groups))

    def pooled(self, outputs: NumpyArray) -> NumpyArray:
        """Model outputs (n, k) to one number a label, before gain and bias."""
        picked = outputs[:, self.used].astype(np.float64)
        if len(self.used) == len(self.groups):
            return np.asarray(picked)
        made = [np.logaddexp.reduce(picked[:, self.owner == j], axis=1) for j in range(len(self.groups))]
        return np.stack(made, axis=1)

    def read(self, outputs: NumpyArray) -> NumpyArray:
        """Model outputs (n, k) to label scores (n, labels)."""
        return self.gain * self.pooled(outputs) + self.offsets

    def loss(self, outputs: NumpyArray, y: NumpyArray) -> NumpyArray:
        """Cross-entropy of each row over the labels, (n,)."""
        z = self.read(outputs)
        return np.asarray(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y])

    def slope(self, outputs: Array, y: Array) -> Array:
        """Derivative of the summed loss by the model's outputs (n, k), native."""
        xp = array_namespace(outputs)
        place = device(outputs)
        out = xp.zeros_like(outputs)
        picked, bias = [], self.offsets
        for j, group in enumerate(self.groups):
            own = xp.take(outputs, xp.asarray(group, device=place), axis=1)
            top = xp.max(own, axis=1, keepdims=True)
            picked.append(self.gain * (xp.log(xp.sum(xp.exp(own - top), axis=1, keepdims=True)) + top) + bias[j])
        share = softmax(xp.concat(picked, axis=1))
        pull = self.gain * (share - xp.astype(one_hot(y, len(self.groups), xp), share.dtype))
        for j, group in enumerate(self.groups):
            index = xp.asarray(group, device=place)
            out[:, index] = pull[:, j : j + 1] * softmax(xp.take(outputs, index, axis=1))
        return out

    def descent(self, outputs: NumpyArray, y: NumpyArray) -> NumpyArray:
        """Gradient of the mean loss by (log gain, biases)."""
        z = self.read(outputs)
        p = np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
        p[np.arange(len(y)), y] -= 1
        return np.concatenate([[(p * self.gain * self.pooled(outputs)).sum(axis=1).mean()], p.mean(axis=0)])

    def moved(self, step: NumpyArray) -> LabelMap:
        """The same outputs with log gain and biases changed by ``step``."""
        gain = float(np.clip(self.gain * np.exp(step[0]), 1e-3, 1e3))
        return replace(self, gain=gain, bias=tuple(float(b) for b in self.offsets + step[1:]))


def first(labels: int, outputs: int, per: int = 1) -> LabelMap:
    """Label j stands at output j, and with ``per`` above 1 also at the outputs that follow in further rounds."""
    per = max(1, min(per, outputs // labels))
    return LabelMap(tuple(tuple(j + r * labels for r in range(per)) for j in range(labels)))


def matched(outputs: NumpyArray, y: NumpyArray, labels: int, per: int = 1) -> LabelMap:
    """Each label gets the outputs that rise most for its examples, no output twice, the sum of the rises greatest.

    Outputs (n, k) are standardised over the examples; the assignment is solved exactly, ``per`` times in turn.
    """
    from scipy.optimize import linear_sum_assignment

    k = outputs.shape[1]
    per = max(1, min(per, k // labels))
    spread = outputs.std(axis=0)
    z = np.where(spread > 1e-12, (outputs - outputs.mean(axis=0)) / np.maximum(spread, 1e-12), 0.0)
    rise = np.stack([z[y == j].mean(axis=0) if (y == j).any() else np.zeros(k) for j in range(labels)])
    groups: list[list[int]] = [[] for _ in range(labels)]
    for _ in range(per):
        rows, columns = linear_sum_assignment(-rise)
        for j, i in zip(rows, columns, strict=True):
            groups[j].append(int(i))
        rise[:, columns] = -1e9
    return LabelMap(tuple(tuple(g) for g in groups))


def levelled(mapping: LabelMap, outputs: NumpyArray) -> LabelMap:
    """The map with gain and biases that give every label's score mean 0 and the differences between labels spread 1.

    What all labels of a picture have in common says nothing and is left out of the spread.
    """
    z = mapping.pooled(outputs)
    spread = float(np.sqrt((z - z.mean(axis=1, keepdims=True)).var(axis=0).mean())) if len(z) > 1 else 0.0
    gain = float(np.clip(1 / spread, 1e-3, 1e3)) if spread > 1e-9 else 1.0
    return replace(mapping, gain=gain, bias=tuple(float(b) for b in -gain * z.mean(axis=0)))
