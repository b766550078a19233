"""Clocks that run wrong and voices that are higher or lower."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import sound
from momus.methods.corrupt.sounds_rooms import Clips, as_loud

_FRAME, _HOP = 1024, 256


def speed(x: NumpyArray, share: float, clips: Clips) -> NumpyArray:
    """Every second clip at random runs slow, where that fits into the array, and the others fast; pitch moves too."""
    ends = sound.lengths(x)
    slow = (clips.uniform("slow") < 0.5) & (ends / (1 - share) <= x.shape[1])
    factor = np.where(slow, 1 - share, 1 + share)
    # What the low pass smears beyond the end of a clip is no part of it.
    inside = np.arange(x.shape[1])[None] < (ends / factor)[:, None]
    return np.where(inside, resampled(x, factor), 0.0)


def resampled(x: NumpyArray, factor: NumpyArray) -> NumpyArray:
    """Clip k as if played ``factor[k]`` times as fast, by cubic interpolation after a low pass; silence at the end."""
    n = x.shape[1]
    at = np.arange(n)[None] * factor[:, None]
    # What would lie above half the rate afterwards is taken away before.
    spectrum = np.fft.rfft(x, axis=1)
    share = np.arange(spectrum.shape[1])[None] / max(1, spectrum.shape[1] - 1)
    kept = np.fft.irfft(spectrum * (share <= 1 / np.maximum(factor, 1.0)[:, None]), n, axis=1) if n > 1 else x
    low = np.floor(at).astype(np.int64)
    f = at - low
    a, b, c, d = (np.take_along_axis(kept, np.clip(low + k, 0, n - 1), axis=1) for k in (-1, 0, 1, 2))
    made = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
    return np.asarray(np.where(at <= n - 1, made, 0.0))


def pitch(x: NumpyArray, semitones: float, clips: Clips) -> NumpyArray:
    """Up or down at random with the length kept: a phase vocoder stretches, and playing faster shrinks back."""
    ratio = np.power(2.0, np.where(clips.uniform("up") < 0.5, semitones, -semitones) / 12)
    out = np.zeros(x.shape)
    for r in np.unique(ratio):
        which = ratio == r
        stretched = _stretched(x[which], float(r))
        out[which] = resampled(stretched, np.full(int(which.sum()), r))[:, : x.shape[1]]
    inside = np.arange(x.shape[1])[None] < sound.lengths(x)[:, None]
    return as_loud(np.where(inside, out, 0.0), x)


def _stretched(x: NumpyArray, ratio: float) -> NumpyArray:
    """(n, at least ratio * t): ``ratio`` times as long at the same pitch (phase vocoder, Flanagan & Golden 1966)."""
    n = x.shape[1]
    window = np.hanning(_FRAME + 1)[:-1]
    held = np.pad(x, ((0, 0), (_FRAME, 2 * _FRAME)))
    count = (held.shape[1] - _FRAME) // _HOP
    frames = np.lib.stride_tricks.sliding_window_view(held, _FRAME, axis=1)[:, ::_HOP][:, :count]
    spectra = np.fft.rfft(frames * window, axis=2)
    steps = np.arange(0, count - 1, 1 / ratio)
    advance = 2 * np.pi * _HOP * np.arange(spectra.shape[2]) / _FRAME
    phase = np.angle(spectra[:, 0])
    out = np.zeros((len(x), len(steps) * _HOP + _FRAME))
    weight = np.zeros(out.shape[1])
    size, angle = np.abs(spectra), np.angle(spectra)
    for k, s in enumerate(steps):
        i, f = int(s), s - int(s)
        grown = (1 - f) * size[:, i] + f * size[:, i + 1]
        at = slice(k * _HOP, k * _HOP + _FRAME)
        out[:, at] += np.fft.irfft(grown * np.exp(1j * phase), _FRAME, axis=1) * window
        weight[at] += window**2
        moved = angle[:, i + 1] - angle[:, i] - advance
        phase = phase + advance + moved - 2 * np.pi * np.rint(moved / (2 * np.pi))
    out /= np.maximum(weight, 1e-3)
    start = round(_FRAME * ratio)
    wanted = int(np.ceil(n * ratio)) + 4
    found = out[:, start : start + wanted]
    short = max(wanted, n) - found.shape[1]
    return np.pad(found, ((0, 0), (0, max(0, short))))
