"""Served models with honest inputs in any number, the rows they were trained on, and a reference to watch them by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from momus.core.samples import Column, NumpyArray, Samples
from momus.methods.describe import describe
from momus.monitor.reference import Reference
from momus.zoo import torch_digits
from momus.zoo.tables import people

Rows = Callable[[int, np.random.Generator], tuple[NumpyArray, NumpyArray]]


@dataclass(frozen=True)
class Served:
    """A model behind a door.

    ``answers``: inputs as a caller sends them -> probabilities. ``draw``: honest inputs and their true classes.
    ``seen``: inputs -> the rows by which a monitor knows them. ``test`` and ``train`` are what an
    attacker's probe gets.
    """

    name: str
    answers: Callable[[NumpyArray], NumpyArray]
    draw: Rows
    test: Samples
    train: Samples
    encoder: str = "table"
    columns: tuple[Column, ...] = ()

    def seen(self, x: NumpyArray) -> NumpyArray:
        """The monitor's row of each input."""
        if self.encoder == "table":
            return np.asarray(x, dtype=float)
        return describe(Samples(x=x)).values

    def reference(self, rows: int, seed: int) -> Reference:
        """Held-out honest inputs with what the model says to them."""
        x, y = self.draw(rows, np.random.default_rng([seed, 77]))
        outputs = self.answers(x)
        seen = self.seen(x)
        columns = self.columns or tuple(Column(f"x{j}") for j in range(seen.shape[1]))
        return Reference(
            self.name, self.name, "classifier", seen, columns, self.encoder, outputs, outputs.argmax(axis=1),
            y.astype(float), self.seen(self.train.x), classes=self.test.classes,
        )  # fmt: skip


@cache
def scores(seed: int = 0, kind: str = "boosted") -> Served:
    """A score of drawn people: boosted trees, a line (``line``) or one tree (``tree``)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng([seed, 5])
    train, test = people(1500, rng, name="train", noise=0.5), people(1000, rng, name="test", noise=0.5)
    made: dict[str, Callable[[], Any]] = {
        "boosted": lambda: HistGradientBoostingClassifier(max_iter=60, random_state=seed),
        "line": lambda: LogisticRegression(),
        "tree": lambda: DecisionTreeClassifier(max_depth=6, min_samples_leaf=9, random_state=seed),
    }
    model = made[kind]().fit(train.x, train.y)

    def draw(n: int, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
        drawn = people(n, rng, noise=0.5)
        assert drawn.y is not None
        return drawn.x, drawn.y

    return Served(f"scores by {kind}", model.predict_proba, draw, test, train, columns=test.columns)


@cache
def digits(seed: int = 0) -> Served:
    """The digits network, asked with pictures: each honest one is a digit under its own light, noise and place."""
    import torch

    side = 8
    model = torch_digits.model(torch_digits.Recipe(side=side, epochs=12, channels=8, hidden=32, seed=seed))
    test, train = torch_digits.samples(500, side), torch_digits.samples(1297, side, train=True)

    def answers(x: NumpyArray) -> NumpyArray:
        with torch.no_grad():
            view = torch.as_tensor(np.moveaxis(np.asarray(x, np.float32) / 255, -1, 1))
            return np.asarray(torch.softmax(model(view).double(), dim=1).numpy())

    def draw(n: int, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
        assert test.y is not None
        order = np.argsort(test.y, kind="stable")
        at = rng.integers(0, len(test), n)
        # Blended with another of its class: five hundred pictures alone would come again and again.
        other = order[(np.searchsorted(test.y[order], test.y[at]) + rng.integers(0, 40, n)) % len(order)]
        other = np.where(test.y[other] == test.y[at], other, at)
        weight = rng.uniform(0.5, 1.0, (n, 1, 1, 1))
        light = rng.uniform(0.85, 1.15, (n, 1, 1, 1))
        blend = weight * test.x[at] + (1 - weight) * test.x[other]
        x = blend * light + rng.normal(0, 6, blend.shape)
        return np.clip(np.round(x), 0, 255).astype(np.uint8), test.y[at]

    return Served("digits", answers, draw, test, train, encoder="image")
