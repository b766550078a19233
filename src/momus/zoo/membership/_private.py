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

REACH = 2.0  # of a wave: the shorter, the more does a row stand for itself alone
_NORMAL = NormalDist()


class PrivateLogistic(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Two classes, full batches, clipped and noised gradients. ``noise`` 0 is the same training without privacy.

    The line is drawn through ``width`` waves of the columns, the same for all: enough of them can remember every row.
    ``scale`` divides the noisy sum and is a constant: the number of rows is nobody's business either.
    """

    def __init__(
        self,
        rounds: int = 40,
        noise: float = 0.0,
        rate: float = 1.0,
        scale: float = 500.0,
        width: int = 1000,
        random_state: int = 0,
    ) -> None:
        self.rounds, self.noise, self.rate, self.scale = rounds, noise, rate, scale
        self.width, self.random_state = width, random_state

    def _waves(self, x: NumpyArray) -> NumpyArray:
        rng = np.random.default_rng(0)
        x = np.asarray(x, dtype=float)
        slopes, phases = rng.normal(size=(x.shape[1], self.width)), rng.uniform(0, 2 * np.pi, self.width)
        made: NumpyArray = np.sqrt(2 / self.width) * np.cos(REACH * x @ slopes + phases)
        return made

    def fit(self, x: NumpyArray, y: NumpyArray) -> PrivateLogistic:
        rng = np.random.default_rng(self.random_state)
        x, y = self._waves(x), np.asarray(y)
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
        p = 1 / (1 + np.exp(-np.clip(self._waves(x) @ self.coef_, -40, 40)))
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


def largest_area(mu: float) -> float:
    """Largest area under a ROC curve that mu-Gaussian privacy permits."""
    return _NORMAL.cdf(mu / math.sqrt(2)) if mu < math.inf else 1.0


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

    @property
    def largest_area(self) -> float:
        return largest_area(2 * self.mu)


def twin(seed: int, *, mu: float = 0.3, rows: int = 900, rounds: int = 40) -> Twin:
    """Rows that training without noise learns each by heart. ``mu`` of infinity: no noise."""
    from momus.zoo.tables import fitted

    rng = np.random.default_rng(seed)
    train, test = (_rows(rows, rng, name) for name in ("train", "test"))
    private = not math.isinf(mu)
    noise, rate = (math.sqrt(rounds) / mu, 2.0) if private else (0.0, 400.0)
    model = PrivateLogistic(rounds, noise, rate, rows, random_state=seed)
    return Twin(fitted(model, train, "private" if private else "bare"), train, test, mu)


def _rows(n: int, rng: np.random.Generator, name: str) -> Samples:
    x = rng.normal(size=(n, 6))
    y = (x @ np.array([1.0, -0.8, 0.6, 0.4, 0.0, 0.0]) + rng.normal(size=n) > 0).astype(np.int64)
    return Samples(x, y, name=name, columns=tuple(Column(f"c{i}") for i in range(6)), classes=("no", "yes"))
