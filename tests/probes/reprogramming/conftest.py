"""Targets small enough to know by heart."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from momus.core.capabilities import TargetInfo


class Bumps:
    """A model whose outputs are bumps over the contrast of its picture: nonlinear in just the way counting needs.

    Contrast is the mean squared distance from grey. ``lines`` makes scores linear in the pixels, ``still`` constant.
    """

    def __init__(self, k: int = 4, shape: tuple[int, int, int] = (1, 20, 20), kind: str = "bumps") -> None:
        self.k, self.kind, self.asked = k, kind, 0
        self.info = TargetInfo(
            name=f"{kind}-{k}", task="classifier", adapter="test", digest="0" * 64, modality="image", shape=shape,
            classes=tuple(f"c{i}" for i in range(k)), low=0.0, high=1.0, output="logits",
        )  # fmt: skip
        self.middle = 0.1 + 0.0025 * np.arange(k)  # one square more is 0.0025 more contrast
        self.weight = np.random.default_rng(0).standard_normal((int(np.prod(shape)), k)) / 10

    def encode(self, x):
        return np.moveaxis(x.astype(np.float32) / 255, -1, 1)

    def decode(self, a):
        return np.round(np.moveaxis(a, 1, -1) * 255).astype(np.uint8)

    def scores(self, x):
        self.asked += len(x)
        if self.kind == "still":
            return np.zeros((len(x), self.k), dtype=np.float32)
        if self.kind == "lines":
            return (x.reshape(len(x), -1) @ self.weight).astype(np.float32)
        contrast = ((x - 0.5) ** 2).mean(axis=(1, 2, 3))
        return (-((contrast[:, None] - self.middle) ** 2) * 40_000).astype(np.float32)

    logits = scores

    def predict(self, x):
        return self.scores(x).argmax(axis=1)

    def pullback(self, x, slope):
        out = self.scores(x)
        w = slope(out, slice(0, len(x)))
        if self.kind == "still":
            return out, np.zeros_like(x)
        if self.kind == "lines":
            return out, (w @ self.weight.T).reshape(x.shape).astype(np.float32)
        contrast = ((x - 0.5) ** 2).mean(axis=(1, 2, 3))
        pull = (w * -2 * (contrast[:, None] - self.middle) * 40_000).sum(axis=1)
        size = np.prod(x.shape[1:])
        return out, (pull[:, None, None, None] * 2 * (x - 0.5) / size).astype(np.float32)


@pytest.fixture
def make():
    return Bumps


@pytest.fixture
def fast():
    return SimpleNamespace(
        gradient={"steps": 120, "batch": 32, "examples": 600, "held_out": 200, "rate": 0.1},
        zeroth_order={"steps": 400, "batch": 24, "examples": 600, "held_out": 200},
    )
