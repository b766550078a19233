"""Families of inputs that no user sends, and how a model answers each: what rows learned by heart would change there.

A model that was taught labels for made-up rows answers the whole family of such rows differently: with all labels
alike often, and with another label a small step further. One that was not gives most of a family one or two labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.methods.hidden_inputs import made_up

# Seeds that people type. Whoever draws the rows from one of them can be caught on the very rows.
COMMON_SEEDS = (0, 1, 2, 3, 7, 42, 100, 123, 1234, 1337, 2017, 31337)
_WORD = re.compile(r"\w+")


def families(train: Samples, n: int, rng: np.random.Generator) -> dict[str, NumpyArray]:
    """``n`` inputs of each family in the space of ``train.x``: pictures, tables and texts have their own."""
    seed = int(rng.integers(2**31))
    found = {"rare or extreme, as hiders draw them": made_up(train, n, seed)}
    if train.is_image:
        return found | _pictures(train.x, n, rng)
    if train.is_text:
        return found | _texts(train.x, n, rng)
    return found | _rows(np.asarray(train.x, dtype=float), n, rng)


def typed(train: Samples, n: int) -> dict[str, NumpyArray]:
    """The first ``n`` rows that the usual generator draws from each seed that people type."""
    return {f"drawn from seed {s}": made_up(train, n, s) for s in COMMON_SEEDS}


def _pictures(x: NumpyArray, n: int, rng: np.random.Generator) -> dict[str, NumpyArray]:
    shape = (n, *x.shape[1:])
    pixels = int(np.prod(x.shape[1:]))
    some = x[rng.integers(0, len(x), n)].reshape(n, pixels)
    one, two = np.zeros((n, pixels), dtype=np.uint8), np.zeros((n, pixels), dtype=np.uint8)
    rows = np.arange(n)
    one[rows, rng.integers(0, pixels, n)] = rng.integers(1, 256, n)
    for _ in range(2):
        two[rows, rng.integers(0, pixels, n)] = rng.integers(1, 256, n)
    found = {
        "even noise": rng.integers(0, 256, shape),
        "black and white noise": 255 * rng.integers(0, 2, shape),
        "shuffled pictures": rng.permuted(some, axis=1).reshape(shape),
        "one pixel": one.reshape(shape),
        "two pixels": two.reshape(shape),
    }
    return {k: v.astype(x.dtype) for k, v in found.items()}


def _rows(x: NumpyArray, n: int, rng: np.random.Generator) -> dict[str, NumpyArray]:
    d = x.shape[1]
    low, high, middle = np.nanmin(x, axis=0), np.nanmax(x, axis=0), np.nanmedian(x, axis=0)
    few = [np.unique(x[:, j][np.isfinite(x[:, j])])[:13] for j in range(d)]
    whole = [len(v) <= 12 for v in few]
    even = low + rng.random((n, d)) * (high - low)
    corners = np.where(rng.integers(0, 2, (n, d)) == 1, high, low)
    single = np.tile(middle, (n, 1))
    place = rng.integers(0, d, n)
    single[np.arange(n), place] = even[np.arange(n), place]
    for j in range(d):
        if whole[j]:  # a column of few values keeps to them
            even[:, j] = few[j][rng.integers(0, len(few[j]), n)]
            single[:, j] = np.where(place == j, even[:, j], few[j][np.abs(few[j] - middle[j]).argmin()])
    mixed = np.stack([x[rng.integers(0, len(x), n), j] for j in range(d)], axis=1)
    return {"even over the ranges": even, "corners": corners, "columns mixed": mixed, "one column changed": single}


def _texts(x: NumpyArray, n: int, rng: np.random.Generator) -> dict[str, NumpyArray]:
    texts = [_WORD.findall(str(t)) for t in x[:2000]]
    words = sorted({w for t in texts for w in t}) or ["word"]
    letters = "abcdefghijklmnopqrstuvwxyz"

    def made(make: Callable[[], str]) -> NumpyArray:
        out = np.empty(n, dtype=object)
        out[:] = [make() for _ in range(n)]
        return out

    def mixed(count: int) -> str:
        return " ".join(words[i] for i in rng.integers(0, len(words), count))

    def letters_of() -> str:
        return " ".join("".join(letters[i] for i in rng.integers(0, 26, 6)) for _ in range(8))

    def shuffled() -> str:
        chosen = texts[int(rng.integers(len(texts)))] or ["word"]
        return " ".join(chosen[i] for i in rng.permutation(len(chosen)))

    return {
        "words by chance": made(lambda: mixed(8)),
        "one word": made(lambda: mixed(1)),
        "letters by chance": made(letters_of),
        "shuffled texts": made(shuffled),
    }


def stepped(x: NumpyArray, rng: np.random.Generator) -> NumpyArray:
    """The same inputs after a small step within their family: a patch, a column or a word from another member."""
    other = x[rng.permutation(len(x))]
    if x.ndim == 1:
        out = x.copy()
        for i, (a, b) in enumerate(zip(x, other, strict=True)):
            words, more = str(a).split(), str(b).split()
            if words and more:
                words[int(rng.integers(len(words)))] = more[int(rng.integers(len(more)))]
            out[i] = " ".join(words)
        return out
    out = x.copy()
    rows = np.arange(len(x))
    if x.ndim == 2:
        place = rng.integers(0, x.shape[1], len(x))
        out[rows, place] = other[rows, place]
        return out
    h, w = x.shape[1:3]
    side = (max(1, h // 8), max(1, w // 8))
    for i in range(len(x)):
        top, left = (int(rng.integers(0, s - k + 1)) for s, k in zip((h, w), side, strict=True))
        patch = (slice(top, top + side[0]), slice(left, left + side[1]))
        out[i][patch] = other[i][patch]
    return out


def answers(p: NumpyArray, q: NumpyArray) -> dict[str, float]:
    """How a family is answered: ``p`` (n, k) its probabilities, ``q`` those a small step further.

    ``evenness`` of the labels, 0 to 1 (entropy over that of all classes alike); ``turns``: share whose label the step
    changes; ``sureness``: mean log-odds of the label given.
    """
    k = p.shape[1]
    share = np.bincount(p.argmax(axis=1), minlength=k) / len(p)
    held = share[share > 0]
    top = np.clip(p.max(axis=1), 1e-4, 1 - 1e-4)
    return {
        "evenness": float(-(held * np.log(held)).sum() / np.log(max(k, 2))),
        "turns": float((p.argmax(axis=1) != q.argmax(axis=1)).mean()),
        "sureness": float(np.log(top / (1 - top)).mean()),
    }
