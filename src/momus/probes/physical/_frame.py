"""An eyeglass frame: its shape in texels, and where it sits on a face."""

from __future__ import annotations

import numpy as np

from momus.core.errors import ProbeError
from momus.core.samples import NumpyArray
from momus.methods.viewing.maps import Projection
from momus.methods.viewing.model import Condition
from momus.probes.physical._flat import Thing

PUPILS_MM = 63.0  # between an adult's pupils, about
HIGH, WIDE = 40, 116  # texels: a frame 145 mm wide is 50 mm high


def frame(eye_line: float, eye_distance: float, eye_middle: float, frame_mm: float) -> Thing:
    """Glasses whose lenses are centred on the pupils. ProbeError for eyes outside the picture or no human width."""
    if not (0 < eye_line < 1 and 0 < eye_middle < 1 and 0 < eye_distance < 1):
        raise ProbeError(
            "eye_line, eye_middle and eye_distance are shares between 0 and 1", hint="0.4, 0.5 and 0.35, say"
        )
    if not 90 <= frame_mm <= 200:
        raise ProbeError(f"no frame is {frame_mm:g} mm wide", place="option 'frame_mm'", hint="About 145")
    alpha = shape(frame_mm)

    def place(condition: Condition, size: tuple[int, int]) -> Projection:
        h, w = size
        width = eye_distance * w * frame_mm / PUPILS_MM
        return condition.place(size, (HIGH, WIDE), width=width, centre=(eye_middle * w, eye_line * h), alpha=alpha)

    return Thing((HIGH, WIDE), place, alpha)


def shape(frame_mm: float = 145.0, high: int = HIGH, wide: int = WIDE) -> NumpyArray:
    """(high, wide) of 0 and 1: two rounded rims about the pupils, a bridge and the beginnings of the temples."""
    mm = frame_mm / wide
    x = (np.arange(wide) + 0.5) * mm - frame_mm / 2
    y = ((np.arange(high) + 0.5) - high / 2) * mm
    xx, yy = np.meshgrid(np.abs(x), y)
    outer, rim = (frame_mm - PUPILS_MM) / 2 - 4.0, 7.0  # half a rim's width, and how wide the rim is
    outer_x, outer_y = min(outer, PUPILS_MM / 2 - 2.0), high * mm / 2 - 0.5

    def rounded(a: float, b: float) -> NumpyArray:
        return np.asarray((np.abs(xx - PUPILS_MM / 2) / a) ** 3 + (np.abs(yy) / b) ** 3 <= 1)

    rims = rounded(outer_x, outer_y) & ~rounded(outer_x - rim, outer_y - rim)
    bridge = (xx < PUPILS_MM / 2 - outer_x + rim) & (yy > -10.0) & (yy < -1.0) & ~rounded(outer_x - rim, outer_y - rim)
    ends = (xx > PUPILS_MM / 2 + outer_x - rim) & (yy > -14.0) & (yy < -5.0) & ~rounded(outer_x - rim, outer_y - rim)
    return np.asarray(rims | bridge | ends, dtype=np.float32)
