"""Any data set as rows of numbers in which neighbours resemble each other. Nothing is downloaded; columns are fitted
on one set and applied to others.

Tables: standardised columns, categories as 0/1, missing values marked. Images: summary statistics and the responses of
patches drawn from the images themselves, pooled over quadrants. Texts: summary statistics and hashed character
sequences. Sound: level, duration and log-mel statistics. What is wide is reduced to principal components.
Source for random patches as features: Coates, Lee & Ng 2011; for hashing: Weinberger et al. 2009 (arXiv:0902.2206).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods import describe, embedding_text

WIDTH = 64  # principal components kept of what is wide
FITTED = 2000  # rows of the reference that components are fitted on
_SIDE = 48  # images are averaged down to at most this many pixels a side
_PATCHES = 64


@dataclass(frozen=True)
class Embedding:
    """Fitted columns: call it with samples of the same kind for (n, d) float32, all finite.

    ``names`` (d,) say what a column is; columns have mean 0 and spread 1 on the set it was fitted on.
    """

    names: tuple[str, ...]
    apply: Callable[[Samples], NumpyArray]

    def __call__(self, samples: Samples) -> NumpyArray:
        if not len(samples):
            return np.zeros((0, len(self.names)), dtype=np.float32)
        made: NumpyArray = self.apply(samples).astype(np.float32)
        return made


def embed(samples: Samples, rng: np.random.Generator) -> NumpyArray:
    """(n, d) float32 of one data set, columns fitted on itself. ValueError for an empty one."""
    return fit(samples, rng)(samples)


def embed_pair(reference: Samples, current: Samples, rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray]:
    """(n, d) and (m, d) float32 of two data sets, columns fitted on ``reference`` alone.

    ValueError where the reference is empty or the two have different columns.
    """
    made = fit(reference, rng)
    return made(reference), made(current)


def fit(samples: Samples, rng: np.random.Generator) -> Embedding:
    """Columns fitted on ``samples``. ValueError where there is no row.

    Cost: tables O(n d); images about 10^7 multiplications each; texts one pass over the letters and a truncated SVD.
    """
    if not len(samples):
        raise ValueError("an embedding cannot be fitted on no rows")
    if samples.is_text:
        return _text(samples, rng)
    if samples.is_image:
        return _image(samples, rng)
    if samples.is_sound:
        return _sound(samples)
    return _table(samples, rng)


def _standard(values: NumpyArray, names: tuple[str, ...], make: Callable[[Samples], NumpyArray]) -> Embedding:
    """Columns brought to mean 0 and spread 1 on ``values``; a constant one is only centred."""
    centre, spread = values.mean(0), values.std(0)
    spread = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(centre)), spread, 1.0)
    # Far values are drawn in, so that one broken row does not make all others look alike.
    return Embedding(names, lambda s: np.clip((make(s) - centre) / spread, -50, 50))


def _components(values: NumpyArray, rng: np.random.Generator, width: int = WIDTH) -> NumpyArray:
    """(d, k) directions of the greatest spread of standardised columns; k at most ``width`` and the rank."""
    some = values[rng.permutation(len(values))[:FITTED]].astype(float)
    _, size, right = np.linalg.svd(some - some.mean(0), full_matrices=False)
    keep = min(width, int((size > 1e-6 * max(float(size.max(initial=0)), 1e-12)).sum()))
    out: NumpyArray = right[: max(keep, 1)].T
    return out


def _reduced(first: Embedding, samples: Samples, rng: np.random.Generator, word: str) -> Embedding:
    values = first(samples)
    directions = _components(values, rng)
    names = tuple(f"{word} {k + 1}" for k in range(directions.shape[1]))
    return _standard(values @ directions, names, lambda s: first(s) @ directions)


def _joined(parts: list[Embedding]) -> Embedding:
    names = tuple(n for p in parts for n in p.names)
    return Embedding(names, lambda s: np.concatenate([p(s) for p in parts], axis=1))


def _table(samples: Samples, rng: np.random.Generator) -> Embedding:
    fitted = describe.describe(samples)

    def spread_out(s: Samples) -> NumpyArray:
        _, d = describe.aligned(fitted, describe.describe(s))
        full = describe.filled(d.values, fitted.values)
        parts = [
            full[:, j : j + 1] if levels is None else (full[:, j : j + 1] == np.arange(min(len(levels), 20))) * 1.0
            for j, levels in enumerate(fitted.labels)
        ]
        gone = ~np.isfinite(d.values)
        return np.concatenate([*parts, gone[:, holes], gone.mean(1, keepdims=True)], axis=1)

    holes = np.flatnonzero(~np.isfinite(fitted.values).all(0))
    names: list[str] = []
    for name, levels in zip(fitted.names, fitted.labels, strict=True):
        names += [name] if levels is None else [f"{name}={v}" for v in levels[:20]]
    names += [f"{fitted.names[j]} missing" for j in holes] + ["share missing"]
    made = _standard(spread_out(samples), tuple(names), spread_out)
    return made if len(names) <= 4 * WIDTH else _reduced(made, samples, rng, "component")


def _sound(samples: Samples) -> Embedding:
    d = describe.describe(samples)
    return _standard(d.values, d.names, lambda s: describe.describe(s).values)


def _text(samples: Samples, rng: np.random.Generator) -> Embedding:
    from sklearn.decomposition import TruncatedSVD

    plain = _standard(embedding_text.columns(samples.x), embedding_text.NAMES, lambda s: embedding_text.columns(s.x))
    some = embedding_text.hashed(samples.x[rng.permutation(len(samples))[:FITTED]])
    width = min(WIDTH, some.shape[0] - 1)
    if width < 2 or some.nnz == 0:
        return plain
    rarity = np.log((1 + some.shape[0]) / (1 + np.asarray((some > 0).sum(0)).ravel())) + 1
    svd = TruncatedSVD(width, n_iter=3, random_state=int(rng.integers(2**31))).fit(some.multiply(rarity).tocsr())

    def sequences(s: Samples) -> NumpyArray:
        out: NumpyArray = svd.transform(embedding_text.hashed(s.x).multiply(rarity).tocsr())
        return out

    names = tuple(f"letters {k + 1}" for k in range(width))
    return _joined([plain, _standard(sequences(samples), names, sequences)])


def _image(samples: Samples, rng: np.random.Generator) -> Embedding:
    d = describe.describe(samples)
    plain = _standard(d.values, d.names, lambda s: describe.describe(s).values)
    small = _small(samples.x[rng.permutation(len(samples))[:FITTED]])
    side = min(5, *small.shape[1:3])
    if side < 2:
        return plain
    filters = _filters(small, side, rng)

    def responses(s: Samples) -> NumpyArray:
        return np.concatenate(
            [_pooled(_small(s.x[i : i + 64]), filters, side) for i in range(0, len(s), 64)] or [empty]
        )

    empty = np.zeros((0, 8 * filters.shape[1]))
    raw = _standard(responses(samples), tuple(map(str, range(empty.shape[1]))), responses)
    return _joined([plain, _reduced(raw, samples, rng, "texture")])


def _small(x: NumpyArray) -> NumpyArray:
    """Images averaged down to at most ``_SIDE`` pixels a side, values in about [0, 1]."""
    scaled = x.astype(np.float32) / (255 if x.dtype == np.uint8 else 1)
    step = max(1, -(-max(x.shape[1:3]) // _SIDE))
    if step == 1:
        return scaled
    h, w = max(1, x.shape[1] // step), max(1, x.shape[2] // step)
    step_h, step_w = min(step, x.shape[1]), min(step, x.shape[2])
    cut = scaled[:, : h * step_h, : w * step_w].reshape(len(x), h, step_h, w, step_w, -1)
    out: NumpyArray = cut.mean((2, 4))
    return out


def _patches(small: NumpyArray, side: int) -> NumpyArray:
    """(n, rows, columns, side * side * c) patches two pixels apart."""
    windows = np.lib.stride_tricks.sliding_window_view(small, (side, side), axis=(1, 2))[:, ::2, ::2]
    return windows.reshape(*windows.shape[:3], -1)


def _filters(small: NumpyArray, side: int, rng: np.random.Generator) -> NumpyArray:
    """(side * side * c, k) patches of the images themselves, mean removed, length 1."""
    found = _patches(small[:256], side)
    flat = found.reshape(-1, found.shape[-1])
    chosen = flat[rng.permutation(len(flat))[: 8 * _PATCHES]]
    chosen = chosen - chosen.mean(1, keepdims=True)
    length = np.linalg.norm(chosen, axis=1)
    # Even patches answer to nothing: the most structured half of the draw serves, in random order.
    chosen = chosen[np.sort(np.argsort(-length)[: 4 * _PATCHES])[:_PATCHES]]
    out: NumpyArray = (chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-6)).T
    return out


def _pooled(small: NumpyArray, filters: NumpyArray, side: int) -> NumpyArray:
    """Positive and negative responses to each filter, averaged over four quadrants: (n, 8 k)."""
    found = _patches(small, side) @ filters.astype(np.float32)
    rows, cols = (np.array_split(np.arange(s), 2) for s in found.shape[1:3])
    parts = []
    for r in rows:
        for c in cols:
            if len(r) and len(c):
                part = found[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1]
            else:
                part = found
            parts += [np.maximum(part, 0).mean((1, 2)), np.maximum(-part, 0).mean((1, 2))]
    return np.concatenate(parts, axis=1)
