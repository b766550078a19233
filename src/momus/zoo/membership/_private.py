"""Logistic regression by differentially private gradient descent, whose privacy loss is known in closed form.

Every step adds up all rows' gradients, each clipped to length 1, and normal noise of standard deviation ``noise``. A
step is 1/noise-Gaussian private when a row is added or taken away (Dong, Roth & Su 2019, arXiv:1905.02383), and T steps
are sqrt(T)/noise-Gaussian private: no attack whatever finds more members than :func:`most_found` allows, and no audit
may prove a larger epsilon than :func:`epsilon_at`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from momus.core.samples import Column, NumpyArray, Samples

_NORMAL = NormalDist()


class PrivateLogistic(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Two classes, full batches, clipped and noised gradients. ``noise`` 0 is the same training without privacy.

    ``scale`` divides the noisy sum and is a constant: the number of rows is nobody's business either.
    """

    def __init__(
        self, rounds: int = 60, noise: float = 0.0, rate: float = 1.0, scale: float = 500.0, random_state: int = 0
    ) -> None:
        self.rounds, self.noise, self.rate, self.scale, self.random_state = rounds, noise, rate, scale, random_state

    def fit(self, x: NumpyArray, y: NumpyArray) -> PrivateLogistic:
        rng = np.random.default_rng(self.random_state)
        x, y = np.asarray(x, dtype=float), np.asarray(y)
        self.classes_ = np.array([0, 1])
        length = np.linalg.norm(x, axis=1)
        w = np.zeros(x.shape[1])
        for _ in range(self.rounds):
            slope = 1 / (1 + np.exp(-np.clip(x @ w, -40, 40))) - y
            norm = np.abs(slope) * length  # of each row's gradient, slope * x
            total = (slope / np.maximum(1.0, norm)) @ x
            w = w - self.rate / self.scale * (total + self.noise * rng.normal(size=len(w)))
        self.coef_ = w
        return self

    def predict_proba(self, x: NumpyArray) -> NumpyArray:
        p = 1 / (1 + np.exp(-np.clip(np.asarray(x, dtype=float) @ self.coef_, -40, 40)))
        return np.column_stack([1 - p, p])

    def predict(self, x: NumpyArray) -> NumpyArray:
        made: NumpyArray = self.predict_proba(x).argmax(1)
        return made

    @property
    def mu(self) -> float:
        """Gaussian privacy when one row is added or taken away; two rows exchanged cost twice as much."""
        return math.inf if self.noise == 0 else math.sqrt(self.rounds) / self.noise


def most_found(mu: float, rate: float) -> float:
    """Largest true-positive rate that mu-Gaussian privacy permits at a false-positive rate."""
    return 1.0 if math.isinf(mu) else 1 - _NORMAL.cdf(_NORMAL.inv_cdf(1 - rate) - mu)


def epsilon_at(mu: float, delta: float) -> float:
    """The epsilon for which mu-Gaussian privacy is (epsilon, delta)-privacy (corollary 2.13 of the paper)."""

    def spent(epsilon: float) -> float:
        return _NORMAL.cdf(-epsilon / mu + mu / 2) - math.exp(epsilon) * _NORMAL.cdf(-epsilon / mu - mu / 2)

    low, high = 0.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle) > delta else (low, middle)
    return high


@dataclass(frozen=True)
class Twin:
    """A target with the rows that it was trained on and others, and the privacy that its training keeps."""

    target: Any
    train: Samples
    test: Samples
    mu: float

    @property
    def data(self) -> dict[str, Samples]:
        return {"train": self.train, "test": self.test}

    def most_found(self, rate: float) -> float:
        """The bound on attacks that tell a training row from another row: the two have changed places."""
        return most_found(2 * self.mu, rate)


def twin(seed: int, *, mu: float = 0.3, rows: int = 600, columns: int = 1000, rounds: int = 60) -> Twin:
    """Rows in so many directions that training without noise learns each by heart. ``mu`` of infinity: no noise."""
    from momus.zoo.tables import fitted

    rng = np.random.default_rng(seed)
    slope = rng.normal(size=columns)
    train, test = (_rows(rows, slope, rng, name) for name in ("train", "test"))
    private = not math.isinf(mu)
    model = PrivateLogistic(
        rounds, math.sqrt(rounds) / mu if private else 0.0, 1.0 if private else 20.0, rows, random_state=seed
    )
    return Twin(fitted(model, train, "private" if private else "bare"), train, test, mu)


def _rows(n: int, slope: NumpyArray, rng: np.random.Generator, name: str) -> Samples:
    x = rng.normal(size=(n, len(slope)))
    y = (x @ slope / np.linalg.norm(slope) + rng.normal(size=n) > 0).astype(np.int64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    columns = tuple(Column(f"c{i}") for i in range(len(slope)))
    return Samples(x, y, name=name, columns=columns, classes=("no", "yes"))
