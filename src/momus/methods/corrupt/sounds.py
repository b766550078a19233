"""Corruptions of sound at five severities: rooms, lines, codecs and microphones, when nobody attacks.

The severity contract
---------------------
Severity 1 is mild, 5 is severe; :data:`SETTINGS` says what each means, in dB, Hz, ms or steps. Equal seed and rows
give equal bytes; chance belongs to a clip's number and not to its place in a batch. Clips keep their length and lie in
[-1, 1]: a mixture that would be louder is turned down as a whole. Filling at the end of a clip stays silent, but for
what rings on into it.
"""

from __future__ import annotations

import numpy as np

from momus.core import seeds
from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods.corrupt import sounds_lines as lines
from momus.methods.corrupt import sounds_rooms as rooms
from momus.methods.corrupt import sounds_time as times
from momus.methods.corrupt.sounds_rooms import Clips

__all__ = ["FAMILIES", "NAMES", "SETTINGS", "corrupt", "told"]

_SNR = (30.0, 20.0, 10.0, 5.0, 0.0)
FAMILIES: dict[str, tuple[str, ...]] = {
    "noise": ("white_noise", "pink_noise", "babble", "hum"),
    "room": ("reverberation",),
    "line": ("telephone", "mu_law", "lossy", "dropouts"),
    "microphone": ("clipping", "level", "quantisation"),
    "time": ("speed", "pitch"),
}
NAMES: tuple[str, ...] = tuple(name for members in FAMILIES.values() for name in members)
# Name -> (what the number of each severity means, the five numbers).
SETTINGS: dict[str, tuple[str, tuple[float, ...]]] = {
    "white_noise": ("dB signal to noise", _SNR),
    "pink_noise": ("dB signal to noise", _SNR),
    "babble": ("dB signal to four other clips of the set", _SNR),
    "hum": ("dB signal to hum of 50 Hz and four harmonics", _SNR),
    "reverberation": ("ms until the room has decayed by 60 dB", (200, 400, 700, 1200, 2000)),
    "telephone": ("Hz, upper end of the band that starts at 300 Hz", (6000, 4500, 3400, 2500, 1500)),
    "mu_law": ("bits of mu-law coding at 8 kHz", (8, 7, 6, 5, 4)),
    "lossy": ("dB below the loudest band of a frame under which bands are dropped, as a lossy codec does",
              (60, 45, 35, 25, 15)),
    "dropouts": ("share of the packets of 20 ms that are lost, in bursts", (0.02, 0.05, 0.10, 0.20, 0.40)),
    "clipping": ("dB by which the peaks are cut", (3, 6, 12, 20, 30)),
    "level": ("dB turned down, then 16 bits", (10, 20, 30, 45, 60)),
    "quantisation": ("bits", (10, 8, 6, 5, 4)),
    "speed": ("share by which it runs too fast or too slow", (0.03, 0.07, 0.15, 0.25, 0.40)),
    "pitch": ("semitones up or down, length kept", (0.5, 1, 2, 4, 7)),
}  # fmt: skip
_WAYS = {**vars(rooms), **vars(lines), **vars(times)}


def corrupt(
    x: NumpyArray,
    name: str,
    severity: int,
    seed: int,
    rate: int,
    *,
    rows: NumpyArray | None = None,
    voices: NumpyArray | None = None,
) -> NumpyArray:
    """Corrupt clips of sound.

    Parameters
    ----------
    x : (n, t) floats in [-1, 1], zeros after the end of shorter clips.
    name : one of :data:`NAMES`.
    severity : 1 (least) to 5, see :data:`SETTINGS`.
    seed : equal seeds give equal bytes for equal rows.
    rate : samples a second.
    rows : (n,) numbers of the clips, 0 to n - 1 where left out: whose chance each clip gets.
    voices : (m, t') clips of which babble is made; ``x`` itself where left out.

    Returns
    -------
    A new (n, t) float32 array. A silent clip stays silent: there is nothing to measure noise against.

    Raises
    ------
    DataError for an unknown name or severity, a rate below 1, or another shape.

    Cost
    ----
    A few passes or Fourier transforms over n x t samples; pitch about a dozen.
    """
    if name not in SETTINGS:
        raise DataError(f"no corruption '{name}' of sound", hint=f"One of: {', '.join(NAMES)}")
    if severity not in (1, 2, 3, 4, 5):
        raise DataError(f"severity {severity!r} is not one of 1, 2, 3, 4, 5")
    x = np.asarray(x, dtype=np.float32)
    if x.ndim != 2 or rate < 1:
        raise DataError(f"sound must be (n, samples) at a rate of 1 Hz or more, not {x.shape} at {rate}")
    if not x.size:
        return x.copy()
    index = np.arange(len(x)) if rows is None else np.asarray(rows, dtype=np.int64)
    clips = Clips(seeds.derive(seed, "sound", name), index, rate, x if voices is None else np.asarray(voices))
    made = np.asarray(_WAYS[name](x, SETTINGS[name][1][severity - 1], clips), dtype=np.float32)
    peak = np.abs(made).max(axis=1, keepdims=True)
    return np.asarray(made / np.maximum(peak, 1.0), dtype=np.float32)


def told(name: str, severity: int) -> str:
    """``10 dB signal to noise``: what a severity means."""
    words, numbers = SETTINGS[name]
    return f"{numbers[severity - 1]:g} {words}"
