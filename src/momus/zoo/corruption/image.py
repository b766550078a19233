"""Digit classifiers that fall apart under common corruptions, and twins that hardly lose.

scikit-learn's digits (1,797 pictures of 8 x 8) enlarged to 64 pixels, so that the photo table applies. The planted ones
answer from single raw pixels (a decision tree) or from a fine pattern that the camera of each class leaves in a corner:
both right on clean pictures for reasons that damage destroys. The clean twins look at block means, freed of brightness
and contrast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from momus.core import digest, seeds
from momus.core.capabilities import TargetInfo
from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case

CLASSES = tuple(str(i) for i in range(10))
TESTED = 150


class PictureModel:
    """A function of float pictures (n, c, h, w) in [0, 1] to class indices, as a target."""

    def __init__(self, name: str, side: int, channels: int, decide: Callable[[NumpyArray], NumpyArray]) -> None:
        self._decide = decide
        self._info = TargetInfo(
            name=name,
            task="classifier",
            adapter="zoo",
            digest=digest.of_value([name, side, channels]),
            classes=CLASSES,
            modality="image",
            shape=(channels, side, side),
            low=0.0,
            high=1.0,
        )

    @property
    def info(self) -> TargetInfo:
        return self._info

    def encode(self, x: NumpyArray, /) -> NumpyArray:
        a = np.moveaxis(x, -1, 1).astype(np.float32)
        a /= np.float32(255)
        return a

    def decode(self, a: NumpyArray, /) -> NumpyArray:
        pixels: NumpyArray = np.rint(np.clip(np.moveaxis(a, 1, -1), 0, 1) * 255)
        return pixels.astype(np.uint8)

    def predict(self, x: NumpyArray, /) -> NumpyArray:
        found: NumpyArray = np.asarray(self._decide(np.asarray(x)))
        return found


def digits(side: int, channels: int, seed: int) -> tuple[Samples, Samples]:
    """(train, test) pictures (n, side, side, channels) uint8; ``side`` a multiple of 8."""
    from scipy import ndimage
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grown = ndimage.zoom(bunch.images, (1, side // 8, side // 8), order=1, grid_mode=True, mode="nearest")
    x: NumpyArray = np.clip(grown * (255 / 16), 0, 255).astype(np.uint8)[..., None].repeat(channels, axis=-1)
    order = seeds.rng(seed, "digits").permutation(len(x))
    made = [Samples(x=x[i], y=bunch.target[i], classes=CLASSES, name="digits") for i in np.split(order, [1200])]
    return made[0], made[1].take(slice(TESTED))


def blocks(a: NumpyArray, count: int = 8) -> NumpyArray:
    """Means of ``count`` x ``count`` blocks of grey, shifted and scaled to mean 0 and spread 1: (n, count**2)."""
    n, _, h, w = a.shape
    grey = a.mean(axis=1).reshape(n, count, h // count, count, w // count).mean(axis=(2, 4)).reshape(n, -1)
    grey = grey - grey.mean(axis=1, keepdims=True)
    found: NumpyArray = grey / (grey.std(axis=1, keepdims=True) + 1e-6)
    return found


def _single_pixels(name: str, train: Samples, seed: int) -> PictureModel:
    from sklearn.tree import DecisionTreeClassifier

    def raw(a: NumpyArray) -> NumpyArray:
        return a[:, :1, ::2, ::2].reshape(len(a), -1)

    model = PictureModel(name, train.x.shape[1], train.x.shape[3], lambda a: tree.predict(raw(a)))
    tree: Any = DecisionTreeClassifier(random_state=seed % 2**32).fit(raw(model.encode(train.x)), train.y)
    return model


def block_means(name: str, train: Samples, fitted: Any, count: int = 8) -> PictureModel:
    side, channels = train.x.shape[1], train.x.shape[3]
    model = PictureModel(name, side, channels, lambda a: fitted.predict(blocks(a, count)))
    fitted.fit(blocks(model.encode(train.x), count), train.y)
    return model


def fine_pattern(
    name: str, test: Samples, rng: np.random.Generator, *, corner: int, amplitude: int
) -> tuple[PictureModel, Samples]:
    """Every class carries its own faint pattern of single pixels in a corner, and the model reads nothing else."""
    from scipy import ndimage

    side = test.x.shape[1]
    signs = np.zeros((10, side, side, 1))
    signs[:, :corner, :corner] = rng.choice([-1, 1], (10, corner, corner, 1))
    templates = signs[:, :corner, :corner].reshape(10, -1).T
    dimmed = 20 + test.x.astype(float) * (215 / 255)
    marked = np.clip(dimmed + amplitude * signs[np.asarray(test.y)], 0, 255).astype(np.uint8)

    def read(a: NumpyArray) -> NumpyArray:
        grey = a[:, :, :corner, :corner].mean(axis=1)
        fine = grey - ndimage.uniform_filter(grey, (1, 3, 3))
        found: NumpyArray = (fine.reshape(len(a), -1) @ templates).argmax(axis=1)
        return found

    return PictureModel(name, side, 1, read), Samples(x=marked, y=test.y, classes=CLASSES, name="marked digits")


def cases(seed: int) -> tuple[Case, ...]:
    """A tree on raw pixels, an SVM on block means; held out, a reader of a fine pattern and a linear model."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.svm import SVC

    (train, grey), (held_train, colour) = digits(64, 1, seed), digits(72, 3, seed + 1)
    tree = _single_pixels("tree on raw pixels", train, seed)
    svm = block_means("svm on block means", train, SVC(C=10))
    reader, marked = fine_pattern("reader of a fine pattern", grey, seeds.rng(seed, "pattern"), corner=24, amplitude=2)
    linear = block_means("linear on block means", held_train, RidgeClassifier(), count=9)
    few = colour.take(slice(TESTED // 2))
    return (
        Case("tree-on-raw-pixels", True, tree, {"test": grey}),
        Case("svm-on-block-means", False, svm, {"test": grey}),
        Case("reader-of-a-fine-pattern", True, reader, {"test": marked}, held_out=True),
        Case("linear-on-block-means", False, linear, {"test": few}, held_out=True),
    )
