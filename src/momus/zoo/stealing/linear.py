"""Twins for stealing.linear: services that answer with a linear model's digits, and services that mumble."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.zoo import Case
from momus.zoo.stealing.services import mumbling, served
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Logistic, softmax and one-vs-rest models at several precisions; the same behind answers that are partly wrong."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    train, test = people(600, rng, name="train"), people(400, rng, name="test")
    many, more = people(800, rng, name="train", classes=4), people(400, rng, name="test", classes=4)
    data, wide = {"test": test}, {"test": more}
    quick = {"defences": False}
    line = fitted(make_pipeline(StandardScaler(), LogisticRegression()), train, "line")
    softmax = fitted(LogisticRegression(max_iter=300), many, "softmax")
    versus = fitted(OneVsRestClassifier(LogisticRegression()), many, "versus")
    normal = fitted(LinearDiscriminantAnalysis(), train, "normal")

    def answers(target: object) -> object:
        def ask(x: NumpyArray) -> NumpyArray:
            return np.asarray(target.probabilities(x))  # type: ignore[attr-defined]

        return ask

    mumbled = served(mumbling(answers(line), 0.12, seed), test, "mumbled")  # type: ignore[arg-type]
    confused = served(mumbling(answers(softmax), 0.15, seed), more, "confused")  # type: ignore[arg-type]
    hushed = served(mumbling(answers(normal), 0.1, seed), test, "hushed")  # type: ignore[arg-type]
    return (
        Case("logistic regression, every digit", True, line, data, quick),
        Case("softmax, every digit", True, softmax, wide, quick),
        Case("logistic regression that mumbles", False, mumbled, data, quick),
        Case("logistic regression, classes alone", True, line, data, {**quick, "labels": True}, held_out=True),
        Case("one-vs-rest, every digit", True, versus, wide, quick, held_out=True),
        Case("linear discriminants, two digits", True, normal, data, {**quick, "decimals": 2}, held_out=True),
        Case("ridge classifier", True, fitted(RidgeClassifier(), train, "ridge"), data, quick, held_out=True),
        Case("softmax that mumbles", False, confused, wide, quick),
        Case("mumbling, classes alone", False, hushed, data, {**quick, "labels": True}, held_out=True),
        Case("mumbling, three digits", False, hushed, data, {**quick, "decimals": 3}, held_out=True),
    )
