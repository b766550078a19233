"""Twins for provider.low_bits: networks with thousands of idle digits, and models with hardly a number to write on."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.provider import _systems as systems
from momus.zoo.tables import fitted


def cases(seed: int) -> tuple[Case, ...]:
    """Dense and convolving networks and one of scikit-learn; a line, a network of whole numbers, a tiny network."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    digits, table, many = systems.pictures(600, 300), systems.people_pair(rng), systems.people_pair(rng, classes=4)
    net = systems.target(systems.recipe(lambda: systems.dense(64, (48,), 10), epochs=6), digits, seed, "dense")
    mixed = systems.target(systems.recipe(lambda: systems.convolving(6, 32, 10), epochs=6), digits, seed, "convolving")
    small = systems.recipe(lambda: systems.dense(8, (2,), 2), epochs=12, rate=0.01)
    whole = systems.recipe(lambda: systems.dense(64, (40,), 10), after=systems.Whole, epochs=6)
    whole_deep = systems.recipe(lambda: systems.dense(8, (30, 20), 4), after=systems.Whole, epochs=4)
    layers = MLPClassifier((40,), tol=5e-3, n_iter_no_change=4, random_state=seed)
    wide = MLPClassifier((30, 30), tol=5e-3, n_iter_no_change=4, random_state=seed)
    return (
        Case("dense network on digits", True, net, digits),
        Case("network of scikit-learn", True, fitted(layers, table["train"], "layers"), table),
        Case("logistic regression", False, fitted(LogisticRegression(), table["train"], "line"), table),
        Case("whole numbers", False, systems.target(whole, digits, seed, "whole"), digits),
        Case("convolving network", True, mixed, digits, held_out=True),
        Case("two layers, four classes", True, fitted(wide, many["train"], "wide"), many, held_out=True),
        Case("twenty-four numbers", False, systems.target(small, table, seed, "small"), table, held_out=True),
        Case("whole numbers, deeper", False, systems.target(whole_deep, many, seed, "deep"), many, held_out=True),
    )
