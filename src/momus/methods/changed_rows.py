"""Rows changed a little and a little more: shifts, turns and noise for pictures, noise and switches for tables, dropped
words for texts. How long an answer stays the same tells how far from the boundary a model has put a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import ColumnKind, NumpyArray, Samples

PICTURE_NOISE = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)  # standard deviation as a share of the range
TABLE_NOISE = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # of a column's own standard deviation
SOUND_NOISE = (0.03, 0.1, 0.3, 1.0)  # of a clip's root mean square
DROPPED = (0.1, 0.2, 0.35, 0.5, 0.7)  # share of a text's words
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (2, 0), (-2, 0), (0, 2), (0, -2), (3, 3), (-3, -3))
TURNS = (-15, -8, -4, 4, 8, 15)  # degrees
_SWITCHED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)


@dataclass(frozen=True)
class Change:
    """One way to change rows. ``family`` says what kind, ``name`` which one of it; several copies may share a name."""

    family: str
    name: str
    make: Callable[[NumpyArray, np.random.Generator], NumpyArray]


def changes(samples: Samples, copies: int) -> list[Change]:
    """Every change for rows like ``samples``, random ones ``copies`` times. Scales are those of ``samples``."""
    if samples.is_image:
        return _of_pictures(samples.x, copies)
    if samples.is_text:
        return _repeated("words", [(f"{s:g}", _dropping(s)) for s in DROPPED], copies)
    if samples.is_sound:
        return _repeated("noise", [(f"{s:g}", _hissing(s)) for s in SOUND_NOISE], copies)
    if samples.x.ndim == 2:
        return _of_tables(samples, copies)
    return _repeated("noise", [(f"{s:g}", _noisy(s * _spread(samples.x))) for s in TABLE_NOISE], copies)


def _repeated(family: str, made: Sequence[tuple[str, Callable[..., NumpyArray]]], copies: int) -> list[Change]:
    return [Change(family, f"{family} {name}", make) for name, make in made for _ in range(copies)]


def _spread(x: NumpyArray) -> float:
    return float(np.nanstd(np.asarray(x, dtype=float))) if x.size else 1.0


def _of_pictures(x: NumpyArray, copies: int) -> list[Change]:
    whole = x.dtype.kind in "iu"
    low, high = (0.0, 255.0) if whole else (float(x.min(initial=0.0)), float(x.max(initial=1.0)))

    def noisy(deviation: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
        def make(rows: NumpyArray, rng: np.random.Generator) -> NumpyArray:
            made = rows + deviation * (high - low) * rng.standard_normal(rows.shape, dtype=np.float32)
            made = np.clip(made, low, high)
            return (np.round(made) if whole else made).astype(rows.dtype)

        return make

    fixed = [Change("moves", f"shift {d},{r}", _shifted(d, r)) for d, r in SHIFTS]
    fixed += [Change("turns", f"turn {angle}", _turned(angle)) for angle in TURNS]
    fixed.append(Change("moves", "mirror", lambda rows, _rng: rows[:, :, ::-1]))
    return [*fixed, *_repeated("noise", [(f"{s:g}", noisy(s)) for s in PICTURE_NOISE], copies)]


def _shifted(down: int, right: int) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
    def make(rows: NumpyArray, _rng: np.random.Generator) -> NumpyArray:
        h, w = rows.shape[1:3]
        down_to, right_to = np.clip(np.arange(h) - down, 0, h - 1), np.clip(np.arange(w) - right, 0, w - 1)
        return rows[:, down_to[:, None], right_to]

    return make


def _turned(angle: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
    def make(rows: NumpyArray, _rng: np.random.Generator) -> NumpyArray:
        made: NumpyArray = scipy.ndimage.rotate(rows, angle, axes=(2, 1), reshape=False, order=1, mode="nearest")
        return made

    return make


def _of_tables(samples: Samples, copies: int) -> list[Change]:
    """Noise on numbers in their own units; categories, flags and one-hot groups are taken from another row."""
    x = np.asarray(samples.x, dtype=float)
    scale = np.nanstd(x, axis=0) if len(x) else np.ones(x.shape[1])
    blocks: dict[str, list[int]] = {}
    for j, column in enumerate(samples.columns):
        if column.one_hot is not None or column.kind in _SWITCHED:
            blocks.setdefault(column.one_hot or f"\0{j}", []).append(j)
    scale = np.where(np.isin(np.arange(x.shape[1]), [j for b in blocks.values() for j in b]), 0.0, scale)
    groups = [np.array(b) for b in blocks.values()]

    def noisy(level: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
        def make(rows: NumpyArray, rng: np.random.Generator) -> NumpyArray:
            made = rows + level * scale * rng.normal(size=rows.shape)
            for group in groups:
                switched = rng.random(len(rows)) < min(0.5, level / 2)
                donor = x[rng.integers(0, len(x), len(rows))]
                made[np.ix_(switched, group)] = donor[np.ix_(switched, group)]
            return made

        return make

    return _repeated("noise", [(f"{s:g}", noisy(s)) for s in TABLE_NOISE], copies)


def _noisy(deviation: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
    def make(rows: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        made: NumpyArray = rows + deviation * rng.normal(size=rows.shape)
        return made

    return make


def _hissing(level: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
    def make(rows: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        loud = np.sqrt(np.mean(np.square(rows, dtype=np.float64), axis=1, keepdims=True))
        made = rows + level * loud * rng.normal(size=rows.shape)
        clipped: NumpyArray = np.clip(made, -1, 1).astype(rows.dtype)
        return clipped

    return make


def _dropping(share: float) -> Callable[[NumpyArray, np.random.Generator], NumpyArray]:
    def make(rows: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        out = np.empty(len(rows), dtype=object)
        for i, text in enumerate(rows):
            words = str(text).split()
            kept = [w for w, u in zip(words, rng.random(len(words)), strict=True) if u >= share]
            out[i] = " ".join(kept or words[:1])
        return out

    return make
