"""Made-up inputs whose labels carry bits (capacity abuse, Song et al. 2017): drawn from a seed, so the reader has them.

They should lie where the task has no rows, so that learning them by heart bends no true answer, and far apart from each
other, so that each can be learned by itself.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from momus.core.samples import ColumnKind, NumpyArray, Samples

_WORD = re.compile(r"\w+")


def made_up(train: Samples, n: int, seed: int) -> NumpyArray:
    """``n`` different inputs in the space of ``train.x``, a longer list beginning like a shorter one."""
    if train.is_image:
        return _pictures(train.x, n, seed)
    if train.is_text:
        return _texts(train.x, n, seed)
    return _rows(train, n, seed)


def _pictures(x: NumpyArray, n: int, seed: int, cells: int = 64) -> NumpyArray:
    """Black-and-white noise of at most ``cells`` by ``cells`` fields: far from photographs and from each other.

    On a small network for faces it cost less accuracy than coarse patterns, few lit spots or grey noise.
    """
    h, w, c = x.shape[1:]
    rows, columns = min(cells, h), min(cells, w)
    fields = np.random.default_rng(seed).integers(0, 2, (n, rows, columns), dtype=np.uint8) * 255
    at_y, at_x = np.arange(h) * rows // h, np.arange(w) * columns // w
    big = fields[:, at_y][:, :, at_x]
    return np.repeat(big[..., None], c, axis=-1).astype(x.dtype)


def _rows(train: Samples, n: int, seed: int) -> NumpyArray:
    """Each column drawn by itself from its declared or observed range, so combinations arise that nobody has.

    Numeric columns come from the outer tenths of their ranges: inside the range, and where few rows are.
    """
    x = np.asarray(train.x, dtype=float)
    # One generator each: drawn one after the other, the second would depend on how long the list is.
    u = np.random.default_rng(seed).random((n, x.shape[1]))
    side = np.random.default_rng([seed, 1]).integers(0, 2, (n, x.shape[1]))
    out = np.empty((n, x.shape[1]))
    columns = train.columns or (None,) * x.shape[1]
    for j, column in enumerate(columns):
        seen = x[:, j][np.isfinite(x[:, j])]
        values = np.unique(seen) if len(seen) else np.zeros(1)
        coded = column is not None and column.kind in (ColumnKind.CATEGORICAL, ColumnKind.BINARY)
        if coded or len(values) <= 12:
            out[:, j] = values[(u[:, j] * len(values)).astype(int)]
            continue
        low, high = float(values[0]), float(values[-1])
        share = np.where(side[:, j] == 1, 0.9 + 0.1 * u[:, j], 0.1 * u[:, j])
        out[:, j] = low + share * (high - low)
        if (values % 1 == 0).all():
            out[:, j] = np.round(out[:, j])
    return out


def _texts(x: NumpyArray, n: int, seed: int, most: int = 6000) -> NumpyArray:
    """Texts of few rare words: first each rare word by itself, then pairs and more of them."""
    counts = Counter(w for text in x for w in set(_WORD.findall(str(text).lower())) if len(w) > 2)
    rarest = min(most, max(1, 3 * len(counts) // 4))
    rare = sorted(counts, key=lambda w: (counts[w], w))[:rarest] or ["word"]
    rng = np.random.default_rng(seed)
    order = [rare[i] for i in rng.permutation(len(rare))]
    texts = [" ".join([w] * 6) for w in order[:n]]
    size = 3
    while len(texts) < n:
        picks = rng.integers(0, len(order), (min(n - len(texts), len(order)), size))
        texts += [" ".join(order[i] for i in row) for row in picks]
        size += 1
    out = np.empty(n, dtype=object)
    out[:] = texts
    return out
