"""What sound is measured in: loudness in decibels, signal to noise, length; and arrays to WAV bytes for evidence."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray

Array = Any
STEPS = 32768  # a 16-bit sample is one of these steps to either side
QUIETEST = 0.5 / STEPS  # below half a step nothing is left once the clip is saved


def peaks(x: Array) -> Array:
    """(n,) largest sample of each clip, without its sign."""
    return array_namespace(x).max(array_namespace(x).abs(x), axis=1)


def decibels(ratio: Array) -> Array:
    """20 log10 of an amplitude ratio; -inf for 0."""
    xp = array_namespace(ratio)
    tiny = xp.where(ratio > 0, ratio, xp.ones_like(ratio))
    return xp.where(ratio > 0, 20 * xp.log10(tiny), -xp.inf)


def loudness(change: Array, x: Array) -> Array:
    """(n,) dB by which the loudest sample of a change lies below (negative) the loudest of its clip.

    The measure of Carlini & Wagner (arXiv 1801.01944). -inf where nothing changed; +inf for a change of silence.
    """
    xp = array_namespace(x)
    own, added = peaks(x), peaks(change)
    out = decibels(added / xp.where(own > 0, own, xp.ones_like(own)))
    return xp.where((own == 0) & (added > 0), xp.full_like(out, xp.inf), out)


def signal_to_noise(change: Array, x: Array) -> Array:
    """(n,) dB between the energy of each clip and that of its change; +inf where nothing changed."""
    xp = array_namespace(x)
    noise, signal = xp.sum(change * change, axis=1), xp.sum(x * x, axis=1)
    ratio = signal / xp.where(noise > 0, noise, xp.ones_like(noise))
    return xp.where(noise > 0, decibels(ratio) / 2, xp.full_like(noise, xp.inf))


def amplitude(db: float) -> float:
    """The amplitude ratio of so many decibels: -20 gives 0.1."""
    return float(10 ** (db / 20))


def lengths(x: NumpyArray) -> NumpyArray:
    """(n,) samples up to the last one that is not zero: what follows is filling."""
    heard = np.asarray(x) != 0
    return np.where(heard.any(axis=1), heard.shape[1] - np.argmax(heard[:, ::-1], axis=1), 0) if len(x) else np.zeros(0)


def within(length: NumpyArray, x: Array) -> Array:
    """(n, t) booleans in the library of ``x``: before the end of each clip."""
    xp = array_namespace(x)
    ends = xp.asarray(np.asarray(length, dtype=np.int64), device=device(x))
    return xp.arange(x.shape[1], dtype=xp.int64, device=device(x))[None, :] < ends[:, None]


def quantised(x: Array) -> Array:
    """The clips as a 16-bit file holds them, still floats in [-1, 1)."""
    xp = array_namespace(x)
    return xp.clip(xp.round(x * STEPS), -STEPS, STEPS - 1) / STEPS


def wav(x: NumpyArray, rate: int) -> bytes:
    """A mono 16-bit WAV file of one clip (t,)."""
    whole = np.clip(np.rint(np.asarray(x, dtype=np.float64) * STEPS), -STEPS, STEPS - 1).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.tobytes())
    return out.getvalue()


def envelope(x: NumpyArray, rate: int, points: int = 120) -> tuple[NumpyArray, NumpyArray]:
    """(seconds, dB below full scale) of one clip (t,), the largest sample of each of ``points`` pieces; floor -100."""
    x = np.abs(np.asarray(x, dtype=np.float64))
    starts = np.unique(np.linspace(0, max(len(x), 1), points + 1).astype(np.int64)[:-1])
    if not len(x):
        return np.zeros(0), np.zeros(0)
    return starts / rate, np.maximum(20 * np.log10(np.maximum(np.maximum.reduceat(x, starts), 1e-5)), -100.0)
