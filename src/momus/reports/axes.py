"""Scales, ticks and the width of words: what a plot needs to know before it draws."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable

# Beyond this the difference of two ends overflows; a picture could not show it anyway.
_LARGEST = 1e300
_WIDE, _NARROW = frozenset("mwMW%@QOGDHNU—→×"), frozenset("iljtfrI.,:;'|!()[]/ -1")


class Scale:
    """Numbers to places on the page, straight or by powers of ten."""

    def __init__(self, values: Iterable[float], at: tuple[float, float], *, log: bool = False, spare: float = 0.0):
        self.log = log
        kept = [self._straight(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
        low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            pad = abs(low) * 0.1 or 0.5
            low, high = low - pad, high + pad
        pad = (high - low) * spare
        self.low, self.high, self.at = low - pad, high + pad, at

    def _straight(self, value: float) -> float:
        return math.log10(value) if self.log else max(-_LARGEST, min(_LARGEST, value))

    def fix(self, low: float, high: float) -> None:
        """Use these ends, whatever the values are."""
        self.low, self.high = low, high

    def __call__(self, value: float) -> float:
        """The place of a value, to a tenth of a unit: less than a screen shows."""
        share = (self._straight(value) - self.low) / (self.high - self.low)
        return round(self.at[0] + (self.at[1] - self.at[0]) * share, 1)

    def shows(self, value: float) -> bool:
        """Whether the scale has a place for it: a logarithm has none for zero."""
        return math.isfinite(value) and (value > 0 or not self.log)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round numbers between the ends, and how they are written."""
        return self._decades(most) if self.log else self._even(most)

    def _even(self, most: int) -> list[tuple[float, str]]:
        raw = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next((m * unit for m in (1, 2, 2.5, 5) if m * unit >= raw * 0.999), 10 * unit)
        first = math.ceil(self.low / step - 1e-9)
        found = [(first + k) * step for k in range(most + 2)]
        within = [v for v in found if v <= self.high + step * 1e-9]
        places = max(0, -math.floor(math.log10(step) + 1e-9)) + (abs(step / unit - 2.5) < 1e-9 and step < 10)
        large = max((abs(v) for v in within), default=0.0)
        plain = large < 1e7 and places <= 6
        return [(v, f"{v + 0.0:,.{places}f}" if plain else f"{v + 0.0:.4g}") for v in within]

    def _decades(self, most: int) -> list[tuple[float, str]]:
        low, high = math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)
        every = max(1, math.ceil((high - low + 1) / most))
        powers = [10.0**k for k in range(low, high + 1, every) if -300 < k < 300]
        if len(powers) < 2:
            start = math.floor(self.low)
            fine = [m * 10.0**k for k in range(start, start + 3) if -300 < k < 300 for m in (1, 2, 5)]
            powers = [v for v in fine if self.low - 1e-9 <= math.log10(v) <= self.high + 1e-9] or powers
        return [(v, f"{v:,.0f}" if 1 <= v < 1e6 else f"{v:.3g}") for v in powers]


def width(text: str, size: float = 13) -> float:
    """About how wide a browser draws the text."""
    units = 0.0
    for c in text:
        if c in _NARROW:
            units += 0.38
        elif c in _WIDE:
            units += 0.95
        elif ord(c) > 0x2E80 and unicodedata.east_asian_width(c) in "WF":
            units += 1.0
        else:
            units += 0.7 if c.isupper() else 0.62
    return units * size
