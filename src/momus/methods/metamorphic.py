"""Changes of inputs after which something is known of the answer, by name; and what became of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from momus.core.samples import NumpyArray, Samples

Change = Callable[..., NumpyArray]


def flip_horizontal(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """As in a mirror."""
    return s.x[:, :, ::-1].copy()


def flip_vertical(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """Upside down, mirrored."""
    return s.x[:, ::-1].copy()


def rotate(s: Samples, rng: np.random.Generator, *, degrees: float = 5.0) -> NumpyArray:
    """Turned to either side, edges mirrored."""
    turned = [
        ndimage.rotate(p, degrees * side, axes=(0, 1), reshape=False, order=1, mode="reflect")
        for p, side in zip(s.x, rng.choice([-1, 1], len(s)), strict=True)
    ]
    return np.stack(turned) if turned else s.x.copy()


def brightness(s: Samples, rng: np.random.Generator, *, factor: float = 1.1) -> NumpyArray:
    """All light times a factor."""
    return _pixels(s.x, s.x.astype(np.float32) * factor)


def contrast(s: Samples, rng: np.random.Generator, *, factor: float = 0.9) -> NumpyArray:
    """Away from or towards the picture's mean."""
    a = s.x.astype(np.float32)
    mean = a.mean(axis=(1, 2), keepdims=True)
    return _pixels(s.x, mean + factor * (a - mean))


def crop(s: Samples, rng: np.random.Generator, *, share: float = 0.05) -> NumpyArray:
    """``share`` of each side cut away and the rest enlarged."""
    if not 0 < share < 0.5:
        raise ValueError(f"share is {share:g}, which leaves nothing of a picture")
    h, w = s.x.shape[1:3]
    at = [np.linspace(share * (k - 1), (1 - share) * (k - 1), k) for k in (h, w)]
    grid = np.meshgrid(*at, indexing="ij")
    out = np.empty(s.x.shape, np.float32)
    for i, p in enumerate(s.x):
        for c in range(p.shape[-1]):
            out[i, ..., c] = ndimage.map_coordinates(p[..., c].astype(np.float32), grid, order=1, mode="nearest")
    return _pixels(s.x, out)


def translate(s: Samples, rng: np.random.Generator, *, share: float = 0.04) -> NumpyArray:
    """Moved by ``share`` of its size, at least one pixel, edges repeated."""
    steps = [max(1, round(share * k)) for k in s.x.shape[1:3]]
    out = s.x.copy()
    for i, (a, b) in enumerate(rng.choice([-1, 0, 1], (len(s), 2))):
        dy, dx = (a, b) if (a or b) else (1, 0)
        rows = np.clip(np.arange(s.x.shape[1]) + dy * steps[0], 0, s.x.shape[1] - 1)
        columns = np.clip(np.arange(s.x.shape[2]) + dx * steps[1], 0, s.x.shape[2] - 1)
        out[i] = s.x[i][rows][:, columns]
    return out


def upper(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """CAPITALS."""
    return _texts(s.x, str.upper)


def lower(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """small letters."""
    return _texts(s.x, str.lower)


def whitespace(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """A space before and after, and two for one between words."""
    return _texts(s.x, lambda t: "  ".join(["", *t.split(), ""]))


def punctuation(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """The full stop at the end taken away where there is one, added where there is none."""
    return _texts(s.x, lambda t: re.sub(r"[.!?]+\s*$", "", t) if re.search(r"[.!?]\s*$", t) else t + ".")


def add(s: Samples, rng: np.random.Generator, *, column: str, amount: float) -> NumpyArray:
    """So much more in one column."""
    x = np.array(s.x, dtype=float)
    x[:, _column(s, column)] += amount
    return x


def scale(s: Samples, rng: np.random.Generator, *, column: str, factor: float) -> NumpyArray:
    """One column times a factor, as by another unit."""
    x = np.array(s.x, dtype=float)
    x[:, _column(s, column)] *= factor
    return x


def permute(s: Samples, rng: np.random.Generator, *, columns: str) -> NumpyArray:
    """Columns (comma-separated) that should not matter, each given the values of other rows."""
    x = np.array(s.x, dtype=float)
    for name in columns.split(","):
        j = _column(s, name.strip())
        x[:, j] = x[rng.permutation(len(x)), j]
    return x


def gain(s: Samples, rng: np.random.Generator, *, db: float = -3.0) -> NumpyArray:
    """Louder or softer; what would be cut off stays softer."""
    x = np.asarray(s.x, dtype=np.float32)
    peak = np.maximum(np.abs(x).max(axis=1, keepdims=True), 1e-9)
    return np.asarray(x * np.minimum(10 ** (db / 20), 1 / peak), dtype=np.float32)


def shift(s: Samples, rng: np.random.Generator, *, ms: float = 20.0) -> NumpyArray:
    """Later, silence before it; what falls out at the end is lost."""
    steps = min(s.x.shape[1], max(1, round(ms / 1000 * (s.rate or 16_000))))
    out = np.zeros_like(s.x)
    out[:, steps:] = s.x[:, : s.x.shape[1] - steps]
    return out


def again(s: Samples, rng: np.random.Generator) -> NumpyArray:
    """Nothing: the same inputs, asked once more in another order."""
    return s.x.copy()


@dataclass(frozen=True)
class Built:
    """A change by name and the kinds of data it is for. ``safe``: hardly any system may mind it, on pictures of at
    least ``side`` pixels a side: one pixel of eight is no small step."""

    change: Change
    kinds: tuple[str, ...]
    safe: bool = False
    side: int = 0


_IMAGE, _TEXT, _TABLE, _AUDIO = ("image",), ("text",), ("table",), ("audio",)
BUILT: Mapping[str, Built] = {
    "again": Built(again, ("image", "text", "table", "audio"), True),
    "flip_horizontal": Built(flip_horizontal, _IMAGE),
    "flip_vertical": Built(flip_vertical, _IMAGE),
    "rotate": Built(rotate, _IMAGE),
    "brightness": Built(brightness, _IMAGE, True),
    "contrast": Built(contrast, _IMAGE),
    "crop": Built(crop, _IMAGE),
    "translate": Built(translate, _IMAGE, True, side=25),
    "upper": Built(upper, _TEXT),
    "lower": Built(lower, _TEXT),
    "whitespace": Built(whitespace, _TEXT, True),
    "punctuation": Built(punctuation, _TEXT, True),
    "add": Built(add, _TABLE),
    "scale": Built(scale, _TABLE),
    "permute": Built(permute, _TABLE),
    "gain": Built(gain, _AUDIO, True),
    "shift": Built(shift, _AUDIO, True),
}


def harmless(s: Samples, kind: str) -> list[str]:
    """Names of the changes that may be tried on such data without being asked for."""
    side = min(s.x.shape[1:3]) if kind == "image" else 0
    return [name for name, b in BUILT.items() if b.safe and kind in b.kinds and side >= b.side]


def broken(
    before: NumpyArray, after: NumpyArray, expect: str, tolerance: float, *, discrete: bool
) -> tuple[NumpyArray, NumpyArray]:
    """(mask, how much) of the answers that break a relation.

    ``expect``: ``same``, ``different``, ``not_up``, ``not_down``. Classes (``discrete``) differ or do not; numbers
    differ where they lie more than ``tolerance`` and a millionth of their size apart. A number that is no number
    breaks every relation.
    """
    a, b = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    change = b - a
    slack = 0.0 if discrete and expect in ("same", "different") else tolerance + 1e-6 * np.abs(a)
    size = np.abs(change)
    if expect == "different":
        mask, worse = size <= slack, -size
    elif expect == "same":
        mask, worse = size > slack, size
    else:
        worse = change if expect == "not_up" else -change
        mask = worse > slack
    lost = ~(np.isfinite(a) & np.isfinite(b))
    return np.asarray(mask | lost), np.asarray(np.where(lost, np.inf, worse))


def changed(before: NumpyArray, after: NumpyArray) -> NumpyArray:
    """(n,) True where a row is not what it was."""
    if before.dtype.kind in "OUT":
        return np.array([str(a) != str(b) for a, b in zip(before, after, strict=True)], dtype=bool)
    same = (before == after) | ((before != before) & (after != after))
    return np.asarray(~same.reshape(len(before), -1).all(axis=1))


def _pixels(like: NumpyArray, a: NumpyArray) -> NumpyArray:
    return (
        np.rint(np.clip(a, 0, 255)).astype(np.uint8) if like.dtype == np.uint8 else np.clip(a, 0, 1).astype(like.dtype)
    )


def _texts(x: NumpyArray, change: Callable[[str], str]) -> NumpyArray:
    out = np.empty(len(x), dtype=object)
    out[:] = [change(str(t)) for t in x]
    return out


def _column(s: Samples, name: Any) -> int:
    names = [c.name for c in s.columns]
    if name not in names:
        raise ValueError(f"there is no column '{name}'; the columns are {', '.join(names[:12]) or 'unnamed'}")
    return names.index(str(name))
