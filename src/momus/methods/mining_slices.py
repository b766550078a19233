"""Names for kinds of rows: what a person would call the conditions under which a model fails.

Tables, texts and sound are cut into the conditions of :mod:`momus.methods.coverage`. Pictures are described in words:
dark, blurred, leaning left; each word stands for a third of the pool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods import coverage
from momus.methods.coverage import Conditions

_WORDS = {
    "light": ("dark", "medium light", "bright"),
    "contrast": ("low contrast", "medium contrast", "high contrast"),
    "sharpness": ("blurred", "medium sharp", "sharp"),
    "lean": ("leaning left", "upright", "leaning right"),
    "width": ("narrow", "medium wide", "wide"),
    "colour": ("cold colours", "neutral colours", "warm colours"),
}
_LEAST = 1e-6  # a spread below this is no spread


def conditions(samples: Samples) -> Conditions:
    """The rows of one pool in bin numbers, with groups and, last, the label."""
    if not samples.is_image:
        return coverage.conditions(samples, samples)
    names: list[str] = []
    labels: list[tuple[str, ...]] = []
    codes: list[NumpyArray] = []
    for name, values in _looks(samples.x).items():
        cuts = np.quantile(values, [1 / 3, 2 / 3])
        if cuts[1] - cuts[0] > _LEAST * max(1.0, float(np.abs(values).max())):
            names.append(name)
            labels.append(_WORDS[name])
            codes.append(np.searchsorted(cuts, values, side="right"))
    rest = coverage.conditions(*(_bare(samples),) * 2)
    names += rest.names
    labels += rest.labels
    codes += list(rest.train.T)
    table = np.column_stack(codes) if codes else np.zeros((len(samples), 0), dtype=np.int64)
    return Conditions(tuple(names), tuple(labels), table, table)


def name(found: Conditions, columns: Sequence[int], codes: Sequence[int]) -> str:
    """``label 6, dark`` for pictures; ``income = 1 to <2 and site = hill`` for tables."""
    words = []
    for j, c in zip(columns, codes, strict=True):
        word = found.labels[j][c]
        words.append(word if found.names[j] in _WORDS else f"{found.names[j]} = {word}")
    words.sort(key=lambda w: not w.startswith("label"))
    return " and ".join(words)


def _bare(samples: Samples) -> Samples:
    """Groups and labels alone."""
    return Samples(
        np.zeros((len(samples), 1)), samples.y, classes=samples.classes, groups=samples.groups, name=samples.name
    )


def _looks(x: NumpyArray) -> dict[str, NumpyArray]:
    """One number a picture (n,) for each word; ``lean`` and ``width`` only where pictures are small drawings."""
    scaled = x.astype(np.float32) / (255 if x.dtype == np.uint8 else 1)
    colour = scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., :1]
    grey = colour.mean(axis=-1)
    steps = np.abs(np.diff(grey, axis=1)).mean((1, 2)) + np.abs(np.diff(grey, axis=2)).mean((1, 2))
    contrast = grey.std((1, 2))
    out = {"light": grey.mean((1, 2)), "contrast": contrast, "sharpness": steps / (contrast + 1e-3)}
    if colour.shape[-1] == 3 and float(np.ptp(colour, axis=-1).max(initial=0)) > _LEAST:
        out["colour"] = colour[..., 0].mean((1, 2)) - colour[..., 2].mean((1, 2))
    if colour.shape[-1] == 1 and max(grey.shape[1:]) <= 64:
        out["lean"], out["width"] = _shape(grey)
    return out


def _shape(grey: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Slant (positive: the top leans to the right) and horizontal spread of what differs from the border."""
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    ink = np.abs(grey - np.median(border, axis=1)[:, None, None]) + 1e-9
    mass = ink.sum((1, 2))
    down, across = np.arange(grey.shape[1])[:, None], np.arange(grey.shape[2])[None, :]
    y, x = (ink * down).sum((1, 2)) / mass, (ink * across).sum((1, 2)) / mass
    dy, dx = down - y[:, None, None], across - x[:, None, None]
    both, high, wide = ((ink * v).sum((1, 2)) / mass for v in (dy * dx, dy * dy, dx * dx))
    return -both / np.maximum(high, 1e-9), np.sqrt(wide)
