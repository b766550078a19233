"""Any data set as a table of named columns, so that tests for tables also serve images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from momus.core.samples import ColumnKind, NumpyArray, Samples
from momus.methods import embedding_sound, embedding_text

_CODED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)


@dataclass(frozen=True)
class Description:
    """``values`` is (n, d) float; ``labels[j]`` names a categorical column's codes and is None for a numeric one."""

    values: NumpyArray
    names: tuple[str, ...]
    labels: tuple[tuple[str, ...] | None, ...]

    @property
    def numeric(self) -> NumpyArray:
        """Mask of the columns whose order means something."""
        return np.array([v is None for v in self.labels], dtype=bool)


def describe(samples: Samples) -> Description:
    """Columns of a table with one-hot groups folded into one, or summary statistics of images, texts or sound.

    Images are described by the mean and standard deviation of each channel, the mean absolute Laplacian (sharpness),
    saturation where there is colour, and the grey level on a 4 x 4 grid: enough to see light, contrast, blur, colour
    cast and composition change, blind to a change of content that leaves these alone. Texts are described by their
    length and the shares of kinds of letters, sound by its level and log-mel statistics. Other arrays are flattened.
    """
    if samples.is_image:
        return _images(samples.x)
    if samples.is_text:
        return Description(embedding_text.columns(samples.x), embedding_text.NAMES, (None,) * len(embedding_text.NAMES))
    if samples.is_sound:
        heard = embedding_sound.columns(samples.x, samples.rate or 16_000)
        return Description(heard, embedding_sound.NAMES, (None,) * len(embedding_sound.NAMES))
    x = np.asarray(samples.x, dtype=float)
    x = x.reshape(len(x), int(np.prod(x.shape[1:])))
    if len(samples.columns) != x.shape[1]:
        return Description(x, tuple(f"x{j}" for j in range(x.shape[1])), (None,) * x.shape[1])
    parts: list[NumpyArray] = []
    names: list[str] = []
    labels: list[tuple[str, ...] | None] = []
    groups: dict[str, list[int]] = {}
    for j, column in enumerate(samples.columns):
        if column.one_hot is not None:
            groups.setdefault(column.one_hot, []).append(j)
            continue
        parts.append(x[:, j])
        names.append(column.name)
        labels.append(_codes(x[:, j], column.categories) if column.kind in _CODED else None)
    for name, members in groups.items():
        block = x[:, members]
        # All zeros is a category of its own: the level that the encoding dropped.
        parts.append(np.where(block.max(1, initial=0) > 0, block.argmax(1), len(members)).astype(float))
        names.append(name)
        labels.append((*(samples.columns[j].name.removeprefix(f"{name}_") for j in members), "none"))
    return Description(np.column_stack(parts) if parts else x, tuple(names), tuple(labels))


def aligned(a: Description, b: Description) -> tuple[Description, Description]:
    """The same columns in both, categories coded alike: by name, since two files may list theirs in another order.

    ValueError where the names of the columns differ.
    """
    if a.names != b.names:
        odd = sorted(set(a.names) ^ set(b.names))
        raise ValueError(f"the two data sets have different columns: {', '.join(odd[:5]) or 'in another order'}")
    labels = list(a.labels)
    left, right = a.values, b.values
    for j, (one, two) in enumerate(zip(a.labels, b.labels, strict=True)):
        if one == two:
            continue
        if one is None or two is None:
            labels[j] = None
            continue
        union = tuple(dict.fromkeys((*one, *two)))
        labels[j] = union
        right = right.copy()
        known = np.isfinite(right[:, j])
        place = np.array([union.index(v) for v in two])
        right[known, j] = place[right[known, j].astype(int)]
    return Description(left, a.names, tuple(labels)), Description(right, b.names, tuple(labels))


def _codes(values: NumpyArray, categories: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of the codes 0, 1, ...; None where the values are no codes and must be treated as numbers."""
    finite = values[np.isfinite(values)]
    if len(finite) and (np.any(finite < 0) or np.any(finite != np.round(finite)) or finite.max() > 10_000):
        return None
    count = max(len(categories), int(finite.max()) + 1 if len(finite) else 0, 2)
    return tuple(categories[i] if i < len(categories) else str(i) for i in range(count))


def _images(x: NumpyArray) -> Description:
    scaled = x.astype(np.float32) / (255 if x.dtype == np.uint8 else 1)
    colour = scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., :1]
    grey = colour.mean(-1)
    columns = [colour.mean((1, 2)), colour.std((1, 2))]
    letters = ("red", "green", "blue") if colour.shape[-1] == 3 else ("grey",)
    names = [f"mean {c}" for c in letters] + [f"contrast {c}" for c in letters]
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    laplacian = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] - 4 * grey
    columns.append(np.abs(laplacian).mean((1, 2))[:, None])
    names.append("sharpness")
    if colour.shape[-1] == 3:
        columns.append((colour.max(-1) - colour.min(-1)).mean((1, 2))[:, None])
        names.append("saturation")
    rows, cols = (np.array_split(np.arange(s), min(4, s)) for s in grey.shape[1:])
    for i, r in enumerate(rows):
        for j, c in enumerate(cols):
            columns.append(grey[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean((1, 2))[:, None])
            names.append(f"grey {i},{j}")
    return Description(np.concatenate(columns, 1).astype(float), tuple(names), (None,) * len(names))


def filled(values: NumpyArray, by: NumpyArray) -> NumpyArray:
    """``values`` with missing entries replaced by the column medians of ``by`` (0 where a column is wholly missing)."""
    if np.isfinite(values).all():
        return values
    known = np.where(np.isfinite(by), by, np.nan)
    empty = np.all(np.isnan(known), axis=0)
    centre = np.zeros(values.shape[1])
    if not empty.all():
        centre[~empty] = np.nanmedian(known[:, ~empty], axis=0)
    out: NumpyArray = np.where(np.isfinite(values), values, centre)
    return out


def row_keys(samples: Samples) -> NumpyArray:
    """One 64-bit key per row over x and y: equal rows have equal keys (a million rows collide with odds of 3e-8)."""
    flat = np.ascontiguousarray(samples.x)
    if flat.dtype.kind in "OU":  # texts by their letters, not by where they lie in memory
        flat = np.array([hashlib.blake2b(str(t).encode(), digest_size=16).digest() for t in flat.ravel()], dtype="S16")
        flat = flat.view(np.uint8).reshape(len(samples), -1) if len(flat) else np.zeros((0, 1), np.uint8)
    flat = flat.reshape(len(flat), int(np.prod(flat.shape[1:])))
    if flat.dtype.kind == "f":
        flat = flat + 0.0  # -0.0 and 0.0 are the same value
    y = None if samples.y is None else np.asarray(samples.y, dtype=float).tobytes()
    keys = [
        hashlib.blake2b(row.tobytes() + (y[8 * i : 8 * i + 8] if y is not None else b""), digest_size=8).digest()
        for i, row in enumerate(flat)
    ]
    return np.frombuffer(b"".join(keys), dtype=np.uint64)


def one_row_per_id(samples: Samples, rng: np.random.Generator) -> NumpyArray:
    """Indices with one random row of each person (``samples.ids``), ascending; all rows where there are no ids.

    Rows of one person are not independent, and intervals that count them as such are too narrow.
    """
    if samples.ids is None:
        return np.arange(len(samples))
    order = rng.permutation(len(samples))
    _, first = np.unique(np.asarray(samples.ids)[order].astype(str), return_index=True)
    return np.sort(order[first])
