"""Twins for stealing.knockoff: models that answers to other people's data give away, and models they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.stealing import unlearnable
from momus.zoo.tables import fitted, people

GOOD = ("fine", "warm", "quick", "kind", "clean", "bright", "fresh", "calm")
BAD = ("dull", "cold", "slow", "rude", "dirty", "dark", "stale", "loud")
OTHER = ("the", "room", "train", "waiter", "soup", "train", "was", "and", "very", "bed", "window", "we", "came", "late")


def reviews(n: int, rng: np.random.Generator, name: str, length: int = 10) -> Samples:
    """Texts that praise or blame: whichever words outnumber the others."""
    texts, labels = [], []
    for _ in range(n):
        bias = rng.choice([0.3, 0.7])
        praise = [GOOD[rng.integers(8)] if rng.random() < bias else BAD[rng.integers(8)] for _ in range(5)]
        words = praise + [OTHER[rng.integers(len(OTHER))] for _ in range(length - 5)]
        texts.append(" ".join(words[i] for i in rng.permutation(len(words))))
        labels.append(int(sum(w in GOOD for w in praise) > 2))
    return Samples(x=np.array(texts, dtype=object), y=np.array(labels), name=name, classes=("blame", "praise"))


def _reader(train: Samples) -> Any:
    """A line through the words of ``train``."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from momus.targets import Target

    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit([str(t) for t in train.x], train.y)
    return Target.from_callable(
        lambda x: model.predict_proba([str(t) for t in x]),
        name="reviews",
        classes=train.classes,
        output="probabilities",
        modality="text",
        samples=train,
    )


def cases(seed: int) -> tuple[Case, ...]:
    """Lines, a coarse forest and a reader of reviews, on pools of another mix; classes by lot, waves and a liar."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    train, test = people(1000, rng, name="train"), people(500, rng, name="test")
    many, more = people(1000, rng, name="train", classes=3), people(500, rng, name="test", classes=3)
    pool = replace(people(1200, rng, name="pool", heavy=True, site_mix=(0.1, 0.2, 0.7)), y=None)
    data, wide = {"test": test, "pool": pool}, {"test": more, "pool": pool}
    texts = {"test": reviews(400, rng, "test"), "pool": replace(reviews(900, rng, "pool", length=16), y=None)}
    some: dict[str, Any] = {"queries": 600, "after": 0}
    line = fitted(LogisticRegression(), train, "line")
    forest = RandomForestClassifier(40, max_depth=3, random_state=seed)
    network = MLPClassifier((8,), alpha=0.1, max_iter=150, early_stopping=True, random_state=seed)
    lot = replace(many, y=unlearnable.by_lot(many, seed))
    near = fitted(KNeighborsClassifier(1), lot, "neighbour of noise")
    return (
        Case("logistic regression", True, line, {**data, "train": train}, {**some, "after": 40}),
        Case("forest of shallow trees, bandit", True, fitted(forest, train, "forest"), data,
             {**some, "selection": "reward"}),
        Case("classes by lot in small cells", False, unlearnable.cells(more, seed), wide, some),
        Case("neighbour of noise", False, near, wide, some),
        Case("reader of reviews", True, _reader(reviews(600, rng, "train")), texts, some, held_out=True),
        Case("small network, doubtful rows", True, fitted(network, train, "network"), data,
             {**some, "selection": "margin"}, held_out=True),
        Case("waves", False, unlearnable.waves(test, seed), data, some, held_out=True),
        Case("logistic regression that lies", False, unlearnable.liar(line, test, seed), data, some, held_out=True),
    )  # fmt: skip
