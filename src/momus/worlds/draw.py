"""Boards as pictures, drawn with NumPy."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray
from momus.worlds.rules import TILES

SIDE = 24
_GROUND = {"#": (96, 102, 112), "L": (214, 92, 60), "G": (116, 170, 112), "E": (206, 206, 214), "=": (206, 206, 214),
           "I": (236, 204, 140), "O": (150, 186, 214)}  # fmt: skip
_INK = {"A": (38, 84, 140), "V": (150, 90, 160), "X": (156, 110, 66), "B": (190, 60, 60), "T": (200, 50, 50),
        "t": (178, 160, 130)}  # fmt: skip


def picture(board: NumpyArray) -> NumpyArray:
    """(h, w) codes -> (h * 24, w * 24, 3) uint8."""
    return _SHEET[board].transpose(0, 2, 1, 3, 4).reshape(board.shape[0] * SIDE, board.shape[1] * SIDE, 3)


def _tile(char: str) -> NumpyArray:
    out = np.empty((SIDE, SIDE, 3), dtype=np.uint8)
    out[:] = _GROUND.get(char, (246, 246, 242))
    if char != "#":
        out[0], out[:, 0] = (226, 226, 222), (226, 226, 222)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    shape = None
    if char in "AB":
        shape = x**2 + y**2 <= (SIDE * (0.34 if char == "A" else 0.2)) ** 2
    elif char in "Tt":
        shape = x**2 + y**2 <= (SIDE * 0.28) ** 2
    elif char == "V":
        shape = np.abs(x) <= np.where(y < -4, 4, np.clip(7 - np.abs(y - 2) * 0.6, 0, 7)) * (np.abs(y) < 9)
    elif char == "X":
        shape = (np.abs(x) < 8) & (np.abs(y) < 8)
    elif char in "><^v":
        along, across = {">": (x, y), "<": (-x, y), "^": (-y, x), "v": (y, x)}[char]
        shape = (np.abs(across) <= (6 - along) * 0.6) & (along > -5)
    if shape is not None:
        out[shape] = _INK.get(char, (150, 160, 176))
    return out


_SHEET = np.stack([_tile(c) for c in TILES])
