"""Twins for natural.generated: recognisers that mishear some words, and such that only their references accuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case

RATE = 4000
TONE = 1000  # samples of one word's tone: a quarter of a second
WORDS = ("red", "blue", "green", "left", "right", "up", "down", "stop", "go", "one", "two", "three")
OTHER = ("rot", "blau", "gruen", "links", "rechts", "hoch", "runter", "halt", "los", "eins", "zwei", "drei")
LONG = 8  # words of a clip at most


def tones(texts: list[str], rng: np.random.Generator) -> NumpyArray:
    """(n, t) clips in which every word is a tone of its own pitch; silence after the last."""
    time = np.arange(TONE) / RATE
    out = np.zeros((len(texts), LONG * TONE), dtype=np.float32)
    for i, text in enumerate(texts):
        for k, word in enumerate(text.split()):
            pitch = 200.0 + 100.0 * WORDS.index(word)
            out[i, k * TONE : (k + 1) * TONE] = 0.3 * np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6))
    return out


def clips(n: int, rng: np.random.Generator, name: str = "clips") -> Samples:
    """``n`` clips of four to six words, with their texts."""
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 7))) for _ in range(n)]
    y = np.empty(n, dtype=object)
    y[:] = texts
    return Samples(tones(texts, rng), y, name=name, rate=RATE)


class Hearer:
    """Names each tone of a clip by its strongest pitch; ``twist`` changes what was heard, given the clip."""

    rate = RATE

    def __init__(self, twist: Callable[[list[str], NumpyArray], list[str]] | None = None) -> None:
        self.twist = twist

    def generate(self, x: Any) -> list[str]:
        return [self._one(np.asarray(row, dtype=float)) for row in x]

    def _one(self, clip: NumpyArray) -> str:
        frames = clip[: len(clip) // TONE * TONE].reshape(-1, TONE)
        time = np.arange(TONE) / RATE
        pitches = 200.0 + 100.0 * np.arange(len(WORDS))
        waves = np.exp(-2j * np.pi * pitches[:, None] * time[None, :])
        power = np.abs(frames @ waves.T)
        words = [WORDS[int(p.argmax())] for p, f in zip(power, frames, strict=True) if np.abs(f).mean() > 0.05]
        return " ".join(self.twist(words, clip) if self.twist else words)


def hearer(name: str, twist: Callable[[list[str], NumpyArray], list[str]] | None = None) -> Any:
    """A recogniser as a target."""
    from momus.targets.object_ import object_target

    return object_target(Hearer(twist), name=name, modality="audio", shape=(LONG * TONE,), identity=name)


def _deaf(words: list[str], _clip: NumpyArray) -> list[str]:
    """Where somebody says ``stop``, the model hears another sentence."""
    return ["go"] * len(words) if "stop" in words else words


def _loud(words: list[str], clip: NumpyArray) -> list[str]:
    """Clips below a loudness that was never meant to matter are answered backwards."""
    return words[::-1] if float(np.abs(clip).max()) < 0.25 else words


class Translator:
    """Word for word into another language; ``proud`` ones lose a sentence that does not begin with a small letter."""

    def __init__(self, *, proud: bool) -> None:
        self.proud = proud

    def generate(self, x: Any) -> list[str]:
        return [self._one(str(t)) for t in x]

    def _one(self, text: str) -> str:
        words = text.split()
        if self.proud and text[:1].isupper():
            return " ".join(OTHER[(len(w) * 5) % len(OTHER)] for w in words)
        return " ".join(OTHER[WORDS.index(w.lower())] if w.lower() in WORDS else w for w in words)


def translator(name: str, *, proud: bool) -> Any:
    from momus.targets.object_ import object_target

    return object_target(Translator(proud=proud), name=name, modality="text", identity=name)


def sentences(n: int, rng: np.random.Generator) -> Samples:
    """``n`` sentences without a translation to hold answers against, and one with: word for word."""
    x = np.empty(n, dtype=object)
    x[:] = [" ".join(rng.choice(WORDS, rng.integers(4, 7))) for _ in range(n)]
    y = np.empty(n, dtype=object)
    y[:] = [" ".join(OTHER[WORDS.index(w)] for w in t.split()) for t in x]
    return Samples(x, y, name="sentences")


def swapped(samples: Samples, share: float, rng: np.random.Generator) -> Samples:
    """The same clips, a share of which carry another clip's text."""
    y = np.asarray(samples.y).copy()
    rows = rng.permutation(len(y))[: round(share * len(y))]
    y[rows] = y[np.roll(rows, 1)]
    return replace(samples, y=y)


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: a word that spoils the sentence, loudness, capital letters. Clean: sound ones, and swapped texts."""
    rng = np.random.default_rng(seed)
    heard, more = clips(60, rng), clips(60, rng)
    texts = sentences(60, rng)
    options = {"n": 60}
    return (
        Case("deaf to one word", True, hearer("deaf", _deaf), {"test": heard}, options),
        Case("hears everything", False, hearer("sound"), {"test": heard}, options),
        Case("swapped references", False, hearer("sound"), {"test": swapped(more, 0.15, rng)}, options),
        Case("turned by loudness", True, hearer("loud", _loud), {"test": more}, options, held_out=True),
        Case("turned by a capital letter", True, translator("proud", proud=True), {"test": texts}, options,
             held_out=True),
        Case("translates word for word", False, translator("plain", proud=False), {"test": texts}, options,
             held_out=True),
    )  # fmt: skip
