"""Fashion-MNIST: 28 x 28 grey pictures of ten kinds of clothing, from Debian's package dataset-fashion-mnist.

``python examples/fetch.py fashion`` puts the files beside the examples; nothing is downloaded here. One random draw of
the 60,000 training pictures gives 5,000 to train on and 5,000 that the network never saw: nothing but the draw sets
the two apart.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples

FOLDER = Path(__file__).resolve().parent.parent / ".data" / "fashion"
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
ROWS = 5_000


def train() -> Samples:
    """The 5,000 pictures that the network was trained on."""
    return _part(slice(0, ROWS), "members")


def test() -> Samples:
    """5,000 others."""
    return _part(slice(ROWS, 2 * ROWS), "others")


def _part(rows: slice, name: str) -> Samples:
    x, y = _read("train-images"), _read("train-labels")
    chosen = np.random.default_rng(2112).permutation(len(x))[rows]
    return Samples(x=x[chosen, ..., None].copy(), y=y[chosen].astype(np.int64), classes=CLASSES, name=name)


def _read(start: str) -> NumpyArray:
    """One idx file by the beginning of its name; DataError with the command that fetches it."""
    found = sorted(p for p in FOLDER.rglob(f"{start}*") if p.is_file())
    if not found:
        hint = "python examples/fetch.py fashion"
        raise DataError("the Fashion-MNIST files are not there", place=str(FOLDER), hint=hint)
    raw = gzip.decompress(found[0].read_bytes()) if found[0].suffix == ".gz" else found[0].read_bytes()
    sides = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(sides)
