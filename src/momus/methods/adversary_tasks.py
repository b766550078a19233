"""Tasks that an attacker may want to have done on somebody else's model: small labelled pictures, each with its answer.

A task is only a test of the model where the attacker cannot do it alone. Counting white squares, the task of arXiv
1806.11146, is solved by a linear model on the raw pixels (their sum is the count), so there is a second one beside it:
light and dark squares on grey, of which every pixel sum is as likely for one count as for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples

Name = Literal["squares", "mixed", "digits", "own"]
GRID = 4
LEAST = {"squares": 2 * GRID, "mixed": 2 * GRID, "digits": 8, "own": 4}


@dataclass(frozen=True)
class Task:
    """``x`` (n, side, side, 1 or 3) float32 in [0, 1] and ``y`` (n,) int64 into ``classes``, in random order."""

    name: str
    x: NumpyArray
    y: NumpyArray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.y)

    def split(self, held_out: int) -> tuple[Task, Task]:
        """(examples to learn from, the last ``held_out`` of them kept back)."""
        cut = max(0, len(self) - held_out)
        return (
            Task(self.name, self.x[:cut], self.y[:cut], self.classes),
            Task(self.name, self.x[cut:], self.y[cut:], self.classes),
        )


def count_squares(
    n: int, rng: np.random.Generator, *, most: int = 10, side: int = 36, grid: int = GRID, mixed: bool = False
) -> Task:
    """Pictures of 1 to ``most`` squares in the cells of a grid, the counts in equal shares.

    White on black, or, ``mixed``, each square white or black by the toss of a coin on a grey ground. A square fills its
    cell up to a margin of about a ninth, as 9 x 9 squares of 36 x 36 pictures do.
    """
    if not 2 <= most <= grid * grid:
        raise DataError(f"squares can be counted from 2 to {grid * grid}, not {most}", place="task")
    if side < 2 * grid:
        raise DataError(f"{grid} x {grid} squares need {2 * grid} pixels a side, not {side}", place="task")
    cell = side // grid
    gap = max(1, round(cell / 9)) if cell > 2 else 0
    offset = (side - grid * cell) // 2
    y = rng.permutation(np.arange(n, dtype=np.int64) % most)
    x = np.full((n, side, side, 1), 0.5 if mixed else 0.0, dtype=np.float32)
    order = rng.random((n, grid * grid)).argsort(axis=1)
    shade = (rng.random((n, grid * grid)) < 0.5).astype(np.float32) if mixed else np.ones((n, grid * grid), np.float32)
    for place in range(grid * grid):
        row, column = divmod(place, grid)
        top, left = offset + row * cell, offset + column * cell
        here = np.flatnonzero(order[:, place] <= y)
        x[here, top : top + cell - gap, left : left + cell - gap] = shade[here, place][:, None, None, None]
    return Task("mixed" if mixed else "squares", x, y, tuple(str(i + 1) for i in range(most)))


def digits(n: int, rng: np.random.Generator, *, most: int = 10, side: int = 8) -> Task:
    """Handwritten digits 0 to ``most`` - 1 of scikit-learn (8 x 8), drawn without replacement, scaled to ``side``."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    y = bunch.target.astype(np.int64)
    index = rng.permutation(np.flatnonzero(y < most))[:n]
    x = (bunch.images[index] / 16.0).astype(np.float32)[..., None]
    return Task("digits", resized(x, side), y[index], tuple(str(i) for i in range(most)))


def own(samples: Samples, n: int, rng: np.random.Generator, *, side: int) -> Task:
    """The user's own labelled pictures, scaled to ``side``; DataError for anything but pictures with class labels."""
    if not samples.is_image or samples.y is None or samples.y.dtype.kind not in "iub":
        raise DataError(
            "the adversary's task needs pictures with class labels", place=samples.source or samples.name,
            hint="Give data.task a folder of labelled pictures, or leave it out",
        )  # fmt: skip
    if samples.x.dtype.kind == "f" and not np.isfinite(samples.x).all():
        place = samples.source or samples.name
        raise DataError("the adversary's pictures contain NaN or infinity", place=place, hint="Clean data.task first")
    index = rng.permutation(len(samples))[:n]
    names, y = np.unique(np.asarray(samples.y).astype(np.int64), return_inverse=True)
    classes = tuple(samples.classes[i] if 0 <= i < len(samples.classes) else str(i) for i in names)
    x = samples.x[index]
    x = x.astype(np.float32) / 255 if x.dtype == np.uint8 else np.clip(x.astype(np.float32), 0, 1)
    x = x[..., :3]
    return Task("own", resized(x, side), np.asarray(y, dtype=np.int64)[index], classes)


def make(
    name: Name, n: int, rng: np.random.Generator, *, side: int, outputs: int, samples: Samples | None = None
) -> Task:
    """``n`` examples at most. A made-up task is cut down to as many classes as the model has ``outputs``."""
    most = min(10, outputs)
    if name == "own":
        if samples is None:
            raise DataError("no data set in the role 'task'", hint="Add data.task to the card: pictures with labels")
        return own(samples, n, rng, side=side)
    if name == "digits":
        return digits(n, rng, most=most, side=side)
    return count_squares(n, rng, most=most, side=side, mixed=name == "mixed")


def resized(x: NumpyArray, side: int) -> NumpyArray:
    """(n, h, w, c) float in [0, 1] to (n, side, side, c): averages over pixels when shrinking, bilinear otherwise."""
    from PIL import Image

    if x.shape[1:3] == (side, side):
        return x
    out = np.empty((len(x), side, side, x.shape[3]), dtype=np.float32)
    for i, picture in enumerate(x):
        for c in range(x.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(picture[..., c], dtype=np.float32))
            out[i, ..., c] = np.asarray(plane.resize((side, side), Image.Resampling.BILINEAR))
    return np.clip(out, 0, 1)


def in_channels(x: NumpyArray, channels: int) -> NumpyArray:
    """(n, s, s, c) to (n, channels, s, s): grey repeated, colour averaged where the model has no three channels."""
    if x.shape[-1] != channels:
        x = np.repeat(x.mean(axis=-1, keepdims=True), channels, axis=-1)
    return np.ascontiguousarray(np.moveaxis(x, -1, 1), dtype=np.float32)
