"""Handwritten digits at 8 x 8: MNIST prepared in two ways, and the UCI digits that come with scikit-learn.

``python examples/fetch.py mnist`` puts the MNIST files beside the examples; nothing is downloaded here. *Averaged*: the
28 x 28 picture without its rim is averaged down. *Counted*: as UCI's digits were made, the digit is cut out, brought to
32 rows, made black and white, and the dark pixels in 4 x 4 squares are counted.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples

FOLDER = Path(__file__).resolve().parent.parent / ".data" / "mnist"
CLASSES = tuple("0123456789")
TRAIN, TEST = 20_000, 5_000


def averaged_train() -> Samples:
    return _mnist("train", TRAIN, "averaged")


def averaged_test() -> Samples:
    return _mnist("t10k", TEST, "averaged")


def counted_train() -> Samples:
    return _mnist("train", TRAIN, "counted")


def counted_test() -> Samples:
    return _mnist("t10k", TEST, "counted")


def uci() -> Samples:
    """1,797 digits of 13 other writers, from scikit-learn: counts 0 to 16, here as grey levels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = np.round(found.images / 16 * 255).astype(np.uint8)[..., None]
    return Samples(x, found.target.astype(np.int64), name="uci", classes=CLASSES)


@cache
def _mnist(part: str, rows: int, way: str) -> Samples:
    x, y = _read(f"{part}-images")[:rows], _read(f"{part}-labels")[:rows]
    made = _averaged(x) if way == "averaged" else np.stack([_counted(image) for image in x])
    return Samples(made[..., None], y.astype(np.int64), name=f"{part} {way}", classes=CLASSES)


def _averaged(x: NumpyArray) -> NumpyArray:
    """(n, 28, 28) to (n, 8, 8): the rim of 4 pixels goes, each new pixel is the mean of 2.5 x 2.5 old ones."""
    inner = x[:, 4:24, 4:24].astype(np.float32)
    fine = inner.repeat(2, axis=1).repeat(2, axis=2).reshape(len(x), 8, 5, 8, 5)
    made: NumpyArray = np.round(fine.mean((2, 4))).astype(np.uint8)
    return made


def _counted(image: NumpyArray) -> NumpyArray:
    """One digit as UCI's: cut out, 32 rows high, its width in proportion and centred, black and white, counted."""
    from PIL import Image

    rows, columns = np.flatnonzero(image.max(1) > 64), np.flatnonzero(image.max(0) > 64)
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wide = int(np.clip(round(32 * cut.shape[1] / cut.shape[0]), 4, 32))
    sized = np.asarray(Image.fromarray(cut).resize((wide, 32), Image.Resampling.BILINEAR)) > 127
    field = np.zeros((32, 32), dtype=bool)
    field[:, (32 - wide) // 2 : (32 - wide) // 2 + wide] = sized
    counts = field.reshape(8, 4, 8, 4).sum((1, 3))
    made: NumpyArray = np.round(counts / 16 * 255).astype(np.uint8)
    return made


def _read(start: str) -> NumpyArray:
    """One idx file by the beginning of its name; DataError with the command that fetches it."""
    found = sorted(p for p in FOLDER.rglob(f"{start}*") if p.is_file())
    if not found:
        raise DataError("the MNIST files are not there", place=str(FOLDER), hint="python examples/fetch.py mnist")
    raw = found[0].read_bytes()
    sides = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(sides)
