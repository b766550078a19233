"""Canaries: rows whose place in the training data is decided by a coin, so that what a model says of them is a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.errors import ProbeError
from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import one_row_per_id, row_keys

KINDS = ("mislabelled", "real", "crafted")


def eligible(train: Samples, test: Samples, rng: np.random.Generator) -> NumpyArray:
    """Indices of test rows that may become canaries: one a person, nobody and no row that stands in train, no twins."""
    rows = one_row_per_id(test, rng)
    keys = row_keys(test)[rows]
    known = np.isin(keys, row_keys(train))
    if train.ids is not None and test.ids is not None:
        known |= np.isin(np.asarray(test.ids)[rows].astype(str), np.unique(np.asarray(train.ids).astype(str)))
    _, first = np.unique(keys, return_index=True)
    once = np.zeros(len(rows), dtype=bool)
    once[first] = True
    free: NumpyArray = rows[once & ~known]
    return free


def made(rows: Samples, kind: str, classes: int, rng: np.random.Generator) -> Samples:
    """``rows`` as canaries: as they are, under another class, or with values that belong to other rows.

    mislabelled: every row gets a class that is not its own, which only a model that has seen it can know. crafted:
    every column (pixel, word's place) is also taken from another row, so that nothing but memory holds it together.
    """
    if kind not in KINDS:
        raise ProbeError(f"no canaries of kind '{kind}'", hint=f"Choose {', '.join(KINDS)}")
    if kind == "real" or not len(rows):
        return rows
    if classes < 2:
        raise ProbeError("one class cannot be mislabelled", hint="canaries: real")
    y = np.asarray(rows.y).astype(np.int64)
    wrong = (y + rng.integers(1, classes, len(y))) % classes
    return replace(rows, x=_shuffled(rows, rng) if kind == "crafted" else rows.x, y=wrong)


def _shuffled(rows: Samples, rng: np.random.Generator) -> NumpyArray:
    if rows.is_text:
        words = [str(t).split() for t in rows.x]
        bag = [w for text in words for w in text]
        order, out, start = rng.permutation(len(bag)), np.empty(len(rows), dtype=object), 0
        for i, text in enumerate(words):
            out[i] = " ".join(bag[j] for j in order[start : start + len(text)])
            start += len(text)
        return out
    flat = rows.x.reshape(len(rows), -1)
    return rng.permuted(flat, axis=0).reshape(rows.x.shape)
