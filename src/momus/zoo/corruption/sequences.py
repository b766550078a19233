"""Digit classifiers whose answers flicker when the camera hardly moves, and twins that keep theirs.

The planted ones answer from single fine differences (a tree), from a pattern of single pixels in a corner, or from the
exact grey level: right on every still, and another answer a degree, a pixel or a fiftieth of brightness later. The
clean twins look at block means.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.corruption.image import CLASSES, PictureModel, block_means, digits, fine_pattern

TESTED = 40


def fine_differences(train: Samples, seed: int, stride: int) -> PictureModel:
    """A tree on differences of neighbouring pixels, every ``stride`` pixels."""
    from sklearn.tree import DecisionTreeClassifier

    def differences(a: NumpyArray) -> NumpyArray:
        rows = a[:, 0, ::stride]
        fine = rows[..., 1:] - rows[..., :-1]
        return fine[..., ::stride].reshape(len(a), -1)

    side, channels = train.x.shape[1], train.x.shape[3]
    model = PictureModel("tree on fine differences", side, channels, lambda a: tree.predict(differences(a)))
    tree: Any = DecisionTreeClassifier(random_state=seed % 2**32).fit(differences(model.encode(train.x)), train.y)
    return model


def exact_level(test: Samples, rng: np.random.Generator) -> tuple[PictureModel, Samples]:
    """The camera of each class is set to its own grey level, a few levels apart, and the model reads nothing else."""
    order = rng.permutation(10)
    levels = 96 + 6 * order
    x = test.x.astype(float)
    x = x * 0.35
    x += levels[np.asarray(test.y)][:, None, None, None] - x.mean(axis=(1, 2, 3), keepdims=True)
    marked = np.clip(np.rint(x), 0, 255).astype(np.uint8)

    def read(a: NumpyArray) -> NumpyArray:
        mean = a.mean(axis=(1, 2, 3)) * 255
        found: NumpyArray = np.abs(mean[:, None] - levels[None]).argmin(axis=1)
        return found

    model = PictureModel("reader of the grey level", test.x.shape[1], test.x.shape[3], read)
    return model, Samples(x=marked, y=test.y, classes=CLASSES, name="set digits")


def cases(seed: int) -> tuple[Case, ...]:
    """A reader of a fine pattern and an SVM on block means; held out, two more readers and a linear model."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.svm import SVC

    rng = seeds.rng(seed, "flicker")
    side = int(rng.choice([64, 80, 96]))
    (train, grey), (held_train, colour) = digits(side, 1, seed), digits(72, 3, seed + 1)
    corner, amplitude = int(rng.choice([16, 24, 32])), int(rng.integers(2, 5))
    reader, marked = fine_pattern("reader of a fine pattern", grey, rng, corner=corner, amplitude=amplitude)
    svm = block_means("svm on block means", train, SVC(C=10))
    tree = fine_differences(train, seed, int(rng.integers(2, 4)))
    level, levelled = exact_level(colour, rng)
    linear = block_means("linear on block means", held_train, RidgeClassifier(), count=int(rng.choice([8, 9])))
    few = slice(TESTED)
    return (
        Case("reader-of-a-fine-pattern", True, reader, {"test": marked.take(few)}),
        Case("tree-on-fine-differences", True, tree, {"test": grey.take(few)}),
        Case("svm-on-block-means", False, svm, {"test": grey.take(few)}),
        Case("reader-of-the-grey-level", True, level, {"test": levelled.take(few)}, held_out=True),
        Case("linear-on-block-means", False, linear, {"test": colour.take(few)}, held_out=True),
    )
