"""Words used in similar places: neighbours by positive pointwise mutual information and its leading directions.

Such neighbours are learned from nothing but the user's own texts. They are as good as those texts are many: with a few
thousand sentences, opposites, names and numbers are neighbours too. Nobody vouches that one may stand for the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray
from momus.methods.text_edits import pieces

LEAST = 3  # times a word must be seen


@dataclass(frozen=True)
class Neighbours:
    """``vectors`` (words, directions) of unit length."""

    words: tuple[str, ...]
    vectors: NumpyArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {w: i for i, w in enumerate(self.words)})

    def of(self, word: str, k: int = 10, least: float = 0.5) -> list[tuple[str, float]]:
        """Up to ``k`` other words and their cosines, nearest first, none below ``least``."""
        i: int | None = self.__dict__["_index"].get(word)
        if i is None:
            return []
        near = self.vectors @ self.vectors[i]
        near[i] = -np.inf
        top = np.argsort(-near, kind="stable")[:k]
        return [(self.words[j], float(near[j])) for j in top if near[j] >= least]


def learn(texts: Iterable[str], *, window: int = 4, most: int = 4000, size: int = 64) -> Neighbours:
    """Neighbours among the ``most`` commonest words of ``texts``, by what stands within ``window`` words of them."""
    read: list[list[str]] = [[w.lower() for w in pieces(str(t)).words] for t in texts]
    seen = Counter(w for words in read for w in words)
    common = sorted((w for w, c in seen.items() if c >= LEAST), key=lambda w: (-seen[w], w))[:most]
    index = {w: i for i, w in enumerate(common)}
    n = len(common)
    if n < 3:
        return Neighbours((), np.zeros((0, 1)))
    pmi = _information(read, index, window)
    rank = min(size, n - 1)
    # The start vector is fixed: the solver would draw one from NumPy's global generator.
    u, s, _ = scipy.sparse.linalg.svds(pmi, k=rank, v0=np.ones(n) / np.sqrt(n))
    vectors = u * np.sqrt(s)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Neighbours(tuple(common), np.asarray(vectors / np.maximum(length, 1e-12)))


def _information(read: Sequence[Sequence[str]], index: dict[str, int], window: int) -> scipy.sparse.csr_matrix:
    """Positive pointwise mutual information (words, words); nearer words count more, rare contexts less (to 0.75)."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for words in read:
        known = [index.get(w, -1) for w in words]
        for i, a in enumerate(known):
            for step, b in enumerate(known[i + 1 : i + 1 + window], 1):
                if a >= 0 and b >= 0:
                    rows += [a, b]
                    columns += [b, a]
                    values += [1 / step, 1 / step]
    n = len(index)
    counts = scipy.sparse.coo_matrix((values, (rows, columns)), shape=(n, n)).tocsr()
    total = np.asarray(counts.sum(axis=1)).ravel()
    context = total**0.75
    context /= max(context.sum(), 1e-12)
    found = counts.tocoo()
    share = total[found.row] * context[found.col]
    pmi = np.log(np.maximum(found.data, 1e-12) / np.maximum(share, 1e-12))
    keep = pmi > 0
    return scipy.sparse.csr_matrix((pmi[keep], (found.row[keep], found.col[keep])), shape=(n, n))


def alike(word: str, alternative: str) -> str:
    """``alternative`` in the case that ``word`` is written in."""
    if len(word) > 1 and word.isupper():
        return alternative.upper()
    return alternative[:1].upper() + alternative[1:] if word[:1].isupper() else alternative
