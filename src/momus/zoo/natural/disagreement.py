"""Twins for natural.disagreement: models that harmless changes turn, and models that they leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.natural.mined import digits, reader, reviews
from momus.zoo.tables import people, target


def _unlabelled(samples: Samples) -> Samples:
    return replace(samples, y=None, name="pool")


def _aliased(x: NumpyArray) -> NumpyArray:
    """Whether a digit's ink lies on even columns more than on odd ones: a pixel to the side turns it."""
    return np.asarray(x[..., ::2].sum(axis=(1, 2, 3)) > x[..., 1::2].sum(axis=(1, 2, 3)))


def _last_digit(model: Any, samples: Samples, name: str) -> Any:
    """A table's model that reads the last digits of a number, as one fitted on identifiers does."""
    from momus.targets import Target

    def say(x: Any) -> NumpyArray:
        p = np.asarray(model.predict_proba(x), dtype=float)
        turn = (np.floor(np.asarray(x)[:, 4] * 1000).astype(int) % 2) == 0
        return np.where(turn[:, None], p[:, ::-1], p)

    return Target.from_callable(say, name=name, classes=samples.classes, modality="table", output="probabilities")


def _shouting(train: Samples) -> Any:
    """A reader of reviews that takes a capital letter at the start for praise."""
    from momus.targets import Target

    inner = reader(train, twisted=False, name="inner")

    def say(x: Any) -> NumpyArray:
        p = np.asarray(inner.probabilities(x), dtype=float).copy()
        p[[str(t)[:1].isupper() for t in x]] = (0.03, 0.97)
        return p

    return Target.from_callable(say, name="shouting", classes=train.classes, modality="text", output="probabilities")


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: pixels' parity, last digits, capital letters. Clean: a network, a line, trees, a bag of words."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train, pool = people(2000, rng, name="train", noise=0.2), people(1500, rng, name="pool", noise=0.2)
    line: Any = LogisticRegression().fit(train.x, train.y)
    forest: Any = RandomForestClassifier(80, min_samples_leaf=5, random_state=seed).fit(train.x, train.y)
    network, pictures = digits(seed, "cnn", None)
    aliased, _ = digits(seed, "cnn", _aliased)
    dense, _ = digits(seed, "mlp", None)
    texts = reviews(900, rng)
    said, told = texts.take(np.arange(600)), texts.take(np.arange(600, 900))
    rows, shown, read = _unlabelled(pool), _unlabelled(pictures), _unlabelled(told)
    return (
        Case("parity of pixels", True, aliased, {"pool": shown}),
        Case("last digits", True, _last_digit(line, pool, "last digits"), {"pool": rows}),
        Case("a network of digits", False, network, {"pool": shown}, others=(dense,)),
        Case("a line", False, target(line, pool, "line"), {"pool": rows, "train": train}),
        Case("capital letters", True, _shouting(said), {"pool": read}, held_out=True),
        Case("last digits, forest", True, _last_digit(forest, pool, "forest digits"), {"pool": rows}, held_out=True),
        Case("a bag of words", False, reader(said, twisted=False, name="reader"), {"pool": read}, held_out=True),
        Case("a forest", False, target(forest, pool, "forest"), {"pool": rows}, held_out=True),
    )
