"""Twins for shift.two_sample: columns, categories, labels, pictures, texts or sounds that moved, and second draws from
the same world.
"""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import TargetInfo
from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people, with_x


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: one mean, one mix of categories, the labels, one spread; darker pictures, texts in capitals, noisy
    sound. Clean: fresh rows of each.
    """
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    train, test = people(4000, rng, name="train"), people(4000, rng, name="test")
    model = fitted(LogisticRegression(), train, "line")
    moved = with_x(test, "income", test.x[:, 0] + rng.uniform(0.45, 0.8))
    spread = with_x(test, "debt", test.x[:, 1] * rng.uniform(1.9, 2.6))
    mixed = people(4000, rng, name="test", site_mix=(0.2, 0.3, 0.5))
    positive = np.flatnonzero(test.y == 1)
    relabelled = test.take(np.sort(np.concatenate([positive, rng.choice(len(test), 1000, replace=False)])))
    heavy, tails = people(4000, rng, name="train", heavy=True), people(4000, rng, name="test", heavy=True)
    return (
        Case("income moved", True, model, {"train": train, "test": moved}),
        Case("fresh rows", False, model, {"train": train, "test": test}),
        Case("other sites", True, model, {"train": train, "test": mixed}, held_out=True),
        Case("more positives", True, model, {"train": train, "test": relabelled}, held_out=True),
        Case("debt spread out", True, model, {"train": train, "test": spread}, held_out=True),
        Case("heavy tails, fresh rows", False, model, {"train": heavy, "test": tails}, held_out=True),
        Case(
            "dimmer pictures",
            True,
            Nobody(),
            {"train": pictures(4000, rng), "test": pictures(4000, rng, light=rng.uniform(0.9, 0.95))},
        ),
        Case(
            "shouted texts",
            True,
            Nobody(),
            {"train": texts(2500, rng), "test": texts(2500, rng, shouting=rng.uniform(0.25, 0.5))},
        ),
        Case(
            "noisy sound",
            True,
            Nobody(),
            {"train": sounds(800, rng), "test": sounds(800, rng, rng.uniform(0.012, 0.02))},
            held_out=True,
        ),
        Case("fresh pictures", False, Nobody(), {"train": pictures(4000, rng), "test": pictures(4000, rng)}),
        Case("fresh texts", False, Nobody(), {"train": texts(2500, rng), "test": texts(2500, rng)}, held_out=True),
        Case("fresh sound", False, Nobody(), {"train": sounds(3500, rng), "test": sounds(3500, rng)}, held_out=True),
    )


class Nobody:
    """No model: only the data are looked at."""

    info = TargetInfo(name="data", task="classifier", adapter="none", digest="0")


def pictures(n: int, rng: np.random.Generator, light: float = 1.0) -> Samples:
    """Grey pictures 8 x 8 of a bright spot somewhere."""
    at = rng.uniform(1, 6, (2, n, 1, 1))
    i, j = np.mgrid[:8, :8]
    spot = np.exp(-((i - at[0]) ** 2 + (j - at[1]) ** 2) / 4)
    x = light * (60 + 150 * spot) + rng.normal(size=(n, 8, 8)) * 12
    return Samples(x.clip(0, 255).astype(np.uint8)[..., None])


def texts(n: int, rng: np.random.Generator, *, shouting: float = 0.0) -> Samples:
    """Sentences of 4 to 12 words out of 60 made-up ones, a share of them all in capitals."""
    letters = np.array(list("abcdefghiklmnoprstu"))
    book = ["".join(np.random.default_rng(k).choice(letters, 2 + k % 6)) for k in range(60)]
    said = [" ".join(rng.choice(book, rng.integers(4, 13))) for _ in range(n)]
    return Samples(
        np.array([s.upper() if rng.random() < shouting else s.capitalize() + "." for s in said], dtype=object)
    )


def sounds(n: int, rng: np.random.Generator, noise: float = 0.01) -> Samples:
    """A tenth of a second of a tone of random pitch at 4 kHz."""
    t = np.arange(400) / 4000
    tone = 0.4 * np.sin(2 * np.pi * rng.uniform(200, 900, (n, 1)) * t)
    return Samples((tone + noise * rng.normal(size=(n, 400))).clip(-1, 1).astype(np.float32), rate=4000)
