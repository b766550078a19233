"""Changes after which a person would give the same answer, for every kind of input.

They are meant to be beyond dispute, so that two different answers prove one of them wrong: a picture a pixel to the
side or four per cent brighter, a text with another case or spacing, a clip a little louder or later, a number rounded
to a hundredth of its column's spread. Mirroring is left to photographs: a mirrored letter is another one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from momus.core.samples import ColumnKind, NumpyArray, Samples

_PHOTO = 64  # pixels a side from which a colour picture counts as a photograph
_LIGHT = 1.04
_DECIBELS = 3.0
_LATER = 0.02  # seconds
_NOISE = 40.0  # decibels below the clip


def variants(samples: Samples, rng: np.random.Generator, *, noise: bool = False) -> Iterator[tuple[str, NumpyArray]]:
    """(name, x) pairs, x as ``samples.x``; nothing for data of other kinds.

    ``noise`` also adds noise 40 dB below each clip of sound, the only change that is drawn by chance.
    """
    if samples.is_image:
        yield from _pictures(samples.x)
    elif samples.is_text:
        yield from _texts(samples.x)
    elif samples.is_sound:
        yield from _clips(samples.x, samples.rate or 16_000, rng, noise)
    elif samples.is_table:
        yield from _rows(samples)


def _pictures(x: NumpyArray) -> Iterator[tuple[str, NumpyArray]]:
    for name, axis, step in (("one pixel right", 2, 1), ("one pixel left", 2, -1), ("one pixel down", 1, 1)):
        yield name, moved(x, axis, step)
    top = 255.0 if x.dtype == np.uint8 else 1.0
    for name, factor in (("brighter by 4 %", _LIGHT), ("darker by 4 %", 1 / _LIGHT)):
        lit = np.clip(x.astype(np.float32) * factor, 0, top)
        yield name, (np.rint(lit) if x.dtype == np.uint8 else lit).astype(x.dtype)
    if x.shape[-1] >= 3 and min(x.shape[1:3]) >= _PHOTO:
        yield "mirrored", np.ascontiguousarray(x[:, :, ::-1])


def moved(x: NumpyArray, axis: int, step: int) -> NumpyArray:
    """Pictures moved by whole pixels; the border is repeated."""
    index = np.clip(np.arange(x.shape[axis]) - step, 0, x.shape[axis] - 1)
    return np.asarray(np.take(x, index, axis=axis))


def _texts(x: NumpyArray) -> Iterator[tuple[str, NumpyArray]]:
    def each(change: object) -> NumpyArray:
        out = np.empty(len(x), dtype=object)
        out[:] = [change(str(t)) for t in x]  # type: ignore[operator]
        return out

    yield "lower case", each(str.lower)
    yield "first letter in upper case", each(lambda t: t[:1].upper() + t[1:])
    yield "space at both ends", each(lambda t: f" {t} ")
    yield "double spaces", each(lambda t: t.replace(" ", "  "))
    yield "new line at the end", each(lambda t: f"{t}\n")


def _clips(x: NumpyArray, rate: int, rng: np.random.Generator, noise: bool) -> Iterator[tuple[str, NumpyArray]]:
    quieter = 10 ** (-_DECIBELS / 20)
    yield "3 dB quieter", (x * np.float32(quieter)).astype(x.dtype)
    peak = np.abs(x).max(axis=1, keepdims=True, initial=0)
    louder = np.minimum(1 / quieter, 0.999 / np.maximum(peak, 1e-6))
    yield "up to 3 dB louder", (x * np.maximum(louder, 1.0)).astype(x.dtype)
    later = np.zeros_like(x)
    step = min(max(1, round(_LATER * rate)), max(1, x.shape[1] - 1))
    later[:, step:] = x[:, :-step]
    yield "20 ms later", later
    if noise:
        power = np.sqrt((x.astype(float) ** 2).sum(axis=1) / np.maximum((x != 0).sum(axis=1), 1))
        scale = (power * 10 ** (-_NOISE / 20))[:, None]
        yield "noise at 40 dB", np.clip(x + scale * rng.standard_normal(x.shape), -1, 1).astype(x.dtype)


def _rows(samples: Samples) -> Iterator[tuple[str, NumpyArray]]:
    x = np.asarray(samples.x, dtype=float)
    steps = grid(samples)
    if not (steps > 0).any():
        return
    usable = steps > 0
    safe = np.where(usable, steps, 1.0)
    yield "rounded", np.where(usable, np.rint(x / safe) * safe, x)
    lows = np.array([-np.inf if c.low is None else c.low for c in samples.columns] or [-np.inf])
    highs = np.array([np.inf if c.high is None else c.high for c in samples.columns] or [np.inf])
    for name, sign in (("a little more", 0.5), ("a little less", -0.5)):
        yield name, np.where(usable, np.clip(x + sign * safe, lows, highs), x)


def grid(samples: Samples) -> NumpyArray:
    """(d,) the step that each column may be rounded to: a power of ten, at most 1 % of its standard deviation.

    0 for columns that hold codes, whole numbers, one-hot members, or one value only.
    """
    x = np.asarray(samples.x, dtype=float)
    out = np.zeros(x.shape[1])
    for j in range(x.shape[1]):
        held = x[np.isfinite(x[:, j]), j]
        column = samples.columns[j] if j < len(samples.columns) else None
        counted = column is not None and (column.kind is not ColumnKind.NUMERIC or column.one_hot is not None)
        if len(held) < 2 or counted or np.all(held == np.rint(held)):
            continue
        spread = float(held.std())
        if spread > 0:
            out[j] = 10.0 ** np.floor(np.log10(0.01 * spread))
    return out
