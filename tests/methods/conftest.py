"""A linear model with its exact distances, for the attacks that take a pullback."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import BudgetSpent


class LinearModel:
    """x W' + b with its exact distances; ``budget`` rows, ``sign`` of the gradient that it gives."""

    def __init__(self, weight, bias, budget=None, sign=1.0):
        self.weight, self.bias, self.rows, self.budget, self.sign = weight, bias, 0, budget, sign
        self.with_gradient = 0

    def scores(self, x):
        self.rows += len(x)
        if self.budget is not None and self.rows > self.budget:
            raise BudgetSpent
        return x.reshape(len(x), self.weight.shape[1]) @ self.weight.T + self.bias

    def pullback(self, x, slope):
        z = self.scores(x)
        self.with_gradient += len(x)
        return z, (self.sign * slope(z, slice(0, len(x))) @ self.weight).reshape(x.shape)

    def exact(self, x, y, norm):
        z = x @ self.weight.T + self.bias
        out = np.full(len(x), np.inf)
        for j in range(len(self.weight)):
            d = self.weight[y] - self.weight[j]
            dual = np.abs(d).sum(axis=1) if norm == "linf" else np.linalg.norm(d, axis=1)
            gap = z[np.arange(len(y)), y] - z[:, j]
            out = np.where(y == j, out, np.minimum(out, gap / np.maximum(dual, 1e-12)))
        return out


def _problem(seed=0, n=60, d=12, k=2):
    rng = np.random.default_rng(seed)
    model = LinearModel(rng.normal(size=(k, d)), rng.normal(size=k) * 0.1)
    x = rng.normal(size=(n, d))
    return model, x, model.scores(x).argmax(axis=1)


@pytest.fixture
def linear_model():
    return LinearModel


@pytest.fixture
def problem():
    """(model, x, y) with y what the model says."""
    return _problem
