"""TDI files, written and read in Python: the second, careful decoder that the native one is held against."""

from __future__ import annotations

import struct

import numpy as np

SIDE, COMMENT = 8, 32


def write(pixels: np.ndarray, comment: bytes = b"") -> bytes:  # type: ignore[type-arg]
    """A file of an (8, 8) picture with values 0 to 16; what the comment holds is the caller's word."""
    flat = np.asarray(pixels, dtype=np.uint8).ravel()
    runs, start = b"", 0
    for i in range(1, len(flat) + 1):
        if i == len(flat) or flat[i] != flat[start]:
            runs += bytes((i - start, int(flat[start])))
            start = i
    return b"TDI1" + bytes((SIDE, SIDE)) + struct.pack("<H", len(comment)) + comment + runs


def read(data: bytes) -> np.ndarray:  # type: ignore[type-arg]
    """The picture as a viewer shows it: the comment is skipped, however long. ValueError for anything else."""
    if data[:4] != b"TDI1" or len(data) < 8 or data[4] != SIDE or data[5] != SIDE:
        raise ValueError("no TDI picture")
    at = 8 + struct.unpack_from("<H", data, 6)[0]
    flat: list[int] = []
    while len(flat) < SIDE * SIDE:
        run = data[at : at + 2]
        if len(run) < 2 or run[0] == 0 or run[1] > 16 or len(flat) + run[0] > SIDE * SIDE:
            raise ValueError("runs that do not fill the picture")
        flat += [run[1]] * run[0]
        at += 2
    return np.array(flat, dtype=np.uint8).reshape(SIDE, SIDE)


def crafted(pixels: np.ndarray, digit: int) -> bytes:  # type: ignore[type-arg]
    """The same picture with a comment that is longer than its room: what lies behind it decides the answer."""
    wanted = np.zeros(10, dtype="<f4")
    wanted[digit] = 1e6
    return write(pixels, b"scanned".ljust(COMMENT, b" ") + wanted.tobytes())
