"""Worlds in which inputs, the mix of classes, or the relation between them move, each by a known amount."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import Column, NumpyArray, Samples

NAMES = ("load", "heat", "age", "hours", "noise")


def machines(
    n: int,
    rng: np.random.Generator,
    *,
    name: str = "data",
    moved: tuple[float, ...] = (0, 0, 0, 0, 0),
    near: float = 0.0,
    turned: bool | float = False,
    failures: float | None = None,
    labelled: bool = True,
) -> Samples:
    """``n`` machines that fail or not: five columns, the last of which means nothing.

    What the columns leave open grows with age. ``moved`` is added to the columns, ``near`` in [0, 1) draws the rows to
    the boundary between the classes, ``turned`` reverses (or weakens) what heat means, ``failures`` is their share.
    """
    drawn = n if failures is None else 12 * n
    x = rng.normal(size=(drawn, 5)) + np.asarray(moved)
    if near:
        along = np.array([1.0, 0.8, 0.0, -0.6, 0.0]) / np.sqrt(2)
        x -= near * np.outer(x @ along, along)
    heat = -0.8 if turned is True else 0.8 * (1 - float(turned))
    signal = x @ np.array([1.0, heat, 0.0, -0.6, 0.0])
    y = (signal + (0.25 + 0.5 * (x[:, 2] > 0.8)) * rng.normal(size=drawn) > 0).astype(np.int64)
    if failures is not None:
        fail, hold = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        k = round(n * failures)
        chosen = rng.permutation(np.concatenate([fail[:k], hold[: n - k]]))
        x, y = x[chosen], y[chosen]
    columns = tuple(Column(c) for c in NAMES)
    return Samples(x, y if labelled else None, name=name, columns=columns, classes=("holds", "fails"))


GOOD = ("warm", "calm", "kind", "bright", "fine", "fresh", "happy", "sound")
BAD = ("cold", "harsh", "cruel", "dull", "poor", "stale", "angry", "broken")
PLAIN = ("the", "room", "was", "and", "it", "stood", "there", "for", "us", "all", "day", "by", "water")


def reviews(
    n: int,
    rng: np.random.Generator,
    *,
    name: str = "data",
    telling: tuple[int, int] = (0, 6),
    contrary: float = 0.2,
    ironic: float = 0.0,
    labelled: bool = True,
) -> Samples:
    """Reviews of 11 words, from ``telling[0]`` to below ``telling[1]`` of them of judgement.

    A share ``contrary`` of those says the opposite; in a share ``ironic`` of the reviews all is meant the other way.
    """
    y = rng.integers(0, 2, n)
    texts = []
    for label, words_told in zip(y, rng.integers(*telling, n), strict=True):
        meant = rng.random(words_told) >= contrary
        words = [str(rng.choice((GOOD, BAD)[int(label) if ok else 1 - int(label)])) for ok in meant]
        texts.append(" ".join(map(str, rng.permutation([*words, *rng.choice(PLAIN, 11 - words_told)]))))
    y = np.where(rng.random(n) < ironic, 1 - y, y)
    x = np.array(texts, dtype=object)
    return Samples(x, y if labelled else None, name=name, classes=("praise", "blame"))


def spots(
    n: int,
    rng: np.random.Generator,
    *,
    name: str = "data",
    contrast: float = 1.0,
    light: float = 0.0,
    mix: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25),
    labelled: bool = True,
) -> Samples:
    """Grey pictures 10 x 10 with a faint spot in one of four corners; the last two lie close together."""
    y = rng.choice(4, n, p=mix)
    centre = np.array([[2.5, 2.5], [2.5, 6.5], [6.5, 4.4], [6.5, 5.1]])[y] + rng.normal(size=(n, 2)) * 0.5
    i, j = np.mgrid[:10, :10]
    spot = np.exp(-((i - centre[:, :1, None]) ** 2 + (j - centre[:, 1:, None]) ** 2) / 3)
    x = 110 + light + contrast * 60 * spot + rng.normal(size=(n, 10, 10)) * 14
    return Samples(
        x.clip(0, 255).astype(np.uint8)[..., None], y if labelled else None, name=name, classes=tuple("abcd")
    )


def clips(
    n: int, rng: np.random.Generator, *, name: str = "data", noise: float = 0.05, gap: float = 60, labelled: bool = True
) -> Samples:
    """A tenth of a second at 2 kHz of a low or a high tone, ``gap`` Hz apart on average, under ``noise``."""
    y = rng.integers(0, 2, n)
    t = np.arange(200) / 2000
    pitch = 390 + np.where(y == 1, gap, -gap) / 2 + 25 * rng.normal(size=n)
    x = 0.3 * np.sin(2 * np.pi * pitch[:, None] * t + rng.uniform(0, 6, (n, 1))) + noise * rng.normal(size=(n, 200))
    return Samples(
        x.clip(-1, 1).astype(np.float32), y if labelled else None, name=name, classes=("low", "high"), rate=2000
    )


def loudness(x: NumpyArray) -> NumpyArray:
    """Strength of 20 frequencies in each clip (n, t): what the clip model looks at."""
    out: NumpyArray = np.log(np.abs(np.fft.rfft(np.asarray(x, dtype=float), axis=1))[:, 20:60] + 1e-3)
    return out


def flat(x: NumpyArray) -> NumpyArray:
    """Pictures as rows of numbers, or what already is one."""
    return np.asarray(x, dtype=float).reshape(len(x), -1)


def fitted(model: Any, samples: Samples, name: str) -> Any:
    """``model`` fitted on ``samples`` as a target, of texts, pictures, sound or a table."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from momus.targets import Target

    if samples.is_text:
        model = make_pipeline(TfidfVectorizer(), model)
    elif samples.is_sound:
        model = make_pipeline(FunctionTransformer(loudness), model)
    elif samples.is_image:
        model = make_pipeline(FunctionTransformer(flat), model)
    model.fit(samples.x, samples.y)
    return Target.from_sklearn(model, name=name, classes=samples.classes, samples=samples)
