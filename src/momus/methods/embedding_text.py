"""What a text looks like, in named columns and in hashed character sequences; nothing is downloaded or looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray

NAMES = (
    "letters (log)", "words (log)", "word length", "share of capitals", "share of digits", "share of punctuation",
    "share beyond ASCII", "share of white space", "share of repeated words",
)  # fmt: skip


def columns(texts: Sequence[Any] | NumpyArray) -> NumpyArray:
    """(n, 9) float64, the columns called ``NAMES``; an empty text is a row of zeros. One pass over the letters."""
    out = np.zeros((len(texts), len(NAMES)))
    for i, given in enumerate(texts):
        text = str(given)
        n = len(text)
        if not n:
            continue
        words = text.split()
        marks = sum(not (c.isalnum() or c.isspace()) for c in text)
        out[i] = (
            np.log1p(n),
            np.log1p(len(words)),
            sum(map(len, words)) / max(1, len(words)),
            sum(map(str.isupper, text)) / n,
            sum(map(str.isdigit, text)) / n,
            marks / n,
            sum(ord(c) > 127 for c in text) / n,
            sum(map(str.isspace, text)) / n,
            1 - len({w.lower() for w in words}) / max(1, len(words)),
        )
    return out


def hashed(texts: Sequence[Any] | NumpyArray, *, size: int = 1 << 14) -> Any:
    """Sparse (n, ``size``) counts of character sequences of 2 to 4 letters within words, each row of length 1 or 0.

    Counts are taken as 1 + log, so that one word said often does not drown the rest. At most the first 20,000 letters
    of a text are read.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    reader = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=size, alternate_sign=False, norm=None)
    counts = reader.transform([str(t)[:20_000] for t in texts])
    counts.data = 1 + np.log(counts.data)
    return normalize(counts, copy=False)
