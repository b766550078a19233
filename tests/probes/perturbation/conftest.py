"""A linear softmax model on pictures or tables that speaks the target Protocols in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.capabilities import TargetInfo
from momus.core.samples import Samples


class LinearTarget:
    """``noise`` makes the answers random, ``slope`` scales the gradients, ``sharp`` the scores."""

    def __init__(self, weight, bias, shape, *, noise=0.0, slope=1.0, sharp=1.0, randomised=False):
        self.weight, self.bias, self.shape = np.asarray(weight, float), np.asarray(bias, float), shape
        self.noise, self.slope, self.sharp, self.rng = noise, slope, sharp, np.random.default_rng(0)
        self.randomised = randomised

    @property
    def info(self):
        image = len(self.shape) == 3
        return TargetInfo(
            name="linear", task="classifier", adapter="test", digest="0" * 64, shape=self.shape, output="logits",
            classes=tuple(str(i) for i in range(len(self.weight))), modality="image" if image else "table",
            low=0.0 if image else None, high=1.0 if image else None, randomised=self.randomised,
        )  # fmt: skip

    def encode(self, x):
        return np.moveaxis(x.astype(np.float32) / 255, -1, 1) if len(self.shape) == 3 else x.astype(np.float64)

    def decode(self, a):
        return np.rint(np.moveaxis(a, 1, -1) * 255).astype(np.uint8) if len(self.shape) == 3 else a

    def logits(self, x):
        z = x.reshape(len(x), -1) @ self.weight.T + self.bias
        return self.sharp * z + self.noise * self.rng.normal(size=z.shape)

    scores = logits

    def predict(self, x):
        return self.logits(x).argmax(axis=1)

    def pullback(self, x, slope):
        z = self.logits(x)
        weights = np.asarray(slope(z, slice(0, len(x))), dtype=np.float32)
        return z, self.slope * (weights @ self.weight).reshape(x.shape).astype(x.dtype)


def grey(levels, h=4, w=7):
    """uint8 pictures (n, h, w, 1), each of one grey level in [0, 1]."""
    values = np.round(np.asarray(levels)[:, None, None, None] * 255).astype(np.uint8)
    return np.broadcast_to(values, (len(levels), h, w, 1)).copy()


@pytest.fixture
def bright():
    """Dark against bright pictures: the Linf distance of grey level v is |v - 0.5|."""
    h, w = 4, 7
    weight = np.stack([np.full(h * w, -1.0), np.full(h * w, 1.0)]) * 10 / (h * w)

    def make(levels, y=None, **settings):
        levels = np.asarray(levels, float)
        target = LinearTarget(weight, [5.0, -5.0], (1, h, w), **settings)
        labels = (levels > 0.5).astype(np.int64) if y is None else np.asarray(y)
        return target, Samples(x=grey(levels, h, w), y=labels, classes=("dark", "bright"))

    return make


@pytest.fixture
def linear_target():
    return LinearTarget
