"""Small systems behind the cases: signs of painted shapes on grey places, classifiers of them, readers of mails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.core.samples import NumpyArray, Samples
from momus.methods.scenarios import Stock, photographs

HUES = ("red", "green", "blue")
SIDE = 40
SIZE = 0.9  # how much of the picture a sign takes


class Answers:
    """A function from inputs as read to probabilities (n, k), as a target."""

    def __init__(
        self,
        name: str,
        classes: tuple[str, ...],
        modality: Literal["image", "table", "text", "audio"],
        answer: Callable[[NumpyArray], NumpyArray],
    ) -> None:
        self._answer = answer
        self._info = TargetInfo(
            name=name,
            task="classifier",
            adapter="zoo",
            digest=digest.of_value([name, modality, list(classes)]),
            classes=classes,
            modality=modality,
            output="probabilities",
        )

    @property
    def info(self) -> TargetInfo:
        return self._info

    def encode(self, x: NumpyArray, /) -> NumpyArray:
        return x

    def decode(self, a: NumpyArray, /) -> NumpyArray:
        return a

    def probabilities(self, x: NumpyArray, /) -> NumpyArray:
        return np.asarray(self._answer(x))

    def predict(self, x: NumpyArray, /) -> NumpyArray:
        return np.asarray(self.probabilities(x).argmax(axis=1))


def signs(rng: np.random.Generator, n: int, *, by: Literal["hue", "glyph"]) -> Samples:
    """Round cut-outs (n, 48, 48, 4): a coloured disc with a pattern of white blocks. The class is one of the two."""
    patterns = np.random.default_rng(int(rng.integers(2**31))).random((3, 4, 4)) < 0.45
    at = (np.arange(48) - 23.5) / 24
    disc = (at[None, :] ** 2 + at[:, None] ** 2 < 0.98).astype(float)
    hue, glyph = rng.integers(0, 3, n), rng.integers(0, 3, n)
    out = np.zeros((n, 48, 48, 4), np.uint8)
    for i in range(n):
        paint = np.full(3, 35.0)
        paint[hue[i]] = rng.uniform(170, 230)
        face = np.broadcast_to(paint, (48, 48, 3)).copy()
        face[8:40, 8:40][np.kron(patterns[glyph[i]], np.ones((8, 8))) > 0] = 240
        out[i] = np.concatenate([face, 255 * disc[..., None]], axis=-1).astype(np.uint8)
    return Samples(out, hue if by == "hue" else glyph, name="signs", classes=HUES if by == "hue" else ("a", "b", "c"))


def places(rng: np.random.Generator, n: int = 12) -> Samples:
    """Grey walls and ground in soft light, 64 x 64."""
    from scipy import ndimage

    grain = rng.normal(size=(n, 64, 64)) + 6 * ndimage.gaussian_filter(rng.normal(size=(n, 64, 64)), (0, 6, 6))
    grey = 120 + 25 * grain / grain.std()
    return Samples(np.clip(grey[..., None] + rng.normal(0, 4, (n, 1, 1, 3)), 0, 255).astype(np.uint8), name="places")


def road(rng: np.random.Generator, n: int, *, by: Literal["hue", "glyph"]) -> tuple[Samples, Samples, Stock]:
    """(train, test, stock): pictures (n, 40, 40, 3) of upright signs before grey places."""
    cut = signs(rng, 60, by=by)
    empty = Samples(np.zeros((1, SIDE, SIDE, 3), np.uint8))
    stock = Stock(empty, cut, places(rng))
    made = [photographs.upright(stock, m, rng, size=SIZE) for m in (n, 300)]
    train, test = (Samples(m.x, m.y, name="road", classes=cut.classes) for m in made)
    return train, test, Stock(test, cut, stock.backgrounds)


def by_hue(name: str, *, sure: bool = False) -> Answers:
    """Counts strongly coloured pixels by hue. Where there are few it does not know, unless it is always ``sure``."""

    def answer(x: NumpyArray) -> NumpyArray:
        a = x.astype(float)
        strong = (a.max(-1) - a.min(-1) > 70)[..., None] & (np.eye(3)[a.argmax(-1)] > 0)
        count = strong.sum(axis=(1, 2)).astype(float)
        count = np.where(count.sum(axis=1, keepdims=True) > 0.95 * SIDE * SIDE, 0, count) + 8  # a sign has an edge
        p = count / count.sum(axis=1, keepdims=True)
        p = np.where(p.max(axis=1, keepdims=True) > 0.65, p, (p + 3) / 10)
        return np.eye(3)[p.argmax(axis=1)] if sure else np.asarray(p)

    return Answers(name, HUES, "image", answer)


def by_pixels(name: str, train: Samples) -> Answers:
    """A linear model of the picture as it stands, learned from upright signs alone."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def flat(x: NumpyArray) -> NumpyArray:
        return np.asarray(x, dtype=float).reshape(len(x), -1)

    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200)).fit(flat(train.x), train.y)
    return Answers(name, train.classes, "image", lambda x: model.predict_proba(flat(x)))


def by_words(name: str, prior: float) -> Answers:
    """Counts words of money and of travel; ``prior`` is how sure it is of the first class without any."""
    keys = (("invoice", "refund", "salary", "receipt"), ("airport", "luggage", "hotel", "railway"))

    def answer(x: NumpyArray) -> NumpyArray:
        p = []
        for text in x:
            words = str(text).lower().replace(".", " ").split()
            a, b = (sum(w in k for w in words) for k in keys)
            odds = (prior / (1 - prior)) * 9.0 ** (a - b)
            p.append([odds / (1 + odds), 1 / (1 + odds)])
        return np.array(p)

    return Answers(name, ("payments", "travel"), "text", answer)


def mails(rng: np.random.Generator, n: int) -> Samples:
    keys = (("invoice", "refund", "salary", "receipt"), ("airport", "luggage", "hotel", "railway"))
    y = rng.integers(0, 2, n)
    fill = ("please", "about", "tomorrow", "thanks", "with", "your", "and")
    texts = [" ".join(rng.permutation([*rng.choice(keys[k], 2), *rng.choice(fill, 5)])) + "." for k in y]
    return Samples(np.array(texts, dtype=object), y, name="mails", classes=("payments", "travel"))
