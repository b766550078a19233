"""Fashion-MNIST: 28 x 28 grey pictures of ten kinds of clothing, from Debian's package dataset-fashion-mnist.

``python examples/fetch.py fashion`` puts the files beside the examples; nothing is downloaded here.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples

FOLDER = Path(__file__).resolve().parent.parent / ".data" / "fashion"
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def read(start: str) -> NumpyArray:
    """One idx file by the beginning of its name; DataError with the command that fetches it."""
    found = sorted(p for p in FOLDER.rglob(f"{start}*") if p.is_file())
    if not found:
        hint = "python examples/fetch.py fashion"
        raise DataError("the Fashion-MNIST files are not there", place=str(FOLDER), hint=hint)
    raw = gzip.decompress(found[0].read_bytes()) if found[0].suffix == ".gz" else found[0].read_bytes()
    sides = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(sides)


def train() -> tuple[NumpyArray, NumpyArray]:
    """(60000, 28, 28) uint8 and labels."""
    return read("train-images"), read("train-labels")


def load() -> Samples:
    """The first 2,000 test pictures: no network was chosen or stopped by them."""
    x, y = read("t10k-images")[:2000, ..., None], read("t10k-labels")[:2000]
    return Samples(x=x.copy(), y=y.astype(np.int64), classes=CLASSES, name="Fashion-MNIST test")
