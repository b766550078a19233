"""What rows are compared by when near copies are looked for: thumbnails, spectral fingerprints, continuous columns."""

from __future__ import annotations

import numpy as np
import scipy

from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import describe, filled
from momus.methods.sound import lengths

SIDE = 16  # thumbnails
SLICES, BANDS = 32, 24
_FLAT = 1e-6


def features(samples: Samples, like: Samples | None = None) -> NumpyArray:
    """(n, d) numbers in which near copies lie near. Rows that show nothing (a blank picture, silence) become NaN.

    Pictures: thumbnails freed of brightness and contrast. Sound: the energy in 24 bands over 32 slices of the part that
    is heard, freed of loudness. Tables: columns of many values, scaled by the spread they have in ``like``, the
    training data; a table without two such columns gives (n, 0): only equal rows can be told there.
    """
    if samples.is_image:
        return thumbnails(samples.x)
    if samples.is_sound:
        return fingerprints(samples.x, samples.rate or 16_000)
    return _columns(samples, samples if like is None else like)


def grey(x: NumpyArray, side: int) -> NumpyArray:
    """(n, side, side) mean grey levels in [0, 1] of pictures (n, h, w, c); smaller ones keep their size."""
    a = np.asarray(x[..., :3] if x.shape[-1] >= 3 else x[..., :1])
    out = np.empty((len(a), min(side, a.shape[1]), min(side, a.shape[2])), np.float32)
    rows, columns = (np.linspace(0, s, min(side, s) + 1).astype(int)[:-1] for s in a.shape[1:3])
    area = np.diff(np.append(rows, a.shape[1]))[:, None] * np.diff(np.append(columns, a.shape[2]))[None, :]
    for i in range(0, len(a), 256):
        part = a[i : i + 256].astype(np.float32).mean(axis=-1)
        out[i : i + 256] = np.add.reduceat(np.add.reduceat(part, rows, axis=1), columns, axis=2) / area
    out /= np.float32(255 if a.dtype == np.uint8 else 1)
    return out


def thumbnails(x: NumpyArray, *, mirrored: bool = False) -> NumpyArray:
    """(n, d) thumbnails of mean 0 and length 1; ``mirrored``: of the pictures as in a mirror."""
    small = grey(x, SIDE)
    return _standard((small[:, :, ::-1] if mirrored else small).reshape(len(small), -1))


def hashes(x: NumpyArray) -> NumpyArray:
    """(n,) uint64 perceptual hashes: the signs of the 64 lowest frequencies of the picture, the mean left out."""
    small = grey(x, 32)
    spectrum = scipy.fft.dctn(small, axes=(1, 2), norm="ortho")[:, :9, :9].reshape(len(small), -1)[:, 1:65]
    bits = np.zeros((len(small), 64), np.uint64)
    bits[:, : spectrum.shape[1]] = spectrum > np.median(spectrum, axis=1, keepdims=True)
    weights = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))
    return np.asarray((bits * weights).sum(axis=1, dtype=np.uint64))


def fingerprints(x: NumpyArray, rate: int) -> NumpyArray:
    """(n, 768) log energies by band and slice of what is heard of each clip, mean 0 and length 1."""
    edges = np.geomspace(60, max(rate / 2, 120), BANDS + 1)
    out = np.zeros((len(x), SLICES * BANDS), np.float32)
    for i, (clip, end) in enumerate(zip(np.asarray(x), lengths(x), strict=True)):
        loud = np.flatnonzero(np.abs(clip[:end]) > 0.02 * np.abs(clip).max(initial=0))
        if len(loud) < 2:
            continue
        heard = clip[loud[0] : loud[-1] + 1]
        step = max(1, len(heard) // SLICES)
        width = max(64, 2 * step)
        padded = np.pad(heard, (0, width + SLICES * step))
        frames = np.stack([padded[k * step : k * step + width] for k in range(SLICES)]) * np.hanning(width)
        power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        place = np.clip(np.searchsorted(edges, np.fft.rfftfreq(width, 1 / rate), side="right") - 1, 0, BANDS - 1)
        energy = np.stack([power[:, place == b].sum(axis=1) for b in range(BANDS)], axis=1)
        out[i] = np.log(energy + 1e-4 * energy.max()).ravel()
    return _standard(out)


def _standard(a: NumpyArray) -> NumpyArray:
    a = a - a.mean(axis=1, keepdims=True)
    size = np.linalg.norm(a, axis=1, keepdims=True)
    return np.where(size > _FLAT * np.sqrt(a.shape[1]), a / np.maximum(size, _FLAT), np.nan).astype(np.float32)


def continuous(train: Samples) -> NumpyArray:
    """Mask of the described columns of a table that hardly repeat a value: at least 20 values, one in ten rows new."""
    seen = describe(train)
    many = np.array([len(np.unique(c[np.isfinite(c)])) for c in seen.values.T], dtype=float)
    return np.asarray(seen.numeric & (many >= max(20, 0.1 * len(train))))


def _columns(samples: Samples, like: Samples) -> NumpyArray:
    use = continuous(like)
    if use.sum() < 2:
        return np.zeros((len(samples), 0))
    a, b = describe(samples).values[:, use], describe(like).values[:, use]
    low, middle, high = np.nanquantile(b, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, np.nanstd(b, axis=0) + 1e-12)
    return np.asarray((filled(a, b) - middle) / spread)


def agree(a: Samples, b: Samples, like: Samples) -> NumpyArray:
    """(n,) True where the rows of two tables agree in every column that is not continuous in ``like``."""
    rest = ~continuous(like)
    left, right = describe(a).values[:, rest], describe(b).values[:, rest]
    return np.asarray(((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1))
