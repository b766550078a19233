"""Twins for incomplete_testing.independence: test sets with copies of training rows, and fresh ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people

_WORDS = (
    "river", "table", "yellow", "quick", "seven", "garden", "window", "letter", "bottle", "music",
    "paper", "winter", "stone", "silver", "morning", "engine", "corner", "candle", "forest", "mirror",
    "pocket", "summer", "carpet", "ladder", "bridge", "button", "circle", "dinner", "flower", "gentle",
)  # fmt: skip


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: copied rows, noisy copies, recoded pictures, edited texts, the same people. Clean: fresh draws."""
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(seed)
    train, test = people(3000, rng, name="train"), people(1000, rng, name="test")
    nearest = fitted(KNeighborsClassifier(1), train, "nearest")
    heavy = people(2500, rng, name="train", heavy=True), people(900, rng, name="test", heavy=True)
    pictures = _pictures(rng, 400)
    spoken, texts = _sounds(rng, 260), _texts(rng, 500)
    some = float(rng.uniform(0.03, 0.15))
    persons = replace(train, ids=np.arange(3000) // 2), replace(test, ids=np.arange(1000) + 1400)
    others = replace(test, ids=np.arange(1000) + 5000)
    return (
        _case("copies in a table", True, nearest, train, _mixed(test, train, some, rng, lambda x: x)),
        _case("a fresh table", False, nearest, train, test),
        _case("noisy copies in a table", True, nearest, train, _mixed(test, train, some, rng, _noisy(rng))),
        _case("fresh pictures", False, nearest, *_halves(pictures)),
        _case("pictures brightened, shifted and mirrored", True, nearest, *_copied(pictures, some, rng, _retaken(rng))),
        _case("edited texts", True, nearest, *_copied(texts, some, rng, _edited(rng)), held_out=True),
        _case("fresh texts", False, nearest, *_halves(texts), held_out=True),
        _case("louder clips", True, nearest, *_copied(spoken, some, rng, _louder(rng)), held_out=True),
        _case("fresh clips", False, nearest, *_halves(spoken), held_out=True),
        _case("the same people", True, nearest, *persons, held_out=True),
        _case("other people, heavy tails", False, nearest, *heavy, held_out=True),
        _case("other people", False, nearest, persons[0], others, held_out=True),
    )


def _case(name: str, faulty: bool, target: Any, train: Samples, test: Samples, held_out: bool = False) -> Case:
    unlabelled = not train.is_table  # the table's model cannot answer these
    data = {"train": train, "test": replace(test, y=None) if unlabelled else test}
    return Case(name, faulty, target, data, held_out=held_out)


def _halves(samples: Samples) -> tuple[Samples, Samples]:
    half = len(samples) // 2
    return samples.take(slice(0, half)), samples.take(slice(half, None))


def _mixed(test: Samples, train: Samples, share: float, rng: np.random.Generator, change: Any) -> Samples:
    """``share`` of the test rows replaced by changed training rows with their labels."""
    count = max(3, round(share * len(test)))
    to = rng.choice(len(test), count, replace=False)
    taken = rng.choice(len(train), count, replace=False)
    x = test.x.copy()
    x[to] = change(train.x[taken])
    if test.y is None or train.y is None:
        return replace(test, x=x)
    y = np.asarray(test.y).copy()
    y[to] = np.asarray(train.y)[taken]
    return replace(test, x=x, y=y)


def _copied(samples: Samples, share: float, rng: np.random.Generator, change: Any) -> tuple[Samples, Samples]:
    train, test = _halves(samples)
    return train, _mixed(test, train, share, rng, change)


def _noisy(rng: np.random.Generator) -> Any:
    def change(x: NumpyArray) -> NumpyArray:
        x = x.copy()
        x[:, :6] += 0.01 * rng.normal(size=(len(x), 6))
        return x

    return change


def _pictures(rng: np.random.Generator, n: int) -> Samples:
    """Blots of light of random place, size and colour, 24 x 24."""
    at = np.linspace(0, 1, 24)
    out = np.zeros((n, 24, 24, 3))
    for _ in range(5):
        cx, cy, size = rng.random((n, 1, 1)), rng.random((n, 1, 1)), rng.uniform(0.05, 0.3, (n, 1, 1))
        blot = np.exp(-((at[None, None, :] - cx) ** 2 + (at[None, :, None] - cy) ** 2) / (2 * size**2))
        out += blot[..., None] * rng.random((n, 1, 1, 3))
    return Samples((255 * out / out.max(axis=(1, 2, 3), keepdims=True)).astype(np.uint8), name="blots")


def _retaken(rng: np.random.Generator) -> Any:
    def change(x: NumpyArray) -> NumpyArray:
        brighter = np.clip(x.astype(float) * rng.uniform(0.7, 0.95) + rng.normal(0, 3, x.shape), 0, 255).astype(
            np.uint8
        )
        brighter[::3] = brighter[::3, :, ::-1]
        return brighter

    return change


def _texts(rng: np.random.Generator, n: int) -> Samples:
    made = [" ".join(rng.choice(_WORDS, rng.integers(12, 30))) for _ in range(n)]
    return Samples(np.array(made, dtype=object), name="texts")


def _edited(rng: np.random.Generator) -> Any:
    def change(x: NumpyArray) -> NumpyArray:
        out = []
        for text in x:
            words = str(text).split()
            words[int(rng.integers(len(words)))] = "otherwise"
            out.append(" ".join(words).capitalize() + ".")
        return np.array(out, dtype=object)

    return change


def _sounds(rng: np.random.Generator, n: int) -> Samples:
    """Melodies of eight notes at 8 kHz, half a second."""
    t = np.arange(500) / 8000
    clips = []
    for _ in range(n):
        notes = [np.sin(2 * np.pi * f * t) * np.hanning(500) for f in rng.uniform(120, 3000, 8)]
        clips.append(np.concatenate(notes) * rng.uniform(0.3, 0.8))
    return Samples(np.array(clips, dtype=np.float32), rate=8000, name="melodies")


def _louder(rng: np.random.Generator) -> Any:
    def change(x: NumpyArray) -> NumpyArray:
        moved = np.roll(x * rng.uniform(0.4, 1.1), int(rng.integers(5, 40)), axis=1)
        return (moved + 0.002 * rng.normal(size=x.shape)).astype(np.float32)

    return change
