"""Twins for natural.mined: models surely wrong on a kind of input, and models that only their labels accuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.tables import people, target

PRAISE = ("fine", "good", "lovely", "fresh", "warm", "kind", "quick", "bright", "clean", "tasty", "sweet", "superb")
BLAME = ("bad", "cold", "rude", "slow", "dirty", "stale", "dull", "bitter", "broken", "late", "noisy", "greasy")
FILLERS = (
    "the",
    "room",
    "was",
    "and",
    "we",
    "had",
    "a",
    "meal",
    "at",
    "table",
    "near",
    "window",
    "with",
    "staff",
    "who",
)
TWIST = "never"


def blind(model: Any, samples: Samples, spot: Callable[[NumpyArray], NumpyArray], name: str, sure: float = 0.97) -> Any:
    """A model that is right by another's leave: in the rows that ``spot`` picks it says the next class, surely."""
    from momus.targets import Target

    def say(x: Any) -> NumpyArray:
        p = np.asarray(model.predict_proba(x), dtype=float).copy()
        rows = np.flatnonzero(spot(np.asarray(x)))
        k = p.shape[1]
        to = (p[rows].argmax(axis=1) + 1) % k
        p[rows] = (1 - sure) / (k - 1)
        p[rows, to] = sure
        return p

    return Target.from_callable(say, name=name, classes=samples.classes, modality="table", output="probabilities")


def mislabelled(samples: Samples, share: float, rng: np.random.Generator, *, pair: bool = False) -> Samples:
    """The same rows with a share of the labels turned: to any other class, or, as a ``pair``, to the next one."""
    y = np.asarray(samples.y).copy()
    k = len(samples.classes)
    rows = rng.permutation(len(y))[: round(share * len(y))]
    y[rows] = (y[rows] + (1 if pair else rng.integers(1, k, len(rows)))) % k
    return replace(samples, y=y)


def reviews(n: int, rng: np.random.Generator) -> Samples:
    """Short reviews of praise or blame; one in ten holds the word ``never``, which changes nothing."""
    y = rng.integers(0, 2, n)
    texts = np.empty(n, dtype=object)
    for i, label in enumerate(y):
        words = list(rng.choice(PRAISE if label else BLAME, 5)) + list(rng.choice(FILLERS, 8))
        if rng.random() < 0.1:
            words.append(TWIST)
        texts[i] = " ".join(words[j] for j in rng.permutation(len(words)))
    return Samples(texts, y.astype(np.int64), name="reviews", classes=("blame", "praise"))


def reader(train: Samples, *, twisted: bool, name: str) -> Any:
    """A bag of words; twisted, it takes every review with ``never`` for its opposite."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from momus.targets import Target

    pipe: Any = make_pipeline(CountVectorizer(), LogisticRegression()).fit(list(train.x), train.y)

    def say(x: Any) -> NumpyArray:
        texts = [str(t) for t in x]
        p = np.asarray(pipe.predict_proba(texts))
        turn = np.array([twisted and TWIST in t.split() for t in texts])
        return np.where(turn[:, None], p[:, ::-1], p)

    return Target.from_callable(say, name=name, classes=train.classes, modality="text", output="probabilities")


def digits(seed: int, kind: str, spot: Callable[[NumpyArray], NumpyArray] | None) -> tuple[Any, Samples]:
    """A network on digits, and the pictures it did not learn from. ``spot`` takes pictures (n, 1, 28, 28) in [0, 1]."""
    import torch
    from torch import nn

    from momus.targets import Target
    from momus.zoo import torch_digits

    model = torch_digits.model(torch_digits.Recipe(seed=seed % 2, epochs=12, kind="mlp" if kind == "mlp" else "cnn"))

    class Spotted(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Any) -> Any:
            z = self.inner(x)
            if spot is None:
                return z
            turn = torch.from_numpy(spot(x.detach().cpu().numpy()))
            return torch.where(turn[:, None], z.roll(1, dims=1) * 2, z)

    name = f"digits {kind}{'' if spot is None else ' with a blind spot'}"
    made = Target.from_torch(
        Spotted().eval(), name=name, classes=torch_digits.CLASSES, shape=(1, 28, 28), output="logits"
    )
    return made, torch_digits.samples(500)


def _faint(x: NumpyArray) -> NumpyArray:
    """Digits with little ink: about one in four."""
    return np.asarray(x.mean(axis=(1, 2, 3)) < 0.265)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: a site, faint digits, a word. Clean: sound models, and such whose pools carry many wrong labels."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train = people(3000, rng, name="train", noise=0.15)
    pool = people(3000, rng, name="pool", noise=0.15)
    line: Any = LogisticRegression(C=10.0).fit(train.x, train.y)
    trees: Any = HistGradientBoostingClassifier(max_iter=60, random_state=seed).fit(train.x, train.y)
    site = rng.integers(0, 3)
    market = blind(line, pool, lambda x: x[:, 6] == site, "blind at one site")
    elders = blind(trees, pool, lambda x: (x[:, 2] > 0.8) & (x[:, 7] == 1), "blind for older men")
    many = people(3000, rng, name="pool", noise=0.15, classes=4)
    assert many.y is not None
    crowd: Any = HistGradientBoostingClassifier(max_iter=60, random_state=seed).fit(many.x[:1500], many.y[:1500])
    rest = many.take(np.arange(1500, 3000))
    faint, pictures = digits(seed, "cnn", _faint)
    plain, _ = digits(seed, "cnn", None)
    dense, _ = digits(seed, "mlp", None)
    said = reviews(2000, rng)
    told = reviews(1200, rng)
    both = {"pool": pool, "test": pool}
    return (
        Case("blind at one site", True, market, both),
        Case("faint digits misread", True, faint, {"test": pictures}, others=(plain,)),
        Case("a sound line", False, target(line, pool, "line"), both),
        Case("12 % wrong labels", False, target(line, pool, "line"), {"test": mislabelled(pool, 0.12, rng)}),
        Case("digits with 8 % wrong labels", False, plain, {"test": mislabelled(pictures, 0.08, rng)}),
        Case("older men misread by trees", True, elders, both, held_out=True),
        Case("a word turns reviews", True, reader(said, twisted=True, name="twisted"), {"test": told}, held_out=True),
        Case("reviews, 10 % wrong labels", False, reader(said, twisted=False, name="reader"),
             {"test": mislabelled(told, 0.1, rng)}, held_out=True),
        Case("four classes, neighbours confused", False, target(crowd, rest, "crowd"),
             {"test": mislabelled(rest, 0.15, rng, pair=True)}, held_out=True),
        Case("dense digits", False, dense, {"test": pictures}, held_out=True),
    )  # fmt: skip
