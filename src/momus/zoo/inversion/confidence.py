"""Twins for inversion.confidence: services whose confidences follow people's likeness, and services that know none."""

from __future__ import annotations

from typing import Any

from momus.zoo import Case
from momus.zoo.inversion._portraits import Gallery, badges, opened, portraits, rhythms, shuffled, trained


def cases(seed: int) -> tuple[Case, ...]:
    """Faces and typing, full and rounded confidences; badges, dealt names and drowned weights hide the people."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    train, test = portraits(seed, 6), portraits(seed + 100, 3)
    wide, fresh = (portraits(s, n, size=(20, 26), who=9) for s, n in ((seed, 5), (seed + 100, 3)))
    typed, again = rhythms(seed, 8), rhythms(seed + 100, 4)
    data = {"train": train, "test": test}
    options = {"persons": 80, "queries": 100}
    rounded = {**options, "decimals": 2}
    return (
        Case("softmax regression on faces", True, trained("linear", train, seed), data, rounded),
        Case("logistic regression on typing", True, _fitted(LogisticRegression(max_iter=60), typed), {"test": again},
             options),
        Case("knows people by their badges", False, trained("linear", badges(train, seed), seed), data, rounded),
        Case("names dealt out at random", False, trained("linear", shuffled(train, seed), seed, steps=150), data,
             options),
        Case("hidden layer, three decimals", True, trained("mlp", wide, seed), {"train": wide, "test": fresh},
             {**options, "decimals": 3}, held_out=True),
        Case("nearest of a gallery", True, opened(Gallery(train), train, "gallery"), {"test": test}, options,
             held_out=True),
        Case("weights drowned in noise", False, trained("mlp", train, seed, noise=8.0), data, options, held_out=True),
        Case("naive Bayes, names dealt out", False, _fitted(GaussianNB(), shuffled(typed, seed)), {"test": again},
             options, held_out=True),
    )  # fmt: skip


def _fitted(model: Any, samples: Any) -> Any:
    """A scikit-learn model of typing times in standard units, as a target."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from momus.zoo.tables import fitted

    return fitted(make_pipeline(StandardScaler(), model), samples, type(model).__name__)
