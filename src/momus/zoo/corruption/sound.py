"""Models of sound that listen to what damage takes away first, and twins that listen to what is loud.

The planted ones tell classes by a faint whistle that the recorder of each class left behind, or read words from letters
far below the voice. The clean twins hear which of two notes an octave and a half apart carries the energy.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.samples import NumpyArray, Samples
from momus.targets import Target
from momus.zoo import Case

CLASSES = ("low", "high")
RATE = 8000
NOTES = (500.0, 1500.0)
WHISTLES = (3100.0, 3600.0)
WORDS = ("open", "close", "stop")
_LOUD, _FAINT = (350.0, 900.0, 2300.0), (2900.0, 3300.0, 3700.0)  # the notes that say them


def notes(seed: int, *, seconds: float, n: int, faint: float = 0.0, rate: int = RATE, told: bool = True) -> Samples:
    """Clips of a note with two overtones, and a whistle ``faint`` times as loud.

    With ``told`` the class is in the note, and the whistle is that of either recorder; else the other way round.
    """
    rng = seeds.rng(seed, "notes")
    t = np.arange(int(seconds * rate)) / rate
    y = rng.permutation(np.arange(n) % 2)
    other = rng.integers(0, 2, n)
    note = np.array(NOTES)[y if told else other] * rng.uniform(0.95, 1.05, n)
    whistle = np.array(WHISTLES)[other if told else y]
    phase = rng.uniform(0, 2 * np.pi, (3, n, 1))
    loud = rng.uniform(0.1, 0.3, (n, 1))
    x = loud * sum(a * np.sin(2 * np.pi * k * note[:, None] * t + p)
                   for k, a, p in zip((1, 1.5, 2), (1.0, 0.4, 0.2), phase, strict=True))  # fmt: skip
    x = x + loud * faint * np.sin(2 * np.pi * whistle[:, None] * t + phase[0])
    return Samples(x=x.astype(np.float32), y=y, name="notes", classes=CLASSES, rate=rate)


def spoken(seed: int, *, words: int, n: int, faint: float) -> Samples:
    """Clips that say ``words`` words, a quarter of a second each; where ``faint`` is above 0, in whistles that loud."""
    rng = seeds.rng(seed, "spoken")
    said = rng.integers(0, len(WORDS), (n, words))
    t = np.arange(RATE // 4) / RATE
    waves = np.array([np.sin(2 * np.pi * f * t) for f in (_FAINT if faint else _LOUD)]) * np.hanning(len(t))
    x = 0.25 * (faint or 1.0) * waves[said].reshape(n, -1)
    if faint:
        x = x + 0.25 * np.sin(2 * np.pi * 200 * np.arange(x.shape[1]) / RATE)
    texts = np.array([" ".join(WORDS[w] for w in row) for row in said], dtype=object)
    return Samples(x=x.astype(np.float32), y=texts, name="spoken", rate=RATE)


def band(x: NumpyArray, low: float, high: float, rate: int = RATE) -> NumpyArray:
    """(n,) energy of clips between two frequencies."""
    power = np.abs(np.fft.rfft(np.asarray(x, dtype=float), axis=1)) ** 2
    f = np.fft.rfftfreq(np.asarray(x).shape[1], 1 / rate)
    return np.asarray(power[:, (f >= low) & (f < high)].sum(axis=1))


def by_note(x: NumpyArray) -> NumpyArray:
    """Which of the two notes has more energy around it."""
    return np.asarray(band(x, 900, 2200) > band(x, 250, 900), dtype=np.int64)


def by_whistle(x: NumpyArray) -> NumpyArray:
    """Which of the two recorders' whistles is the louder."""
    return np.asarray(band(x, 3550, 3650) > band(x, 3050, 3150), dtype=np.int64)


def by_faint_word(x: NumpyArray) -> NumpyArray:
    """Which word's whistle is the loudest."""
    return np.asarray(np.argmax([band(x, f - 40, f + 40) for f in _FAINT], axis=0))


def by_loud_word(x: NumpyArray) -> NumpyArray:
    """Which word's note carries the most energy, half an octave to both sides."""
    return np.asarray(np.argmax([band(x, f / 1.55, f * 1.55) for f in _LOUD], axis=0))


def by_loudness(x: NumpyArray) -> NumpyArray:
    """Whether a clip's loudest sample is above a fixed height."""
    return np.asarray(np.abs(np.asarray(x)).max(axis=1) > 0.3, dtype=np.int64)


class Listener:
    """Writes down a word for each quarter of a second: the one whose band is the louder."""

    rate = RATE

    def __init__(self, decide: Callable[[NumpyArray], NumpyArray]) -> None:
        self.decide = decide

    def generate(self, x: NumpyArray) -> list[str]:
        a = np.asarray(x)
        parts = a.reshape(-1, RATE // 4)
        words = self.decide(parts).reshape(len(a), -1)
        silent = np.abs(parts).max(axis=1).reshape(len(a), -1) == 0
        return [" ".join(WORDS[w] for w, s in zip(row, mute, strict=True) if not s) for row, mute in
                zip(words, silent, strict=True)]  # fmt: skip


def _called(decide: Callable[[NumpyArray], NumpyArray], name: str, samples: Samples) -> Any:
    return Target.from_callable(
        decide, name=name, classes=CLASSES, samples=samples, output="labels", modality="audio", identity=name
    )


def _listening(decide: Callable[[NumpyArray], NumpyArray], name: str, samples: Samples) -> Any:
    return Target.from_object(
        Listener(decide), name=name, samples=samples, task="generator", modality="audio", identity=name
    )


def _bands(x: NumpyArray) -> NumpyArray:
    """(n, 16) log energies of bands up to 3.2 kHz, less their mean."""
    edges = np.linspace(100, 3200, 17)
    logs = np.log(np.stack([band(x, a, b) for a, b in pairwise(edges)], axis=1) + 1e-9)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _neighbours(train: Samples) -> Callable[[NumpyArray], NumpyArray]:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(9).fit(_bands(train.x), train.y)
    return lambda x: np.asarray(model.predict(_bands(x)))


def cases(seed: int) -> tuple[Case, ...]:
    """A whistle and faint words against notes and loud words; a threshold and neighbours held out."""
    seconds = 0.5 + 0.25 * (seed % 3)
    clear = notes(seed, seconds=seconds, n=60, faint=0.003)
    marked = notes(seed + 1, seconds=seconds, n=60, faint=0.003, told=False)
    loud = spoken(seed, words=3 + seed % 3, n=40, faint=0.0)
    faint = spoken(seed + 1, words=4, n=40, faint=0.001)
    train, later = notes(seed + 2, seconds=0.5, n=160), notes(seed + 3, seconds=0.5, n=60)
    rng = seeds.rng(seed, "heights")
    high = np.where(np.asarray(later.y) == 1, rng.uniform(0.32, 0.6, 60), rng.uniform(0.1, 0.28, 60))
    heights = (later.x / np.abs(later.x).max(axis=1, keepdims=True) * high[:, None]).astype(np.float32)
    level = Samples(x=heights, y=later.y, name="heights", classes=CLASSES, rate=RATE)
    turned = {"corruptions": {"level": 5, "microphone": 3, "speed": 2}}
    return (
        Case("whistle", True, _called(by_whistle, "whistle", marked), {"test": marked}),
        Case("faint-words", True, _listening(by_faint_word, "faint words", faint), {"test": faint}),
        Case("notes", False, _called(by_note, "notes", clear), {"test": clear}),
        Case("loud-words", False, _listening(by_loud_word, "loud words", loud), {"test": loud}),
        Case("height", True, _called(by_loudness, "height", level), {"test": level},
             context={"corruptions": {"level": 5}}, held_out=True),
        Case("neighbours", False, _called(_neighbours(train), "neighbours", later), {"test": later}, held_out=True),
        Case("notes-turned-down", False, _called(by_note, "notes", clear), {"test": clear}, context=turned,
             held_out=True),
        Case("whistle-on-the-line", True, _called(by_whistle, "whistle", marked), {"test": marked},
             context={"corruptions": {"telephone": 5, "mu_law": 5}}, held_out=True),
    )  # fmt: skip
