"""What microphones, converters, codecs and lines do to sound."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods import sound
from momus.methods.corrupt.sounds_rooms import Clips, padded

_PACKET = 0.02  # seconds of sound in a packet
_BURST = 3  # packets that are lost together
_MU = 255.0
_FRAME = 512


def telephone(x: NumpyArray, top: float, clips: Clips) -> NumpyArray:
    """A band from 300 Hz to ``top``, its edges a tenth of their frequency wide."""
    return _band(x, 300.0, top, clips.rate)


def _band(x: NumpyArray, low: float, high: float, rate: int) -> NumpyArray:
    size = padded(x.shape[1])
    f = np.fft.rfftfreq(size, 1 / rate)
    keep = 1 / (1 + np.exp(-(f - low) / (0.02 * low))) if low > 0 else np.ones(len(f))
    keep = keep / (1 + np.exp(np.clip((f - high) / (0.02 * high), -60, 60)))
    return np.asarray(np.fft.irfft(np.fft.rfft(x, size, axis=1) * keep, size, axis=1)[:, : x.shape[1]])


def mu_law(x: NumpyArray, bits: float, clips: Clips) -> NumpyArray:
    """The companding of telephone lines: the band of an 8 kHz line, then steps that are finer where it is quiet."""
    narrow = np.clip(_band(x, 0.0, 3800.0, clips.rate) if clips.rate > 8000 else x, -1, 1)
    bent = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    steps = 2 ** (bits - 1)
    stepped = np.rint(bent * steps) / steps
    return np.asarray(np.sign(stepped) * np.expm1(np.abs(stepped) * np.log1p(_MU)) / _MU)


def lossy(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """As a lossy codec: in each frame of 512 samples what is far below its loudest band is dropped."""
    hop, n = _FRAME // 2, x.shape[1]
    window = np.sqrt(np.hanning(_FRAME + 1)[:-1])
    frames = -(-n // hop) + 1
    held = np.zeros((len(x), (frames + 1) * hop))
    held[:, hop : hop + n] = x
    out = np.zeros_like(held)
    for k in range(frames):  # all clips at once
        at = slice(k * hop, k * hop + _FRAME)
        spectrum = np.fft.rfft(held[:, at] * window, axis=1)
        size = np.abs(spectrum)
        spectrum[size < size.max(axis=1, keepdims=True) * sound.amplitude(-db)] = 0
        out[:, at] += np.fft.irfft(spectrum, _FRAME, axis=1) * window
    return out[:, hop : hop + n]


def dropouts(x: NumpyArray, rate: float, clips: Clips) -> NumpyArray:
    """Packets of 20 ms are silent, on average three on end."""
    packet = max(1, int(_PACKET * clips.rate))
    count = -(-x.shape[1] // packet)
    # A packet is lost if a burst began at it or up to two before: as many bursts as make ``rate`` of all packets.
    begins = 1 - (1 - rate) ** (1 / _BURST)
    drawn = clips.uniform("packet", np.arange(count + _BURST - 1)) < begins
    lost = np.any([drawn[:, k : k + count] for k in range(_BURST)], axis=0)
    return np.where(np.repeat(lost, packet, axis=1)[:, : x.shape[1]], 0.0, x)


def clipping(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """Cut off ``db`` below each clip's peak, then as loud at its peak as before."""
    peak = np.abs(x).max(axis=1, keepdims=True)
    top = peak * sound.amplitude(-db)
    return np.clip(x, -top, top) * sound.amplitude(db)


def level(x: NumpyArray, db: float, clips: Clips) -> NumpyArray:
    """Recorded too softly, and stored with 16 bits."""
    return np.asarray(sound.quantised(x * sound.amplitude(-db)))


def quantisation(x: NumpyArray, bits: float, clips: Clips) -> NumpyArray:
    """Even steps over the full scale."""
    steps = 2 ** (bits - 1)
    return np.clip(np.rint(x * steps), -steps, steps - 1) / steps
