"""What is added on the way to the microphone: noise, other voices, hum, the room itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import sound
from momus.methods.corrupt import chance

_VOICES = 4
_MAINS = 50.0


@dataclass(frozen=True)
class Clips:
    """Which clips these are (n,), the seed of their chance, samples a second, and clips to make babble of."""

    seed: int
    index: NumpyArray
    rate: int
    voices: NumpyArray

    def normal(self, count: int) -> NumpyArray:
        """(n, count) float32 of mean 0 and spread 1."""
        out = np.empty((len(self.index), count), dtype=np.float32)
        for k, row in enumerate(self.index):
            chance.generator(self.seed, "normal", int(row)).standard_normal(out=out[k], dtype=np.float32)
        return out

    def uniform(self, stream: str, places: NumpyArray | int = 0) -> NumpyArray:
        """(n,) or (n, places) uniform."""
        at = self.index if np.ndim(places) == 0 else self.index[:, None]
        return chance.uniform(self.seed, stream, at, places)


def white_noise(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    return mixed(x, clips.normal(x.shape[1]), db)


def pink_noise(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """Noise whose power falls as 1/f."""
    size = padded(x.shape[1])
    spectrum = np.fft.rfft(clips.normal(size), axis=1)
    spectrum *= 1 / np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 1)).astype(np.float32)
    spectrum[:, 0] = 0
    return mixed(x, np.fft.irfft(spectrum, size, axis=1)[:, : x.shape[1]], db)


def babble(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """Four other clips, equally loud, each from a moment of its own."""
    voices = clips.voices
    ends = np.maximum(sound.lengths(voices), 1).astype(np.int64)
    heard = np.flatnonzero(np.abs(voices).max(axis=1) > 0)
    if not len(heard):
        return x
    power = np.sqrt((voices.astype(np.float64) ** 2).sum(axis=1) / ends)
    noise, t = np.zeros(x.shape), np.arange(x.shape[1])
    for v in range(_VOICES):
        which = heard[(clips.uniform(f"voice {v}") * len(heard)).astype(np.int64)]
        start = (clips.uniform(f"start {v}") * ends[which]).astype(np.int64)
        for k, (w, s) in enumerate(zip(which, start, strict=True)):
            noise[k] += voices[w][(t + s) % ends[w]] / power[w]
    return mixed(x, noise, db)


def hum(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """The mains: 50 Hz and four harmonics, each half as loud as the one before."""
    t = np.arange(x.shape[1]) / clips.rate
    phase = 2 * np.pi * clips.uniform("phase", np.arange(5))
    parts = [0.5**k * np.sin(2 * np.pi * _MAINS * (k + 1) * t[None] + phase[:, k : k + 1]) for k in range(5)]
    return mixed(x, np.sum(parts, axis=0), db)


def mixed(x: NumpyArray, noise: NumpyArray, db: float) -> NumpyArray:
    """``noise`` so loud that the clip up to its end is ``db`` above it; filling and silence stay as they are."""
    inside = np.arange(x.shape[1])[None] < sound.lengths(x)[:, None]
    noise = np.where(inside, noise, 0.0)
    signal = (x.astype(np.float64) ** 2).sum(axis=1)
    added = (noise.astype(np.float64) ** 2).sum(axis=1)
    gain = np.sqrt(signal / np.maximum(added, 1e-30)) * sound.amplitude(-db)
    return np.asarray(x + noise * gain[:, None])


def reverberation(x: NumpyArray, milliseconds: float, clips: Clips) -> NumpyArray:
    """A room's answer: the direct sound, and noise that starts as loud as it is and decays by 60 dB in this time."""
    decay = max(1, int(milliseconds / 1000 * clips.rate))
    early = min(int(0.002 * clips.rate) + 1, decay)
    tail = clips.normal(decay) * np.power(10.0, -3.0 * np.arange(decay) / decay)
    tail[:, :early] = 0
    energy = np.sqrt((tail**2).sum(axis=1, keepdims=True))
    # Rooms that ring longer are also fuller: the direct sound is 6 dB above all echoes at 200 ms, 4 dB below at 2 s.
    direct = 6.0 - 10.0 * np.log10(max(milliseconds, 1) / 200)
    room = tail / np.maximum(energy, 1e-12) * sound.amplitude(-direct)
    room[:, 0] = 1.0
    size = padded(x.shape[1] + decay)
    wet = np.fft.irfft(np.fft.rfft(x, size, axis=1) * np.fft.rfft(room, size, axis=1), size, axis=1)[:, : x.shape[1]]
    return as_loud(wet, x)


def as_loud(made: NumpyArray, x: NumpyArray) -> NumpyArray:
    """Turned to the energy that each clip had."""
    had, has = (np.sqrt((a.astype(np.float64) ** 2).sum(axis=1, keepdims=True)) for a in (x, made))
    return np.asarray(made * np.where(has > 0, had / np.maximum(has, 1e-30), 0.0))


def padded(samples: int) -> int:
    """A length at which Fourier transforms are fast."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(max(samples, 1), real=True))
